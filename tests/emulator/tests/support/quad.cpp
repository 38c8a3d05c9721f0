#include "support/quad.h"

#include <cmath>

namespace emulator_test {
namespace {

__extension__ typedef unsigned __int128 Bits;

// 2^exponent, for a normal number of this size.
Quad power_of_two(int exponent) {
  return std::bit_cast<Quad>(static_cast<Bits>(static_cast<unsigned>(exponent + 16383)) << 112);
}

Quad infinity() { return power_of_two(16384); }

// floor(log2|value|) of a finite number that is not zero, nor as small as quads can be.
int exponent_of(Quad value) {
  return static_cast<int>(std::bit_cast<Bits>(value) >> 112 & 0x7fff) - 16383;
}

// Toward zero, of numbers below 2^112.
Quad truncated(Quad value) {
  const int exponent = value == 0 ? -1 : exponent_of(value);
  if (exponent < 0) return is_negative(value) ? -Quad{0} : Quad{0};
  if (exponent >= 112) return value;
  const Bits fraction = (Bits{1} << (112 - exponent)) - 1;
  return std::bit_cast<Quad>(std::bit_cast<Bits>(value) & ~fraction);
}

}  // namespace

bool is_nan(Quad value) { return value != value; }
bool is_infinite(Quad value) { return value == infinity() || value == -infinity(); }
bool is_negative(Quad value) { return (std::bit_cast<Bits>(value) >> 127) != 0; }

Quad whole(Quad value, Rounding rounding) {
  if (is_nan(value) || is_infinite(value)) return value;
  const Quad below = truncated(value);
  const Quad rest = value - below;
  if (rest == 0) return value;
  const Quad size = rest < 0 ? -rest : rest;
  const bool is_odd = truncated(below / 2) * 2 != below;
  bool goes_out = false;
  switch (rounding) {
    case Rounding::nearest: goes_out = size > Quad{0.5} || (size == Quad{0.5} && is_odd); break;
    case Rounding::away: goes_out = size >= Quad{0.5}; break;
    case Rounding::zero: break;
    case Rounding::down: goes_out = rest < 0; break;
    case Rounding::up: goes_out = rest > 0; break;
  }
  if (!goes_out) return below;
  return is_negative(value) ? below - 1 : below + 1;
}

Quad sum(Quad a, Quad b, Rounding rounding) {
  const Quad total = a + b;
  if (is_nan(total) || is_infinite(total)) return total;
  if (total == 0) {
    if (a == 0 && b == 0 && is_negative(a) == is_negative(b)) return a;
    return rounding == Rounding::down ? -Quad{0} : Quad{0};
  }
  // What the sum left out, exactly; where there is something, the last bit is made one.
  const Quad of_b = total - a;
  const Quad error = (a - (total - of_b)) + (b - of_b);
  const Bits bits = std::bit_cast<Bits>(total);
  if (error == 0 || (bits & 1) != 0) return total;
  const bool grows = is_negative(error) == is_negative(total);
  return std::bit_cast<Quad>(grows ? bits + 1 : bits - 1);
}

Quad square_root(Quad value) {
  if (is_nan(value) || is_infinite(value) || value <= 0) {
    return value < 0 ? infinity() - infinity() : value;
  }
  const Quad near = std::sqrt(static_cast<double>(value));
  if (near * near == value) return near;
  const Quad nearer = (near + value / near) / 2;
  return (nearer + value / nearer) / 2;
}

Quad absolute(Quad value) { return is_negative(value) ? -value : value; }

Quad decode(const Format& format, std::uint64_t bits) {
  const int fraction_bits = format.precision - 1;
  const int exponent_bits = format.bytes * 8 - 1 - fraction_bits;
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << fraction_bits) - 1);
  const int exponent =
      static_cast<int>(bits >> fraction_bits & ((std::uint64_t{1} << exponent_bits) - 1));
  Quad size = 0;
  if (exponent == (1 << exponent_bits) - 1) {
    size = fraction != 0 ? infinity() - infinity() : infinity();
  } else if (exponent == 0) {
    size = static_cast<Quad>(fraction) * power_of_two(format.least - fraction_bits);
  } else {
    size = (static_cast<Quad>(fraction) + power_of_two(fraction_bits)) *
           power_of_two(exponent + format.least - 1 - fraction_bits);
  }
  return (bits >> (format.bytes * 8 - 1) & 1) != 0 ? -size : size;
}

std::uint64_t encode(const Format& format, Quad value, Rounding rounding) {
  const int fraction_bits = format.precision - 1;
  const std::uint64_t sign = is_negative(value) ? std::uint64_t{1} << (format.bytes * 8 - 1) : 0;
  const auto exponent_field = [&](int exponent) {
    return static_cast<std::uint64_t>(exponent - format.least + 1) << fraction_bits;
  };
  const std::uint64_t infinite = exponent_field(format.most + 1);
  if (is_nan(value)) return infinite | ((std::uint64_t{1} << fraction_bits) - 1);
  if (is_infinite(value)) return sign | infinite;
  if (value == 0) return sign;
  int exponent = exponent_of(value);
  if (exponent < format.least) exponent = format.least;
  const Quad step = power_of_two(exponent - fraction_bits);
  const Quad steps = whole(value / step, rounding);
  const auto count = static_cast<std::uint64_t>(steps < 0 ? -steps : steps);
  // Rounded up to the next power of two the exponent grows by itself; a subnormal has none.
  const std::uint64_t result =
      exponent_field(exponent) - (std::uint64_t{1} << fraction_bits) + count;
  if (result < infinite) return sign | result;
  const bool stays = rounding == Rounding::zero || (rounding == Rounding::down && sign == 0) ||
                     (rounding == Rounding::up && sign != 0);
  return sign | (stays ? infinite - 1 : infinite);
}

bool is_nan(const Format& format, std::uint64_t bits) { return is_nan(decode(format, bits)); }

std::uint64_t flushed(const Format& format, std::uint64_t bits) {
  const std::uint64_t sign = bits & std::uint64_t{1} << (format.bytes * 8 - 1);
  const std::uint64_t size = bits & ~sign;
  return size < std::uint64_t{1} << (format.precision - 1) ? sign : bits;
}

}  // namespace emulator_test
