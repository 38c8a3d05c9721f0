#include "tests/support/plan_cases.h"

#include <vector>

#include "tests/support/with_gradients.h"

namespace tendon::test {
namespace {

// Where a test's text is written does not matter to a plan.
constexpr Place kNowhere;

struct Builder : TapeBuilder {
  Ref in(const Shape& shape, DType dtype = DType::f32) { return input(dtype, shape, {}, kNowhere); }
  Ref number(double value) { return constant(value, DType::f32, {}, kNowhere); }
  Ref op(Op op, std::initializer_list<Ref> operands, const Attributes& attributes = {}) {
    return apply(op, operands, attributes, kNowhere);
  }
  Tape to(std::initializer_list<Ref> targets) { return std::move(*this).finish(targets); }
};

Tape chain() {
  Builder b;
  const Ref x = b.in({1000});
  return b.to({b.op(Op::exp, {b.op(Op::mul, {b.op(Op::add, {x, b.number(1)}), x})})});
}
Tape chains_that_meet() {
  Builder b;
  const Ref x = b.in({1000});
  const Ref y = b.in({1000});
  const Ref left = b.op(Op::tanh, {b.op(Op::mul, {x, x})});
  const Ref right = b.op(Op::sin, {b.op(Op::mul, {y, y})});
  return with_gradients(b.to({b.op(Op::mul, {left, right})}));
}
Ref softmax(Builder& b, Ref x) {
  const Ref greatest = b.op(Op::reduce_max, {x}, {.axes = Axes(-1), .keep_dims = true});
  const Ref powers = b.op(Op::exp, {b.op(Op::sub, {x, greatest})});
  const Ref sum = b.op(Op::reduce_sum, {powers}, {.axes = Axes(-1), .keep_dims = true});
  return b.op(Op::div, {powers, sum});
}
Tape softmax_with_gradient() {
  Builder b;
  const Ref x = b.in({64, 100});
  return with_gradients(b.to({softmax(b, x)}));
}
Tape layer_norm() {
  Builder b;
  const Ref x = b.in({32, 256});
  const Ref scale = b.in({256});
  const Ref size = b.number(256);
  const auto mean = [&](Ref value) {
    return b.op(Op::div,
                {b.op(Op::reduce_sum, {value}, {.axes = Axes(-1), .keep_dims = true}), size});
  };
  const Ref centred = b.op(Op::sub, {x, mean(x)});
  const Ref variance = mean(b.op(Op::square, {centred}));
  const Ref deviation = b.op(Op::rsqrt, {b.op(Op::add, {variance, b.number(1e-5)})});
  return with_gradients(b.to({b.op(Op::mul, {b.op(Op::mul, {centred, deviation}), scale})}));
}
Tape reductions() {
  Builder b;
  const Ref x = b.in({20, 30, 40});
  const Ref y = b.op(Op::exp, {x});
  return b.to({b.op(Op::reduce_sum, {y}, {.axes = Axes(2)}),
               b.op(Op::reduce_sum, {y}, {.axes = Axes(0)}),
               b.op(Op::reduce_max, {y}, {.axes = Axes(1)}),
               b.op(Op::reduce_sum, {y}, {.axes = Axes(0, 2)})});
}
Tape long_sum() {
  Builder b;
  const Ref x = b.in({1000000});
  return with_gradients(b.to({b.op(Op::reduce_sum, {b.op(Op::square, {b.op(Op::sin, {x})})})}));
}
Tape sum_then_divide() {
  Builder b;
  const Ref x = b.in({100000});
  const Ref y = b.op(Op::add, {b.op(Op::mul, {x, x}), b.number(1)});
  return b.to({b.op(Op::div, {y, b.op(Op::reduce_sum, {y})})});
}
Tape views() {
  Builder b;
  const Ref x = b.in({6, 8});
  const Ref y = b.in({6});
  const Ref turned = b.op(Op::transpose, {x}, {.axes = Axes(1, 0)});
  const Ref part = b.op(Op::slice, {turned}, {.shape = {4, 6}, .begin = {7, 0}, .step = {-2, 1}});
  const Ref stretched = b.op(Op::broadcast_to, {y}, {.shape = {4, 6}});
  return b.to({b.op(Op::add, {part, stretched})});
}
Tape parts() {
  Builder b;
  const Ref x = b.in({3, 4});
  const Ref y = b.in({2, 4});
  const Ref whole = b.op(Op::concat, {x, y}, {.axes = Axes(0)});
  const Ref padded = b.op(Op::unslice, {y}, {.shape = {5, 4}, .begin = {1, 0}, .step = {1, 1}});
  return b.to({b.op(Op::mul, {whole, padded})});
}
Tape reshape_of_a_transpose() {
  Builder b;
  const Ref x = b.in({6, 8});
  const Ref turned = b.op(Op::transpose, {x}, {.axes = Axes(1, 0)});
  const Ref flat = b.op(Op::reshape, {turned}, {.shape = {48}});
  return b.to({b.op(Op::exp, {flat})});
}
Tape dense_layer() {
  Builder b;
  const Ref x = b.in({64, 30});
  const Ref w = b.in({30, 20});
  const Ref bias = b.in({20});
  const Ref y = b.op(Op::relu, {b.op(Op::add, {b.op(Op::matmul, {x, w}), bias})});
  return with_gradients(b.to({b.op(Op::reduce_sum, {y})}));
}
Tape attention_scores() {
  Builder b;
  const Ref q = b.in({2, 4, 10, 16});
  const Ref k = b.in({4, 10, 16});
  const Ref scores = b.op(Op::matmul, {q, k}, {.transpose_b = true});
  return b.to({softmax(b, b.op(Op::mul, {scores, b.number(0.25)}))});
}
Tape update() {
  Builder b;
  std::vector<Ref> targets;
  for (const Shape& shape : {Shape{30, 20}, Shape{20}, Shape{20, 10}, Shape{10}}) {
    const Ref value = b.in(shape);
    const Ref gradient = b.in(shape);
    targets.push_back(b.op(Op::sub, {value, b.op(Op::mul, {gradient, b.number(0.1)})}));
  }
  return std::move(b).finish(targets);
}
Tape lookup() {
  Builder b;
  const Ref table = b.in({50, 8});
  const Ref indices = b.in({20}, DType::i32);
  const Ref rows = b.op(Op::gather, {table, indices}, {.axes = Axes(0)});
  return with_gradients(b.to({b.op(Op::tanh, {rows})}));
}
Tape equal_ops() {
  Builder b;
  const Ref x = b.in({100});
  const Ref y = b.in({100});
  const Ref once = b.op(Op::exp, {b.op(Op::mul, {x, y})});
  const Ref again = b.op(Op::exp, {b.op(Op::mul, {x, y})});
  return b.to({b.op(Op::add, {once, again})});
}
Tape targets() {
  Builder b;
  const Ref x = b.in({4, 6});
  const Ref y = b.op(Op::neg, {x});
  const Ref flat = b.op(Op::reshape, {y}, {.shape = {24}});
  const Ref turned = b.op(Op::transpose, {y}, {.axes = Axes(1, 0)});
  return b.to({x, y, flat, turned, b.constant(3, DType::f32, {2, 2}, kNowhere)});
}

const PlanCase kCases[] = {
    {"chain", "One stage; the number is filled in when the plan runs.", chain},
    {"chains_that_meet",
     "Forward and backward of both chains are one stage: nothing but inputs and targets is in "
     "memory.",
     chains_that_meet},
    {"softmax_with_gradient", "Rows stay resident: value and gradient are one stage.",
     softmax_with_gradient},
    {"layer_norm",
     "Value and gradient by x over resident rows; the gradient by the scale sums over columns.",
     layer_norm},
    {"reductions",
     "One input, four ways to reduce it: exp is computed again for neighbouring axes; axes that "
     "lie apart are walked in another order, from memory.",
     reductions},
    {"long_sum", "A row beyond what stays resident is summed in chunks; the gradient rides along.",
     long_sum},
    {"sum_then_divide", "What the sum was made of is computed again for the division, not stored.",
     sum_then_divide},
    {"views", "Transpose, slice and broadcast are strides of loads.", views},
    {"parts", "Concat is boxes of two inputs, unslice a box in zeros.", parts},
    {"reshape_of_a_transpose",
     "The flat order is not the input's: the stage walks the two axes, and nothing is copied.",
     reshape_of_a_transpose},
    {"dense_layer",
     "Product, bias and relu are one stage; transposes are strides of the backward products.",
     dense_layer},
    {"attention_scores",
     "A batched product with a broadcast operand, then softmax over resident rows.",
     attention_scores},
    {"update", "Several variables, one launch.", update},
    {"lookup", "Gather and scatter_add are stages of their own, with whole operands.", lookup},
    {"equal_ops", "Computed once.", equal_ops},
    {"targets", "An input, a value, the same value seen otherwise, a transpose, a number.",
     targets},
};

}  // namespace

std::span<const PlanCase> plan_cases() { return kCases; }

}  // namespace tendon::test
