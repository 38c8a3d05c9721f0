// The elementwise ops: the rows of <tendon/op_table.inc>, and where. Operands are stretched into
// blocks, for the loops.
#include <algorithm>
#include <array>
#include <cstring>

#include "host/cpu/compute.h"
#include "host/cpu/loops.h"
#include "host/cpu/strides.h"

namespace tendon::cpu {
namespace {

constexpr std::int64_t kBlock = 256;
struct alignas(64) Block {
  std::array<char, kBlock * 8> bytes;
};

// `count` elements of `bytes` each, from consecutive ones or from one.
void fill(Block& block, const char* from, bool stretched, std::size_t count, std::size_t bytes) {
  if (!stretched) {
    std::memcpy(block.bytes.data(), from, count * bytes);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) std::memcpy(&block.bytes[i * bytes], from, bytes);
}

}  // namespace

void compute_elementwise(const Computation& c) {
  constexpr std::size_t kMost = 3;
  const DType dtype = c.op == Op::where ? c.result.dtype : c.operands[0].dtype;
  const Loop loop = loops().pointwise(c.op, dtype);
  const std::size_t arity = c.operands.size();
  const std::size_t result_bytes = size_bytes(c.result.dtype);

  std::array<Strides, kMost + 1> strides{};
  std::array<std::size_t, kMost> bytes{};
  bool flat = true;  // each operand has the result's elements, or one
  for (std::size_t k = 0; k < arity; ++k) {
    const Array& operand = c.operands[k];
    bytes[k] = size_bytes(operand.dtype);
    strides[k] = broadcast_strides(operand.shape, c.result.shape);
    flat &= operand.shape == c.result.shape || operand.shape.size() == 1;
  }
  strides[kMost] = contiguous(c.result.shape);
  Shape shape = c.result.shape;
  if (flat) {
    for (std::size_t k = 0; k < arity; ++k) {
      strides[k] = {c.operands[k].shape == c.result.shape ? 1 : 0};
    }
    strides[kMost] = {1};
    shape = Shape(shape.size());
  }
  const auto inner = static_cast<std::size_t>(shape.rank() == 0 ? 0 : shape.rank() - 1);

  std::array<Block, kMost> blocks{};
  Block result{};
  for_each_row(shape, strides, [&](const auto& offsets, std::int64_t row) {
    for (std::int64_t i = 0; i < row; i += kBlock) {
      const std::int64_t count = std::min(kBlock, row - i);
      for (std::size_t k = 0; k < arity; ++k) {
        const std::int64_t step = strides[k][inner];  // 1, or 0 where it is stretched
        const auto from = static_cast<std::size_t>(offsets[k] + i * step);
        fill(blocks[k], c.operands[k].as<char>() + from * bytes[k], step == 0,
             static_cast<std::size_t>(count), bytes[k]);
      }
      const auto& [a, b, third] = blocks;
      loop(&a, &b, &third, &result, count, c.attributes.number);
      const auto into = static_cast<std::size_t>(offsets[kMost] + i);
      std::memcpy(c.result.as<char>() + into * result_bytes, &result,
                  static_cast<std::size_t>(count) * result_bytes);
    }
  });
}

}  // namespace tendon::cpu
