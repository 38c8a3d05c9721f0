#include <tendon/error.h>
#include <tendon/ops.h>
#include <tendon/random.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numbers>
#include <vector>

#include "host/ops/philox.h"
#include "host/record/recorder.h"
#include "host/support/text.h"

namespace tendon::random {
namespace {

std::atomic<std::uint64_t> seed_of_process = 0;
thread_local std::uint64_t next_stream = 0;
thread_local std::uint64_t seed_seen = 0;

// Threads draw from streams of their own only if their programs give keys; each counts from 0.
Key peek_key() {
  const std::uint64_t seed = seed_of_process.load(std::memory_order_relaxed);
  if (seed != seed_seen) {
    seed_seen = seed;
    next_stream = 0;
  }
  return {seed, next_stream};
}
Key next_key() {
  const Key key = peek_key();
  ++next_stream;
  return key;
}

template <class... Arguments>
void check(bool is_right, const char* call, Place place, fmt::format_string<Arguments...> wrong,
           Arguments&&... arguments) {
  if (is_right) return;
  throw Error(fmt::format("{}{}: {}", call, support::at(place),
                          fmt::format(wrong, std::forward<Arguments>(arguments)...)));
}

Tensor unit(Key key, const Shape& shape, DType dtype, Place place) {
  const Attributes attributes{.shape = shape, .key = {key.seed, key.stream}, .dtype = dtype};
  return record::recorder().apply(Op::uniform, {}, &attributes, place);
}

// The numbers of a floating dtype: bits of the significand behind its first, the least above 0, the
// greatest.
struct Format {
  int bits;
  double least;
  double most;
};
Format format_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return {10, 0x1p-24, 65504};
    case DType::bf16: return {7, 0x1p-133, 0x1.fep127};
    case DType::f32: return {23, 0x1p-149, 0x1.fffffep127};
    default: return {52, 0x1p-1074, 0x1.fffffffffffffp1023};
  }
}

// The greatest number of the format that is not above x.
double rounded_down(double x, Format format) {
  if (x == 0 || !std::isfinite(x)) return x;
  const double unit = std::max(std::ldexp(1, std::ilogb(x) - format.bits), format.least);
  return std::floor(x / unit) * unit;
}
// The same of an f64 tensor, whose format has less than half of f64's bits. x + 2^52 x and back is
// the power of two that is nearest to x.
Tensor rounded_down(const Tensor& x, Format format, Place place) {
  const Tensor magnitude = abs({x, place});
  const Tensor lifted = mul({magnitude, place}, 0x1p52);
  const Tensor nearest = sub({add({lifted, place}, {magnitude, place}), place}, {lifted, place});
  const Tensor power = where({greater({nearest, place}, {magnitude, place}), place},
                             {mul({nearest, place}, 0.5), place}, {nearest, place});
  const Tensor unit =
      maximum({mul({power, place}, std::ldexp(1, -format.bits)), place}, {format.least, place});
  return mul({floor({div({x, place}, {unit, place}), place}), place}, {unit, place});
}

}  // namespace

Key fold_in(Key key, std::uint64_t i) {
  // A block of its own: the counter's upper half, which no drawing reaches.
  const ops::Words words = ops::philox_block(key.seed, key.stream, ~i);
  return {(std::uint64_t{words[1]} << 32) | words[0], (std::uint64_t{words[3]} << 32) | words[2]};
}

void seed(std::uint64_t value) {
  seed_of_process.store(value, std::memory_order_relaxed);
  seed_seen = value;
  next_stream = 0;
}

NamedTensor state(Place place) {
  const record::Suspend suspend;
  const Key next = peek_key();
  const std::uint64_t words[] = {next.seed, next.stream};
  return {"random", record::from_host(words, {DType::i64, {2}}, Device::cpu(), place)};
}
void load(const NamedTensor& state, Place place) {
  const record::Suspend suspend;
  check(!state.value.is_empty_handle(), "random::load", place, "tensor '{}' is empty", state.name);
  const DType dtype = state.value.dtype();
  const Shape& shape = state.value.shape();
  check(dtype == DType::i64 && shape == Shape{2}, "random::load", place,
        "tensor '{}' is {} {}; a state of random numbers is i64 (2,)", state.name, dtype, shape);
  const std::vector<std::int64_t> words = state.value.to_vector<std::int64_t>();
  seed(static_cast<std::uint64_t>(words[0]));
  next_stream = static_cast<std::uint64_t>(words[1]);
}

Tensor uniform(Key key, const Shape& shape, double low, double high, DType dtype, Place place) {
  const Format format = format_of(dtype);
  const bool fits = -format.most <= low && high <= format.most && high - low <= format.most;
  check(fits && low <= high, "uniform", place,
        "low is {} and high {}; they and their difference must be finite in {}, and low not above "
        "high",
        low, high, name(dtype));
  const bool is_stored = dtype == DType::f16 || dtype == DType::bf16;
  if (!is_stored && low == 0 && high == 1) return unit(key, shape, dtype, place);
  Tensor x = unit(key, shape, is_stored ? DType::f32 : dtype, place);
  if (is_stored) x = cast({x, place}, DType::f64);
  x = add({mul({x, place}, high - low), place}, low);
  if (is_stored) x = rounded_down(x, format, place);
  const double least = -rounded_down(-low, format);
  const double most = rounded_down(std::nextafter(high, low), format);
  if (least <= most) x = clip({x, place}, {least, place}, {most, place});
  return is_stored ? cast({x, place}, dtype) : x;
}
Tensor uniform(const Shape& shape, double low, double high, DType dtype, Place place) {
  return uniform(next_key(), shape, low, high, dtype, place);
}

// r cos(t), r = sqrt(-2 log(1 - u)), t = 2 pi v, from two independent streams; 1 - u is never 0.
Tensor normal(Key key, const Shape& shape, double mean, double deviation, DType dtype,
              Place place) {
  const double most = format_of(dtype).most;
  check(std::abs(mean) <= most, "normal", place, "the mean is {}; it must be finite in {}", mean,
        name(dtype));
  check(0 <= deviation && deviation <= most, "normal", place,
        "the deviation is {}; it must be finite in {}, and not negative", deviation, name(dtype));
  if (dtype == DType::f16 || dtype == DType::bf16) {
    return cast({normal(key, shape, mean, deviation, DType::f32, place), place}, dtype);
  }
  const Tensor u = unit(fold_in(key, 0), shape, dtype, place);
  const Tensor v = unit(fold_in(key, 1), shape, dtype, place);
  const Tensor radius = sqrt({mul({log1p({neg({u, place}), place}), place}, -2.0), place});
  const Tensor angle = mul({v, place}, 2 * std::numbers::pi);
  const Tensor drawn = mul({radius, place}, {cos({angle, place}), place});
  if (mean == 0 && deviation == 1) return drawn;
  return add({mul({drawn, place}, deviation), place}, mean);
}
Tensor normal(const Shape& shape, double mean, double deviation, DType dtype, Place place) {
  return normal(next_key(), shape, mean, deviation, dtype, place);
}

Tensor bernoulli(Key key, const Shape& shape, double probability, Place place) {
  check(probability >= 0 && probability <= 1, "bernoulli", place, "{} is no probability",
        probability);
  return less({unit(key, shape, DType::f32, place), place}, probability);
}
Tensor bernoulli(const Shape& shape, double probability, Place place) {
  return bernoulli(next_key(), shape, probability, place);
}

}  // namespace tendon::random
