#include "bench/workloads/tape_shapes.h"

#include "bench/workloads/chain.h"
#include "bench/workloads/formula.h"

namespace tendon::workloads {
namespace {

constexpr std::int64_t kSize = 64;

Tape chain(int ops) {
  TapeBuilder tape;
  Value h = input(tape, DType::f32, {kSize}, "h");
  const Value x = input(tape, DType::f32, {kSize}, "x");
  for (int i = 0; i < ops / 2; ++i) h = tanh(h) * x;
  return std::move(tape).finish({h.ref});
}

Tape wide(int ops) { return branches_tape(DType::f32, kSize, ops / 3); }

Tape chain_with_variables(int ops) {
  TapeBuilder tape;
  Value h = input(tape, DType::f32, {kSize}, "h");
  for (int i = 0; i < ops / 2; ++i) h = tanh(h * input(tape, DType::f32, {kSize}, "w"));
  return std::move(tape).finish({h.ref});
}

Tape matmul_chain(int ops) {
  TapeBuilder tape;
  Value h = input(tape, DType::f32, {8, 8}, "h");
  for (int i = 0; i < ops / 2; ++i) {
    const Value w = input(tape, DType::f32, {8, 8}, "w");
    h = tanh(apply(Op::matmul, {h, w}));
  }
  return std::move(tape).finish({h.ref});
}

Tape slices(int ops) {
  TapeBuilder tape;
  const std::int64_t count = ops / 4;
  const Value x = input(tape, DType::f32, {count, kSize}, "x");
  Value h = input(tape, DType::f32, {kSize}, "h");
  for (std::int64_t i = 0; i < count; ++i) {
    const Value row{&tape, tape.apply(Op::slice, {x.ref},
                                      {.shape = {1, kSize}, .begin = {i, 0}, .step = {1, 1}})};
    const Value part{&tape, tape.apply(Op::reshape, {row.ref}, {.shape = {kSize}})};
    h = tanh(h + part);
  }
  return std::move(tape).finish({h.ref});
}

Tape stack(int ops) {
  TapeBuilder tape;
  const Value x = input(tape, DType::f32, {kSize}, "x");
  std::vector<Ref> pieces;
  for (int i = 0; i < ops / 3; ++i) {
    const Value piece = tanh(x * input(tape, DType::f32, {}, "scale"));
    pieces.push_back(tape.apply(Op::reshape, {piece.ref}, {.shape = {1, kSize}}));
  }
  const Ref stacked = tape.apply(Op::concat, pieces, {.axes = {0}});
  return std::move(tape).finish({stacked});
}

}  // namespace

std::span<const TapeShape> tape_shapes() {
  static constexpr TapeShape kShapes[] = {
      {"chain", chain},
      {"wide", wide},
      {"chain with variables", chain_with_variables},
      {"matmul chain", matmul_chain},
      {"slices", slices},
      {"stack", stack},
  };
  return kShapes;
}

}  // namespace tendon::workloads
