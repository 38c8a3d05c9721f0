#include "host/tape/tape_arrays.h"

#include <algorithm>
#include <bit>

namespace tendon::detail {
namespace {

// Most values have the shape of an operand: then they share its entry.
std::uint32_t shape_id(std::vector<Shape>& shapes, const std::vector<std::uint32_t>& ids,
                       std::span<const Ref> operands, const Shape& shape) {
  for (const Ref operand : operands) {
    const std::uint32_t id = ids[operand.id];
    if (shapes[id] == shape) return id;
  }
  // As often as not a leaf has that of the leaf before.
  if (shapes.empty() || shapes.back() != shape) shapes.push_back(shape);
  return static_cast<std::uint32_t>(shapes.size() - 1);
}

}  // namespace

void TapeArrays::clear(Tape& tape) {
  tape.ops_.clear();
  tape.dtypes_.clear();
  tape.shape_ids_.clear();
  tape.attribute_ids_.clear();
  tape.operand_begin_.resize(1);
  tape.operands_.clear();
  tape.places_.clear();
  tape.shapes_.clear();
  tape.attributes_.resize(1);
  tape.literals_.clear();
  tape.inputs_.clear();
  tape.input_names_.clear();
  tape.targets_.clear();
}

void TapeArrays::swap(Tape& a, Tape& b) noexcept {
  a.ops_.swap(b.ops_);
  a.dtypes_.swap(b.dtypes_);
  a.shape_ids_.swap(b.shape_ids_);
  a.attribute_ids_.swap(b.attribute_ids_);
  a.operand_begin_.swap(b.operand_begin_);
  a.operands_.swap(b.operands_);
  a.places_.swap(b.places_);
  a.shapes_.swap(b.shapes_);
  a.attributes_.swap(b.attributes_);
  a.literals_.swap(b.literals_);
  a.inputs_.swap(b.inputs_);
  a.input_names_.swap(b.input_names_);
  a.targets_.swap(b.targets_);
}

std::size_t TapeArrays::held_bytes(const Tape& tape) {
  return tape.ops_.capacity() * 32 + tape.operands_.capacity() * sizeof(Ref) +
         tape.shapes_.capacity() * sizeof(Shape) + tape.attributes_.capacity() * sizeof(Attributes);
}

Ref TapeArrays::append(Tape& tape, Op op, std::span<const Ref> operands,
                       const Attributes* attributes, DType dtype, const Shape& shape, Place place) {
  const Ref value{tape.size()};
  std::uint32_t attribute_id = 0;
  if (attributes != nullptr) {
    attribute_id = static_cast<std::uint32_t>(tape.attributes_.size());
    tape.attributes_.push_back(*attributes);
  }
  tape.shape_ids_.push_back(shape_id(tape.shapes_, tape.shape_ids_, operands, shape));
  tape.ops_.push_back(op);
  tape.dtypes_.push_back(dtype);
  tape.attribute_ids_.push_back(attribute_id);
  for (const Ref operand : operands) tape.operands_.push_back(operand);
  tape.operand_begin_.push_back(static_cast<std::uint32_t>(tape.operands_.size()));
  tape.places_.push_back(place);
  return value;
}

Ref TapeArrays::input(Tape& tape, DType dtype, const Shape& shape, Place place) {
  const Ref value = append(tape, Op::input, {}, nullptr, dtype, shape, place);
  tape.inputs_.push_back(value);
  tape.input_names_.emplace_back();
  return value;
}

Ref TapeArrays::constant(Tape& tape, double number, DType dtype, const Shape& shape, Place place) {
  const Ref value = append(tape, Op::constant, {}, nullptr, dtype, shape, place);
  const Attributes& last = tape.attributes_.back();
  const bool same = tape.attributes_.size() > 1 &&
                    last == Attributes{.shape = shape, .number = number, .dtype = dtype};
  if (!same) {
    Attributes& attributes = tape.attributes_.emplace_back();
    attributes.shape = shape;
    attributes.number = number;
    attributes.dtype = dtype;
  }
  tape.attribute_ids_.back() = static_cast<std::uint32_t>(tape.attributes_.size() - 1);
  return value;
}

void TapeArrays::set_targets(Tape& tape, std::span<const Ref> targets) {
  tape.targets_.assign(targets.begin(), targets.end());
}

}  // namespace tendon::detail
