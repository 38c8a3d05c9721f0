// TapeBuilder and the Tape it finishes.
#include <tendon/backend.h>
#include <tendon/error.h>

#include <cstring>

#include "host/ops/checks.h"
#include "host/ops/op_row.h"

namespace tendon {

void detail::throw_no_entry(const char* call, const char* entry, std::size_t index,
                            std::size_t count) {
  throw Error(fmt::format("{}: there is no {} {} among {}", call, entry, index, count));
}

std::span<const std::byte> Tape::literal(Ref value) const {
  if (op(value) != Op::literal) {
    throw Error(
        fmt::format("Tape::literal: value {} is the result of {}", value.id, name(op(value))));
  }
  return literals_[static_cast<std::size_t>(attributes(value).number)];
}

TapeBuilder::TapeBuilder(Tape tape) : tape_(std::move(tape)) {
  tape_.targets_.clear();
  begin_again();
}

// A tape that was moved from lacks what an empty one has.
void TapeBuilder::begin_again() {
  if (tape_.operand_begin_.empty()) tape_ = Tape();
}

Ref TapeBuilder::append(Op op, std::span<const Ref> operands, const Attributes& attributes,
                        DType dtype, const Shape& shape, Place place) {
  begin_again();
  const Ref value{tape_.size()};
  // Most values have the shape of an operand: then they share its entry.
  std::uint32_t shape_id = 0;
  bool shared = false;
  for (const Ref operand : operands) {
    if (shared) break;
    shape_id = tape_.shape_ids_[operand.id];
    shared = tape_.shapes_[shape_id] == shape;
  }
  if (!shared) {
    shape_id = static_cast<std::uint32_t>(tape_.shapes_.size());
    tape_.shapes_.push_back(shape);
  }
  std::uint32_t attribute_id = 0;
  if (attributes != tape_.attributes_[0]) {
    // As often as not the same as the op's before.
    if (attributes != tape_.attributes_.back()) tape_.attributes_.push_back(attributes);
    attribute_id = static_cast<std::uint32_t>(tape_.attributes_.size() - 1);
  }
  tape_.ops_.push_back(op);
  tape_.dtypes_.push_back(dtype);
  tape_.shape_ids_.push_back(shape_id);
  tape_.attribute_ids_.push_back(attribute_id);
  tape_.operands_.insert(tape_.operands_.end(), operands.begin(), operands.end());
  tape_.operand_begin_.push_back(static_cast<std::uint32_t>(tape_.operands_.size()));
  tape_.places_.push_back(place);
  return value;
}

void TapeBuilder::check_ref(Ref value, const char* call, Place place) const {
  if (value.id >= tape_.size()) {
    throw Error(fmt::format("{}{}: no value {} in a tape of {}", call, support::at(place), value.id,
                            tape_.size()));
  }
}

Ref TapeBuilder::input(DType dtype, const Shape& shape, std::string_view name, Place place) {
  ops::check_extents({Op::input, {}, {}, place}, shape);
  ops::check_dtype({Op::input, {}, {}, place}, dtype);
  const Ref value = append(Op::input, {}, {}, dtype, shape, place);
  tape_.inputs_.push_back(value);
  tape_.input_names_.emplace_back(name);
  return value;
}

Ref TapeBuilder::constant(double value, DType dtype, const Shape& shape, Place place) {
  return apply(Op::constant, {}, {.shape = shape, .number = value, .dtype = dtype}, place);
}

Ref TapeBuilder::literal(std::span<const std::byte> bytes, DType dtype, const Shape& shape,
                         Place place) {
  ops::check_extents({Op::literal, {}, {}, place}, shape);
  const auto count = static_cast<std::int64_t>(bytes.size() / size_bytes(dtype));
  if (count != shape.size()) {
    throw ShapeError(
        fmt::format("constant{}: {} values for shape {}", support::at(place), count, shape));
  }
  begin_again();
  tape_.literals_.emplace_back(bytes.begin(), bytes.end());
  return append(Op::literal, {}, {.number = static_cast<double>(tape_.literals_.size() - 1)}, dtype,
                shape, place);
}

Ref TapeBuilder::apply(Op op, std::span<const Ref> operands, const Attributes& attributes,
                       Place place) {
  constexpr std::size_t kFew = 8;
  ops::Type few[kFew];
  const ops::Type* few_pointers[kFew];
  std::vector<ops::Type> many;
  std::vector<const ops::Type*> many_pointers;
  ops::Type* types = few;
  const ops::Type** pointers = few_pointers;
  if (operands.size() > kFew) {
    many.resize(operands.size());
    many_pointers.resize(operands.size());
    types = many.data();
    pointers = many_pointers.data();
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    check_ref(operands[i], name(op), place);
    types[i] = {tape_.dtype(operands[i]), tape_.shape(operands[i])};
    pointers[i] = &types[i];
  }
  const ops::Type type = ops::infer({op, {pointers, operands.size()}, attributes, place});
  return append(op, operands, attributes, type.dtype, type.shape, place);
}

Tape TapeBuilder::finish(std::span<const Ref> targets, Place place) && {
  for (const Ref target : targets) check_ref(target, "finish", place);
  begin_again();
  tape_.targets_.assign(targets.begin(), targets.end());
  return std::move(tape_);
}

}  // namespace tendon
