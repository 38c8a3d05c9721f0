#include "host/plan/tape_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "host/tape/tape_arrays.h"

namespace tendon::plan {
namespace {

using detail::TapeArrays;

template <class T>
std::uint64_t hash_array(std::span<const T> values, std::uint64_t seed) {
  static_assert(std::has_unique_object_representations_v<T>);
  return XXH3_64bits_withSeed(values.data(), values.size_bytes(), seed);
}
template <class T>
bool same_array(std::span<const T> a, std::span<const T> b) {
  static_assert(std::has_unique_object_representations_v<T>);
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

// Numbers that come one by one.
class Mixer {
 public:
  explicit Mixer(std::uint64_t seed) : state_(seed) {}
  void add(std::uint64_t value) { state_ = (std::rotl(state_, 23) ^ value) * 0x9E3779B97F4A7C15U; }
  void add(const Shape& shape) {
    add(static_cast<std::uint64_t>(shape.rank()));
    for (const std::int64_t extent : shape) add(static_cast<std::uint64_t>(extent));
  }
  void add(const Attributes& attributes) {
    add(static_cast<std::uint64_t>(attributes.axes.count()));
    for (const int axis : attributes.axes) add(static_cast<std::uint64_t>(axis));
    add(attributes.shape);
    add(attributes.begin);
    add(attributes.step);
    add(std::bit_cast<std::uint64_t>(attributes.number));
    add(static_cast<std::uint64_t>(attributes.dtype) |
        static_cast<std::uint64_t>(attributes.keep_dims) << 8 |
        static_cast<std::uint64_t>(attributes.transpose_a) << 9 |
        static_cast<std::uint64_t>(attributes.transpose_b) << 10);
  }
  std::uint64_t state() const { return state_ ^ (state_ >> 29); }

 private:
  std::uint64_t state_;
};

// A NaN is the same as itself here; a key counts nowhere.
bool same_attributes(const Attributes& a, const Attributes& b) {
  return std::bit_cast<std::uint64_t>(a.number) == std::bit_cast<std::uint64_t>(b.number) &&
         a.dtype == b.dtype && a.keep_dims == b.keep_dims && a.transpose_a == b.transpose_a &&
         a.transpose_b == b.transpose_b && a.axes == b.axes && a.shape == b.shape &&
         a.begin == b.begin && a.step == b.step;
}

// An op whose structure is more than its op, dtype and operands. The shape of any other value
// follows from those of its operands.
enum class Extra : std::uint8_t { none, shape, literal, attributes };

Extra extra_of(Op op, std::uint32_t attribute_id) {
  switch (op) {
    case Op::input:
    case Op::constant:
    case Op::uniform: return Extra::shape;
    case Op::literal: return Extra::literal;
    default: return attribute_id == 0 ? Extra::none : Extra::attributes;
  }
}

}  // namespace

std::uint64_t structure_hash(const Tape& tape) {
  std::uint64_t hash = hash_array(TapeArrays::ops(tape), tape.inputs().size());
  hash = hash_array(TapeArrays::dtypes(tape), hash);
  hash = hash_array(tape.operand_begin(), hash);
  hash = hash_array(tape.operand_ids(), hash);
  hash = hash_array(tape.inputs(), hash);
  hash = hash_array(tape.targets(), hash);
  Mixer mixer(hash);
  const std::span<const Op> ops = TapeArrays::ops(tape);
  const std::span<const std::uint32_t> attribute_ids = TapeArrays::attribute_ids(tape);
  for (std::uint32_t id = 0; id < ops.size(); ++id) {
    switch (extra_of(ops[id], attribute_ids[id])) {
      case Extra::none: break;
      case Extra::shape: mixer.add(tape.shape(Ref{id})); break;
      case Extra::literal: {
        const std::span<const std::byte> bytes = tape.literal(Ref{id});
        mixer.add(tape.shape(Ref{id}));
        mixer.add(XXH3_64bits(bytes.data(), bytes.size()));
        break;
      }
      case Extra::attributes: mixer.add(tape.attributes(Ref{id})); break;
    }
  }
  return mixer.state();
}

bool same_structure(const Tape& a, const Tape& b) {
  const std::span<const Op> ops = TapeArrays::ops(a);
  if (!same_array(ops, TapeArrays::ops(b)) ||
      !same_array(TapeArrays::dtypes(a), TapeArrays::dtypes(b)) ||
      !same_array(a.operand_begin(), b.operand_begin()) ||
      !same_array(a.operand_ids(), b.operand_ids()) || !same_array(a.inputs(), b.inputs()) ||
      !same_array(a.targets(), b.targets())) {
    return false;
  }
  const std::span<const std::uint32_t> in_a = TapeArrays::attribute_ids(a);
  const std::span<const std::uint32_t> in_b = TapeArrays::attribute_ids(b);
  for (std::uint32_t id = 0; id < ops.size(); ++id) {
    const Ref value{id};
    switch (extra_of(ops[id], in_a[id] | in_b[id])) {
      case Extra::none: break;
      case Extra::shape:
        if (a.shape(value) != b.shape(value)) return false;
        break;
      case Extra::literal:
        if (a.shape(value) != b.shape(value) ||
            !std::ranges::equal(a.literal(value), b.literal(value))) {
          return false;
        }
        break;
      case Extra::attributes:
        if (!same_attributes(a.attributes(value), b.attributes(value))) return false;
        break;
    }
  }
  return true;
}

}  // namespace tendon::plan
