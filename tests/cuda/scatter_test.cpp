// scatter_add on the device against the CPU's, which adds in the order of the indices: the same
// bits.
#include "host/cuda/scatter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "host/cpu/cpu_backend.h"
#include "host/cuda/cuda_backend.h"
#include "host/cuda/device_traits.h"
#include "host/plan/backend.h"
#include "host/support/text.h"
#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

using Bytes = std::vector<std::byte>;

class CudaScatter : public OnDevice {
 protected:
  void SetUp() override {
    OnDevice::SetUp();
    Refusal refusal;
    device = IsSkipped() ? nullptr : backend(0, refusal);
  }
  plan::Backend* device = nullptr;
  std::mt19937 random{5};

  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  }

  // Floating numbers of many sizes, so that each order of summation has a sum of its own; whole
  // ones of all bits, so that sums wrap.
  Bytes numbers(DType dtype, const Shape& shape) {
    Bytes bytes(static_cast<std::size_t>(shape.size()) * size_bytes(dtype));
    for (std::int64_t i = 0; i < shape.size(); ++i) {
      const double number =
          std::ldexp(static_cast<double>(between(-2048, 2048)), static_cast<int>(between(-14, -8)));
      const auto put = [&](auto value) {
        std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof value, &value,
                    sizeof value);
      };
      switch (dtype) {
        case DType::f16: put(half(static_cast<float>(number))); break;
        case DType::bf16: put(bfloat16(static_cast<float>(number))); break;
        case DType::f32: put(static_cast<float>(number) * 1.1f); break;
        case DType::f64: put(number * 1.1); break;
        case DType::i32: put(static_cast<std::int32_t>(random())); break;
        default: put(std::uint64_t{random()} << 32 | random()); break;
      }
    }
    return bytes;
  }

  // In range, a third of them counted from the end.
  Bytes indices(DType dtype, const Shape& shape, std::int64_t extent) {
    Bytes bytes(static_cast<std::size_t>(shape.size()) * size_bytes(dtype));
    for (std::int64_t i = 0; i < shape.size(); ++i) {
      std::int64_t index = between(0, extent - 1);
      if (between(0, 2) == 0) index -= extent;
      const auto narrow = static_cast<std::int32_t>(index);
      const auto at = static_cast<std::size_t>(i) * size_bytes(dtype);
      if (dtype == DType::i32) {
        std::memcpy(bytes.data() + at, &narrow, sizeof narrow);
      } else {
        std::memcpy(bytes.data() + at, &index, sizeof index);
      }
    }
    return bytes;
  }

  static Bytes run(plan::Backend& on, const Tape& tape, const std::vector<Bytes>& inputs) {
    const std::unique_ptr<plan::Program> program = on.prepare(plan::make_plan(tape, kTraits));
    std::vector<void*> memory;
    const auto room_for = [&](std::size_t bytes) {
      return memory.emplace_back(on.allocate(bytes, "a test", Place()));
    };
    std::vector<const void*> from;
    for (const Bytes& input : inputs) {
      void* const into = room_for(input.size());
      on.copy_from_host(into, input.data(), input.size());
      from.push_back(into);
    }
    Bytes result(static_cast<std::size_t>(tape.bytes(tape.targets()[0])));
    void* const into = room_for(result.size());
    on.execute(*program, tape, from, {&into, 1}, Stream());
    on.copy_to_host(result.data(), into, result.size());
    for (std::size_t i = 0; i < memory.size(); ++i)
      on.deallocate(memory[i], i < inputs.size() ? inputs[i].size() : result.size());
    return result;
  }

  // Sums updates into `shape` along `axis`.
  void expect_equal(DType dtype, DType index_dtype, const Shape& shape, int axis,
                    const Shape& index_shape) {
    Shape update_shape;
    for (int i = 0; i < axis; ++i) update_shape.push_back(shape[i]);
    for (const std::int64_t extent : index_shape) update_shape.push_back(extent);
    for (int i = axis + 1; i < shape.rank(); ++i) update_shape.push_back(shape[i]);
    TapeBuilder builder;
    const Ref updates = builder.input(dtype, update_shape);
    const Ref given = builder.input(index_dtype, index_shape);
    Attributes attributes;
    attributes.axes = {axis};
    attributes.shape = shape;
    const Ref sums = builder.apply(Op::scatter_add, {updates, given}, attributes);
    const Tape tape = std::move(builder).finish({sums});
    const std::vector<Bytes> inputs = {numbers(dtype, update_shape),
                                       indices(index_dtype, index_shape, shape[axis])};
    EXPECT_TRUE(run(*device, tape, inputs) == run(cpu::backend(), tape, inputs))
        << fmt::format("{} {}: {} by {} {} along axis {}", dtype, shape, update_shape, index_dtype,
                       index_shape, axis);
  }
};

constexpr DType kDTypes[] = {DType::f16, DType::bf16, DType::f32,
                             DType::f64, DType::i32,  DType::i64};

TEST_F(CudaScatter, OfEachDTypeHasTheBitsOfTheOrderedSum) {
  for (const DType dtype : kDTypes) {
    for (const DType index_dtype : {DType::i32, DType::i64}) {
      expect_equal(dtype, index_dtype, {5, 3}, 0, {20});
      expect_equal(dtype, index_dtype, {11, 3}, 0, {700});
    }
  }
  expect_equal(DType::f32, DType::i32, {4, 2}, 0, {2600});
  expect_equal(DType::f16, DType::i64, {4, 2}, 0, {2600});
}

// Where one kernel, a sort by one block, and a sort by the device take each other's place.
TEST_F(CudaScatter, OfAnyCountHasTheBitsOfTheOrderedSum) {
  for (const std::int64_t count : {0, 1, 31, 32, 33, 64, 65, 1000, 2047, 2048, 2049, 5000}) {
    expect_equal(DType::f32, DType::i32, {7, 2}, 0, {count});
    expect_equal(DType::f32, DType::i64, {300}, 0, {count});
  }
}

TEST_F(CudaScatter, IntoRandomShapesHasTheBitsOfTheOrderedSum) {
  for_each_seed([&] {
    for (int round = 0; round < 8; ++round) {
      Shape shape, index_shape;
      for (std::int64_t rank = between(1, 3); rank > 0; --rank) shape.push_back(between(1, 6));
      for (std::int64_t rank = between(0, 2); rank > 0; --rank)
        index_shape.push_back(between(1, 40));
      expect_equal(kDTypes[between(0, 5)], between(0, 1) == 0 ? DType::i32 : DType::i64, shape,
                   static_cast<int>(between(0, shape.rank() - 1)), index_shape);
    }
  });
}

TEST_F(CudaScatter, IntoOneElementAddsAllInOrder) {
  expect_equal(DType::f32, DType::i32, {1, 9}, 0, {3000});
  expect_equal(DType::f16, DType::i32, {20, 1, 30}, 1, {500});
}

TEST_F(CudaScatter, IntoMoreElementsThanIndicesLeavesZeros) {
  expect_equal(DType::f64, DType::i64, {20'000}, 0, {50});
  expect_equal(DType::f32, DType::i32, {3, 5000}, 1, {2100});
}

TEST_F(CudaScatter, OfNothingIsZeros) {
  expect_equal(DType::f32, DType::i32, {3, 0, 2}, 0, {50});
  expect_equal(DType::f32, DType::i32, {3, 4}, 1, {0, 5});
}

// The memory that products and sorts need is one piece of the arena.
TEST_F(CudaScatter, BetweenProductsHasTheBitsOfTheOrderedSum) {
  TapeBuilder builder;
  const Ref a = builder.input(DType::f32, {300, 4});
  const Ref b = builder.input(DType::f32, {4, 5});
  const Ref given = builder.input(DType::i32, {300});
  const Ref c = builder.input(DType::f32, {5, 2});
  Attributes attributes;
  attributes.axes = {0};
  attributes.shape = {9, 5};
  const Ref sums =
      builder.apply(Op::scatter_add, {builder.apply(Op::matmul, {a, b}), given}, attributes);
  const Tape tape = std::move(builder).finish({builder.apply(Op::matmul, {sums, c})});
  // Whole numbers, small enough that products are exact in any order.
  std::vector<Bytes> inputs;
  for (const Ref input : tape.inputs()) {
    const Shape& shape = tape.shape(input);
    if (!is_floating(tape.dtype(input))) {
      inputs.push_back(indices(DType::i32, shape, 9));
      continue;
    }
    Bytes bytes(static_cast<std::size_t>(shape.size()) * sizeof(float));
    for (std::int64_t i = 0; i < shape.size(); ++i) {
      const auto number = static_cast<float>(between(-8, 8));
      std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof number, &number,
                  sizeof number);
    }
    inputs.push_back(bytes);
  }
  EXPECT_TRUE(run(*device, tape, inputs) == run(cpu::backend(), tape, inputs));
}

}  // namespace
}  // namespace tendon::cuda
