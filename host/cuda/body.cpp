#include "host/cuda/body.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "host/cuda/uniform.h"
#include "host/ops/op_row.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;
using plan::Piece;
using plan::View;

std::size_t at(int axis) { return static_cast<std::size_t>(axis); }

constexpr std::int64_t kMostNarrow = std::int64_t{1} << 30;

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// The operator of the language that the formula is for floating operands, or none.
std::string_view operator_of(Op op) {
  switch (op) {
    case Op::neg:
    case Op::sub: return "-";
    case Op::add: return "+";
    case Op::mul: return "*";
    case Op::div: return "/";
    default: return "";
  }
}

// An op's result as a value of its dtype.
std::string rounded(DType dtype, std::string expression) {
  if (!is_half(dtype)) return expression;
  return fmt::format("rounded<{}>({})", stored_type(dtype), expression);
}

std::string cast_to(DType dtype, const std::string& operand) {
  if (is_half(dtype)) return fmt::format("op::cast_for_16_bits({})", operand);
  return fmt::format("op::cast<{}>({})", value_type(dtype), operand);
}

}  // namespace

bool needs_wide_indices(const Tape& tape, const plan::Part& part) {
  if (part.space.size() > kMostNarrow) return true;
  return std::ranges::any_of(part.body, [&](const Instruction& step) {
    return std::ranges::any_of(step.view.pieces, [&](const Piece& piece) {
      return tape.shape(piece.base).size() > kMostNarrow || std::abs(piece.offset) > kMostNarrow;
    });
  });
}

bool is_contiguous(const View& view) {
  return view.is_whole() && is_row_major(view) && view.shape.size() > 1;
}

Body::Body(const plan::Plan& plan, const plan::Part& part, Emitter& emitter)
    : tape_(plan.tape),
      part_(part),
      emitter_(emitter),
      cost_(cost_of(plan.tape, part)),
      values_(part.body.size()) {}

void Body::forget(Level level) {
  for (Local i = 0; i < values_.size(); ++i) {
    if (part_.body[i].level == level) values_[i].clear();
  }
}

void Body::write_uniforms() {
  Position nowhere{Level::uniform, "0", "u", {}};
  for (Local i = 0; i < values_.size(); ++i) {
    if (part_.body[i].level == Level::uniform && !is_argument(i)) value(i, nowhere);
  }
}

bool Body::is_argument(Local local) const {
  const Instruction& step = part_.body[local];
  return step.level == Level::uniform && step.kind != Instruction::Kind::load &&
         is_of_numbers(tape_, step.value);
}

std::string Body::value(Local local, Position& position) {
  if (has(local)) return values_[local];
  const Instruction& step = part_.body[local];
  if (is_argument(local)) {
    return values_[local] = step.kind == Instruction::Kind::number
                                ? emitter_.number(step.value, step.dtype)
                                : emitter_.uniform(step.value, step.dtype);
  }
  std::string expression;
  switch (step.kind) {
    case Instruction::Kind::number: expression = emitter_.number(step.value, step.dtype); break;
    case Instruction::Kind::load: expression = element(step.view, step.dtype, position); break;
    case Instruction::Kind::generate:
      expression = rounded(step.dtype, generated(step, position));
      break;
    case Instruction::Kind::compute:
      expression = rounded(step.dtype, compute(step, position));
      break;
    case Instruction::Kind::expand: return values_[local] = value(step.operands[0], position);
    case Instruction::Kind::reduce: throw Error("a reduction is asked for before its row is done");
  }
  const std::string name = fmt::format("v{}", local);
  emitter_.line("const {} {} = {};", value_type(step.dtype), name, expression);
  return values_[local] = name;
}

std::string Body::compute(const Instruction& step, Position& position) {
  const Op op = tape_.op(step.value);
  std::vector<std::string> of;
  for (std::uint32_t i = 0; i < step.operand_count; ++i)
    of.push_back(value(step.operands[i], position));
  const DType dtype = tape_.dtype(tape_.operands(step.value).back());
  const bool is_called =
      std::ranges::find(cost_.called, PartCost::Called{op, dtype}) != cost_.called.end();
  // Written out it compiles in less time than the call of a function.
  if (const auto symbol = operator_of(op);
      !symbol.empty() && is_floating(step.dtype) && !is_called) {
    return of.size() == 1 ? fmt::format("{}{}", symbol, of[0])
                          : fmt::format("{} {} {}", of[0], symbol, of[1]);
  }
  std::string operands = fmt::format("{}", fmt::join(of, ", "));
  if (op == Op::where) return fmt::format("op::select({})", operands);
  if (op == Op::cast) return cast_to(step.dtype, operands);
  if (ops::row(op).elementwise.parameter != nullptr) {
    // Not rounded to a type of 16 bits: it is no value of the tape.
    const bool is_f64 = tape_.dtype(tape_.operands(step.value)[0]) == DType::f64;
    operands += ", " + emitter_.number(step.value, is_f64 ? DType::f64 : DType::f32);
  }
  return fmt::format("{}::{}({})", is_called ? "called" : "op", name(op), operands);
}

std::string Body::generated(const Instruction& step, const Position& position) {
  if (tape_.op(step.value) == Op::uniform) {
    return fmt::format("uniform_{}({}, {}, {})", stored_type(step.dtype),
                       emitter_.key(step.value, 0), emitter_.key(step.value, 1), position.index);
  }
  const Shape& shape = tape_.shape(step.value);
  const int axis = tape_.attributes(step.value).axes[0];
  const bool is_last = axis + 1 == shape.rank();
  if (is_last && !position.in_row.empty() && part_.row_length() == shape[axis])
    return cast_to(step.dtype, fmt::format("static_cast<i64>({})", position.in_row));
  std::int64_t inner = 1;
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  const std::string of_axes =
      is_last ? fmt::format("index({})", position.index)
              : fmt::format("index({}) / {}", position.index, emitter_.divisor(inner));
  const std::string extent = emitter_.word("extent", shape[axis]),
                    extents = emitter_.divisor(shape[axis]);
  // (i / inner) % extent
  return cast_to(step.dtype,
                 fmt::format("static_cast<i64>({0} - {0} / {1} * static_cast<index>({2}))", of_axes,
                             extents, extent));
}

const std::string& Body::coordinate(int axis, Position& position) {
  const Shape shape = part_.shape(position.level);
  if (position.coordinates.empty()) {
    position.coordinates.resize(at(shape.rank()));
    // From the last axis to the first, each division giving what is left.
    std::string left = position.index;
    for (int i = shape.rank(); i-- > 0;) {
      const std::string name = fmt::format("c{}{}", position.suffix, i);
      if (i == 0) {
        emitter_.line("const index {} = {};", name, left);
      } else {
        auto [field, is_new] = extents_.try_emplace({static_cast<int>(position.level), i});
        if (is_new) field->second = {emitter_.word("extent", shape[i]), emitter_.divisor(shape[i])};
        const std::string rest = fmt::format("q{}{}", position.suffix, i);
        emitter_.line("const index {} = {} / {};", rest, left, field->second.second);
        emitter_.line("const index {} = {} - {} * static_cast<index>({});", name, left, rest,
                      field->second.first);
        left = rest;
      }
      position.coordinates[at(i)] = name;
    }
  }
  return position.coordinates[at(axis)];
}

std::string Body::piece(const Piece& piece, const View& view, DType dtype, Position& position) {
  const std::string base = emitter_.address(piece.base, dtype, false);
  // Words are fields of the load: asked for again at another position, they are the same.
  const auto word = [&](std::string_view stem, std::int64_t value, int axis) {
    const std::string key = fmt::format("{} {} {}", static_cast<const void*>(&piece), stem, axis);
    auto [found, is_new] = words_.try_emplace(key);
    if (is_new) found->second = emitter_.word(stem, value);
    return found->second;
  };
  std::string offset = piece.offset == 0 ? "" : word("offset", piece.offset, 0);
  const auto add = [&](const std::string& term) { offset += (offset.empty() ? "" : " + ") + term; };
  const View alone{view.shape, {piece}};
  if (position.level != Level::uniform && alone.is_whole() && is_row_major(alone) &&
      view.shape.size() != 1) {
    add(position.index);
  } else if (position.level != Level::uniform) {
    for (int i = 0; i < view.shape.rank(); ++i) {
      const std::int64_t stride = piece.strides[at(i)];
      if (stride == 0 || view.shape[i] == 1) continue;
      const std::string& c = coordinate(i, position);
      add(stride == 1 ? c : fmt::format("{} * {}", c, word("stride", stride, i)));
    }
  }
  return value_of(dtype, fmt::format("{}[{}]", base, offset.empty() ? "0" : offset));
}

std::string Body::element(const View& view, DType dtype, Position& position) {
  if (view.is_whole()) return piece(view.pieces[0], view, dtype, position);
  // The piece whose box holds the element, or zero.
  std::string expression;
  for (const Piece& part : view.pieces) {
    std::string condition;
    for (int i = 0; i < view.shape.rank(); ++i) {
      const auto bound = [&](std::string_view stem, std::int64_t value) {
        auto [found, is_new] =
            words_.try_emplace(fmt::format("{} {} {}", static_cast<const void*>(&part), stem, i));
        if (is_new) found->second = emitter_.word(stem, value);
        return found->second;
      };
      const std::string both = condition.empty() ? "" : " && ";
      if (part.begin[at(i)] > 0) {
        condition += both + fmt::format("{} >= {}", coordinate(i, position),
                                        bound("begin", part.begin[at(i)]));
      }
      if (part.end[at(i)] < view.shape[i]) {
        condition += (condition.empty() ? "" : " && ") +
                     fmt::format("{} < {}", coordinate(i, position), bound("end", part.end[at(i)]));
      }
    }
    const std::string inside = piece(part, view, dtype, position);
    expression += condition.empty() ? inside : fmt::format("{} ? {} : ", condition, inside);
    if (condition.empty()) return expression;
  }
  return expression + fmt::format("{}(0)", value_type(dtype));
}

}  // namespace tendon::cuda
