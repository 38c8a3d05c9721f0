// The arrays of a Tape, for the rooms that write or compare whole tapes: without a check, and
// without a copy.
#pragma once

#include <tendon/backend.h>

namespace tendon::detail {

struct TapeArrays {
  static std::span<const Op> ops(const Tape& tape) { return tape.ops_; }
  static std::span<const DType> dtypes(const Tape& tape) { return tape.dtypes_; }
  static std::span<const std::uint32_t> shape_ids(const Tape& tape) { return tape.shape_ids_; }
  static std::span<const Shape> shapes(const Tape& tape) { return tape.shapes_; }
  static std::span<const std::uint32_t> attribute_ids(const Tape& tape) {
    return tape.attribute_ids_;
  }
  static std::span<const Attributes> attributes(const Tape& tape) { return tape.attributes_; }
  // Null where the op has none.
  static const Attributes* own_attributes(const Tape& tape, Ref value) {
    const std::uint32_t id = tape.attribute_ids_[value.id];
    return id == 0 ? nullptr : &tape.attributes_[id];
  }
  static std::span<const Place> places(const Tape& tape) { return tape.places_; }

  static void swap(Tape& a, Tape& b) noexcept;
  // Empties the tape, which keeps its memory.
  static void clear(Tape& tape);
  static std::size_t held_bytes(const Tape& tape);  // about what it keeps then
  // Appends an op whose result has this type; `attributes`: null where it has none. The tape is not
  // shared yet.
  static Ref append(Tape& tape, Op op, std::span<const Ref> operands, const Attributes* attributes,
                    DType dtype, const Shape& shape, Place place);
  static Ref input(Tape& tape, DType dtype, const Shape& shape, Place place);
  static Ref constant(Tape& tape, double number, DType dtype, const Shape& shape, Place place);
  static void set_targets(Tape& tape, std::span<const Ref> targets);
};

}  // namespace tendon::detail
