// A row of the op table: what the rooms need to know of an op beside how it is computed.
#pragma once

#include <tendon/backend.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace tendon::ops {

struct Type {
  DType dtype = DType::f32;
  Shape shape;
};

// One application of an op, as its shape rule sees it.
struct Call {
  Op op;
  std::span<const Type* const> operands;
  const Attributes& attributes;
  Place place;
  const char* called = nullptr;  // the function the user called, where it is not the op's
};

class Pullback;

enum class OpKind : std::uint8_t { leaf, pointwise, view, reduce, contract, irregular };
enum class OperandClass : std::uint8_t { floating, numeric, any, boolean };
enum class ResultClass : std::uint8_t { same, boolean };

struct Domain {
  double low = 0;
  double high = 0;
};

// What only an elementwise row has.
struct Elementwise {
  OperandClass operands = OperandClass::any;
  ResultClass result = ResultClass::same;
  Domain domain;                    // where it is tested
  double tolerance = 0;             // of an f32 result, in ulp
  const char* formula = "";         // its text, as it stands in the table
  const char* parameter = nullptr;  // the formula's name for Attributes::number
};

inline constexpr int kVariadic = -1;
inline constexpr int kCostOfFunction = 6;  // that of most elementwise ops: exp, for one

struct OpRow {
  Op op = Op::input;
  const char* name = "";
  OpKind kind = OpKind::leaf;
  int arity = 0;  // kVariadic: one or more
  std::uint8_t differentiable =
      0;  // bit i: the edge from operand i can carry a gradient; a variadic op has one bit for all
  Type (*infer)(const Call&) =
      nullptr;  // checks, and gives the result's type; throws ShapeError, DTypeError
  void (*pullback)(Pullback&) = nullptr;
  Elementwise elementwise = {};
  // Of an elementwise op, in additions: what computing it once more costs a body.
  int cost = kCostOfFunction;
  // True if the host computes it to the bits that devices do, of floating numbers.
  bool is_on_host = false;
  // True if its second operand holds indices, which may be out of range.
  bool takes_indices = false;

  bool carries(int operand) const {
    return ((differentiable >> (arity == kVariadic ? 0 : operand)) & 1) != 0;
  }
};

extern const OpRow kRows[kOpCount];
inline const OpRow& row(Op op) { return kRows[static_cast<std::size_t>(op)]; }

// The result's type, after checking arity.
Type infer(const Call& call);

}  // namespace tendon::ops
