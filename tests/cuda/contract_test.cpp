// Products on the device against plain loops in f64. What a product packs is packed here by a loop.
#include "host/cuda/contract.h"

#include <cublasLt.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "host/cuda/device_traits.h"
#include "tests/cuda/emulated_device.h"
#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

using plan::Contraction;
using plan::View;
using Index = std::array<std::int64_t, kMaxRank>;

class CudaContraction : public testing::Test {
 protected:
  void SetUp() override {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) GTEST_SKIP() << "no CUDA device";
  }

  std::mt19937 generator{7};
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(generator);
  }
};

template <class T>
class DeviceArray {
 public:
  // `shift` elements behind an address that is aligned to 256 bytes.
  explicit DeviceArray(const std::vector<T>& values, std::size_t shift = 0)
      : count_(values.size()), shift_(shift) {
    TENDON_CUDA_CHECK(cudaMalloc(&memory_, (count_ + shift_ + 1) * sizeof(T)));
    TENDON_CUDA_CHECK(cudaMemcpy(get(), values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  DeviceArray(DeviceArray&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        count_(other.count_),
        shift_(other.shift_) {}
  ~DeviceArray() { cudaFree(memory_); }

  T* get() const { return static_cast<T*>(memory_) + shift_; }
  std::vector<T> values() const {
    std::vector<T> values(count_);
    TENDON_CUDA_CHECK(cudaMemcpy(values.data(), get(), count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  void* memory_ = nullptr;
  std::size_t count_, shift_;
};

template <class Visit>
void for_each_index(const Shape& shape, Visit&& visit) {
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    Index index{};
    std::int64_t left = i;
    for (int axis = shape.rank(); axis-- > 0;) {
      index[static_cast<std::size_t>(axis)] = left % shape[axis];
      left /= shape[axis];
    }
    visit(index);
  }
}

// A contraction on a tape of nothing but inputs: where its views look, and its result.
struct Case {
  Tape tape;
  Contraction contraction;
  DType dtype() const { return tape.dtype(contraction.result); }
  const Shape& shape() const { return tape.shape(contraction.result); }
};

template <class T>
struct Values {
  std::map<Ref, std::vector<T>> of;

  explicit Values(const Case& c) {
    std::mt19937 generator(3);
    std::uniform_real_distribution<float> distribution(-1, 1);
    for (std::uint32_t id = 0; id < c.tape.size(); ++id) {
      std::vector<T>& values = of[Ref{id}];
      values.resize(static_cast<std::size_t>(c.tape.shape(Ref{id}).size()));
      for (T& value : values) value = T{distribution(generator)};
    }
  }
  T at(const View& view, const Index& index) const {
    for (const plan::Piece& piece : view.pieces) {
      std::int64_t place = piece.offset;
      bool is_inside = true;
      for (std::size_t i = 0; i < static_cast<std::size_t>(view.shape.rank()); ++i) {
        is_inside &= piece.begin[i] <= index[i] && index[i] < piece.end[i];
        place += index[i] * piece.strides[i];
      }
      if (is_inside) return of.at(piece.base).at(static_cast<std::size_t>(place));
    }
    return T{0};
  }
};

// A contraction with its operands on the device.
template <class T>
class Launch {
 public:
  Launch(const Case& c, const Values<T>& values, std::size_t shift = 0)
      : contraction_(c.tape, c.contraction, 0),
        workspace_(std::vector<std::byte>(static_cast<std::size_t>(contraction_.workspace_bytes()),
                                          std::byte{0xff})),
        // What the result held must not matter.
        result_(std::vector<T>(static_cast<std::size_t>(c.shape().size()),
                               T{std::numeric_limits<float>::quiet_NaN()}),
                shift) {
    for (const auto& [value, elements] : values.of) {
      if (value != c.contraction.result) bases_.try_emplace(value, elements, shift);
    }
    a_ = place(contraction_.a(), values);
    b_ = place(contraction_.b(), values);
    if (contraction_.bias()) bias_ = place(*contraction_.bias(), values);
  }

  void enqueue(cudaStream_t stream) const {
    contraction_.run(a_, b_, bias_, result_.get(), workspace_.get(), stream);
  }
  std::vector<T> result() const {
    enqueue(nullptr);
    return last_result();
  }
  std::vector<T> last_result() const { return result_.values(); }

 private:
  const void* place(const PreparedContraction::Operand& operand, const Values<T>& values) {
    if (!operand.pack) {
      const auto base = bases_.find(operand.value);
      return base == bases_.end() ? nullptr : base->second.get();
    }
    EXPECT_EQ(operand.pack->body.size(), 1U);
    EXPECT_EQ(operand.pack->stores.size(), 1U);
    EXPECT_EQ(operand.pack_offset % 256, 0);
    std::vector<T> packed;
    for_each_index(operand.pack->space, [&](const Index& index) {
      packed.push_back(values.at(operand.pack->body[0].view, index));
    });
    std::byte* into = workspace_.get() + operand.pack_offset;
    TENDON_CUDA_CHECK(
        cudaMemcpy(into, packed.data(), packed.size() * sizeof(T), cudaMemcpyHostToDevice));
    return into;
  }

  PreparedContraction contraction_;
  DeviceArray<std::byte> workspace_;
  DeviceArray<T> result_;
  std::map<Ref, DeviceArray<T>> bases_;
  const void *a_ = nullptr, *b_ = nullptr, *bias_ = nullptr;
};

double unit_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    case DType::f32: return 0x1p-23;
    default: return 0x1p-52;
  }
}

template <class T>
double wide(T value) {
  if constexpr (std::is_same_v<T, double>) return value;
  return static_cast<double>(static_cast<float>(value));
}

template <class T>
void expect_right(const Case& c, std::size_t shift = 0) {
  const Contraction& contraction = c.contraction;
  const Shape& shape = c.shape();
  const int rank = shape.rank();
  SCOPED_TRACE(testing::Message() << c.dtype() << " " << contraction.a.shape << " x "
                                  << contraction.b.shape << ", bias "
                                  << contraction.bias.has_value() << ", relu "
                                  << contraction.has_relu);
  const Values<T> values(c);
  const Launch<T> launch(c, values, shift);
  const std::vector<T> result = launch.result();
  std::size_t next = 0;
  for_each_index(shape, [&](const Index& index) {
    if (testing::Test::HasFatalFailure()) return;
    double sum = 0, magnitude = 1;
    Index in_a = index, in_b = index;
    std::int64_t& i = in_a[static_cast<std::size_t>(rank - 1)];
    std::int64_t& j = in_b[static_cast<std::size_t>(rank - 2)];
    for (i = j = 0; i < contraction.a.shape[rank - 1]; ++i, ++j) {
      const double term =
          wide(values.at(contraction.a, in_a)) * wide(values.at(contraction.b, in_b));
      sum += term;
      magnitude += std::abs(term);
    }
    if (contraction.bias) sum += wide(values.at(*contraction.bias, index));
    if (contraction.has_relu) sum = std::max(sum, 0.0);
    // Rounding grows with the root of the number of terms; a wrong index is far outside.
    ASSERT_NEAR(wide(result[next]), sum, 4 * unit_of(c.dtype()) * magnitude) << "element " << next;
    ++next;
  });
  const auto as_numbers = [](const std::vector<T>& of) {
    std::vector<double> numbers;
    for (const T value : of) numbers.push_back(wide(value));
    return numbers;
  };
  EXPECT_EQ(as_numbers(launch.result()), as_numbers(result)) << "another run gives other bits";
}

void expect_right_as(DType dtype, const Case& c, std::size_t shift = 0) {
  switch (dtype) {
    case DType::f16: return expect_right<half>(c, shift);
    case DType::bf16: return expect_right<bfloat16>(c, shift);
    case DType::f32: return expect_right<float>(c, shift);
    default: return expect_right<double>(c, shift);
  }
}

// How the elements of a view lie, before it has a base.
struct Strided {
  Shape shape;
  plan::Strides strides{};
  std::int64_t offset = 0;
  std::int64_t base_size = 1;

  // In the given order of axes, the first one the fastest; `gap` elements behind each axis.
  static Strided in_order(const Shape& shape, std::span<const int> order, std::int64_t gap) {
    Strided made{shape};
    std::int64_t step = 1;
    for (const int axis : order) {
      made.strides[static_cast<std::size_t>(axis)] = step;
      step = step * shape[axis] + gap;
    }
    return made.placed(0);
  }
  // The base is as large as need be; `before` elements of it lie in front.
  Strided placed(std::int64_t before) {
    std::int64_t lowest = 0, highest = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const std::int64_t reach =
          (std::max<std::int64_t>(shape[axis], 1) - 1) * strides[static_cast<std::size_t>(axis)];
      (reach < 0 ? lowest : highest) += reach;
    }
    offset = before - lowest;
    base_size = offset + highest + 1;
    return *this;
  }
  View over(Ref base) const {
    View view = plan::view_of(base, shape);
    plan::Piece piece = view.pieces[0];
    piece.strides = strides;
    piece.offset = offset;
    view.pieces = {piece};
    if (shape.size() == 0) view.pieces.clear();
    return view;
  }
};

Strided row_major(const Shape& shape) {
  std::vector<int> order;
  for (int axis = shape.rank(); axis-- > 0;) order.push_back(axis);
  return Strided::in_order(shape, order, 0);
}

Case make_case(DType dtype, const Strided& a, const Strided& b, bool has_bias, bool has_relu) {
  const int rank = a.shape.rank();
  Shape shape = a.shape;
  shape[rank - 1] = b.shape[rank - 1];
  TapeBuilder builder;
  const Ref base_a = builder.input(dtype, {a.base_size});
  const Ref base_b = builder.input(dtype, {b.base_size});
  const Ref base_bias = builder.input(dtype, {shape[rank - 1] + 1});
  const Ref result = builder.input(dtype, shape);
  Contraction contraction{result, a.over(base_a), b.over(base_b), {}, has_relu, result};
  if (has_bias) {
    Strided row{shape};
    row.strides[static_cast<std::size_t>(rank - 1)] = 1;
    row.offset = 1;
    contraction.bias = row.over(base_bias);
  }
  return {std::move(builder).finish({result}), contraction};
}

TEST_F(CudaContraction, OfRandomViewsIsRight) {
  constexpr DType kDTypes[] = {DType::f32, DType::f64, DType::f32,
                               DType::f64, DType::f16, DType::bf16};
  for (std::size_t trial = 0; trial < 240; ++trial) {
    const auto size = [&] { return pick(0, 3) == 0 ? 1 : pick(1, trial % 2 == 0 ? 8 : 40); };
    const std::int64_t m = size(), n = size(), k = size();
    Shape leading;
    const std::int64_t leading_count = pick(0, 3);
    for (std::int64_t i = 0; i < leading_count; ++i) leading.push_back(pick(1, 4));
    const auto operand = [&](std::int64_t rows, std::int64_t columns) {
      Shape shape = leading;
      shape.push_back(rows);
      shape.push_back(columns);
      const int rank = shape.rank();
      // The matrix by rows or by columns; then the leading axes, from the last or in any order.
      std::vector<int> order{rank - 1, rank - 2};
      if (pick(0, 1) == 0) std::swap(order[0], order[1]);
      for (int axis = rank - 2; axis-- > 0;) order.push_back(axis);
      if (pick(0, 3) == 0) std::shuffle(order.begin() + 2, order.end(), generator);
      Strided made = Strided::in_order(shape, order, pick(0, 2) == 0 ? pick(1, 3) : 0);
      for (std::size_t axis = 0; axis + 2 < static_cast<std::size_t>(rank); ++axis) {
        if (pick(0, 3) == 0) made.strides[axis] = 0;
        if (pick(0, 9) == 0) made.strides[axis] *= -1;
      }
      return made.placed(pick(0, 2) == 0 ? pick(1, 4) : 0);
    };
    const Strided a = operand(m, k);
    const Strided b = operand(k, n);
    const DType dtype = kDTypes[trial % std::size(kDTypes)];
    expect_right_as(dtype, make_case(dtype, a, b, pick(0, 1) == 0, pick(0, 1) == 0),
                    static_cast<std::size_t>(pick(0, 1) == 0 ? 0 : pick(0, 3)));
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaContraction, OfALongSumIsRight) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::size_t shift : {std::size_t{0}, std::size_t{1}}) {
      expect_right_as(
          dtype, make_case(dtype, row_major({8, 1000}), row_major({1000, 16}), true, true), shift);
    }
  }
}

TEST_F(CudaContraction, PacksWhatTheLibraryDoesNotTake) {
  // Every other column, and rows that are all the same; one copy of them serves every batch.
  Strided a = row_major({3, 5, 8});
  a.strides = {0, 16, 2};
  a.placed(0);
  Strided b = row_major({3, 8, 4});
  b.strides = {4, 0, 1};
  b.placed(0);
  const Case c = make_case(DType::f32, a, b, true, false);
  expect_right<float>(c);
  const PreparedContraction prepared(c.tape, c.contraction, 0);
  ASSERT_TRUE(prepared.a().pack && prepared.b().pack);
  EXPECT_EQ(prepared.a().pack->space, Shape(1, 5, 8));
  EXPECT_EQ(prepared.b().pack->space, Shape(3, 8, 4));
}

TEST_F(CudaContraction, PacksAViewWithZerosInIt) {
  Case c = make_case(DType::f64, row_major({6, 4}), row_major({4, 5}), false, true);
  plan::Piece piece = c.contraction.a.pieces[0];
  piece.begin[0] = 2;
  c.contraction.a.pieces = {piece};
  expect_right<double>(c);
  c.contraction.a.pieces.clear();
  expect_right<double>(c);
}

TEST_F(CudaContraction, TakesWhatLiesWellWithoutPacking) {
  const int by_columns[] = {1, 2, 0};
  const Case c = make_case(DType::f32, row_major({3, 5, 8}),
                           Strided::in_order({3, 8, 4}, by_columns, 2), true, true);
  const PreparedContraction prepared(c.tape, c.contraction, 0);
  EXPECT_FALSE(prepared.a().pack || prepared.b().pack || prepared.bias()->pack);
  EXPECT_EQ(prepared.a().value, c.contraction.a.pieces[0].base);
  EXPECT_EQ(prepared.bias()->value, c.contraction.bias->pieces[0].base);
}

TEST_F(CudaContraction, OverNoTermsIsWhatIsAdded) {
  for (const bool has_bias : {false, true}) {
    for (const bool has_relu : {false, true}) {
      expect_right<float>(
          make_case(DType::f32, row_major({2, 3, 0}), row_major({2, 0, 5}), has_bias, has_relu));
      expect_right<double>(
          make_case(DType::f64, row_major({7, 0}), row_major({0, 1}), has_bias, has_relu));
    }
  }
}

TEST_F(CudaContraction, WithoutElementsDoesNothing) {
  for (const bool has_bias : {false, true}) {
    expect_right<float>(
        make_case(DType::f32, row_major({0, 3, 4}), row_major({0, 4, 5}), has_bias, true));
    expect_right<float>(
        make_case(DType::f32, row_major({0, 4}), row_major({4, 5}), has_bias, true));
    expect_right<float>(
        make_case(DType::f32, row_major({3, 4}), row_major({4, 0}), has_bias, true));
  }
}

TEST_F(CudaContraction, OfMoreMatricesThanACallTakesIsRight) {
  expect_right<float>(
      make_case(DType::f32, row_major({70001, 1, 2}), row_major({70001, 2, 1}), false, false));
}

TEST_F(CudaContraction, WithReluKeepsNan) {
  const Case c = make_case(DType::f32, row_major({2, 1}), row_major({1, 2}), false, true);
  Values<float> values(c);
  values.of.at(c.contraction.a.pieces[0].base) = {std::numeric_limits<float>::quiet_NaN(), -1};
  values.of.at(c.contraction.b.pieces[0].base) = {1, 2};
  const std::vector<float> result = Launch<float>(c, values).result();
  EXPECT_TRUE(std::isnan(result[0]) && std::isnan(result[1]));
  EXPECT_EQ(result[2], 0);
  EXPECT_EQ(result[3], 0);
}

TEST_F(CudaContraction, AsThePlannerMakesItIsRight) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {9, 2, 6});
  const Ref weights = builder.input(DType::f32, {7, 10});
  const Ref bias = builder.input(DType::f32, {1, 7});
  const Ref seen = builder.apply(Op::transpose, {x}, {.axes = Axes(1, 0, 2)});
  const Ref part = builder.apply(Op::slice, {weights},
                                 {.shape = Shape(7, 6), .begin = Shape(0, 3), .step = Shape(1, 1)});
  const Ref product = builder.apply(Op::matmul, {seen, part}, {.transpose_b = true});
  const Ref result = builder.apply(Op::relu, {builder.apply(Op::add, {product, bias})});
  const plan::Plan plan = plan::make_plan(std::move(builder).finish({result}), kTraits);
  ASSERT_EQ(plan.stages.size(), 1U) << plan::text(plan, true);
  const auto& contraction = std::get<plan::Contraction>(plan.stages[0]);
  ASSERT_TRUE(contraction.bias && contraction.has_relu);
  expect_right<float>({plan.tape, contraction});
}

TEST_F(CudaContraction, RunFromFourThreadsAtOnceGivesTheBitsOfOne) {
  const Case c = make_case(DType::f32, row_major({3, 20, 64}), row_major({3, 64, 9}), true, true);
  const Values<float> values(c);
  const std::vector<float> expected = Launch<float>(c, values).result();
  const PreparedContraction shared(c.tape, c.contraction, 0);
  const DeviceArray<float> a(values.of.at(shared.a().value)), b(values.of.at(shared.b().value));
  const DeviceArray<float> bias(values.of.at(shared.bias()->value));
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      StreamHandle stream;
      TENDON_CUDA_CHECK(cudaStreamCreateWithFlags(stream.put(), cudaStreamNonBlocking));
      const DeviceArray<float> result(std::vector<float>(expected.size()));
      const DeviceArray<std::byte> workspace(
          std::vector<std::byte>(static_cast<std::size_t>(shared.workspace_bytes())));
      for (int i = 0; i < 10; ++i) {
        shared.run(a.get(), b.get(), bias.get(), result.get(), workspace.get(), stream.get());
        TENDON_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
        count += result.values() != expected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST_F(CudaContraction, CanBeCaptured) {
  const Case cases[] = {
      make_case(DType::f32, row_major({4, 30}), row_major({30, 6}), true, true),
      make_case(DType::f32, row_major({4, 0}), row_major({0, 6}), true, true),
      make_case(DType::f32, row_major({4, 0}), row_major({0, 6}), false, false),
  };
  for (const Case& c : cases) {
    const Values<float> values(c);
    const std::vector<float> expected = Launch<float>(c, values).result();
    const Launch<float> launch(c, values);
    StreamHandle stream;
    TENDON_CUDA_CHECK(cudaStreamCreateWithFlags(stream.put(), cudaStreamNonBlocking));
    TENDON_CUDA_CHECK(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
    launch.enqueue(stream.get());
    GraphHandle graph;
    TENDON_CUDA_CHECK(cudaStreamEndCapture(stream.get(), graph.put()));
    GraphExecHandle exec;
    TENDON_CUDA_CHECK(cudaGraphInstantiate(exec.put(), graph.get(), 0));
    for (int i = 0; i < 2; ++i) TENDON_CUDA_CHECK(cudaGraphLaunch(exec.get(), stream.get()));
    TENDON_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
    EXPECT_EQ(launch.last_result(), expected);
  }
}

TEST_F(CudaContraction, ThatTheLibraryDoesNotKnowIsRefused) {
  const Case c = make_case(DType::i32, row_major({4, 3}), row_major({3, 6}), false, false);
  EXPECT_THROW(PreparedContraction(c.tape, c.contraction, 0), DeviceError);
}

// relu(a b + bias), where the bias is a row of a table.
Tape product_tape(DType dtype, const Shape& a, const Shape& b, bool has_bias, bool has_relu) {
  TapeBuilder tape;
  const std::int64_t columns = b[b.rank() - 1];
  Ref result = tape.apply(Op::matmul, {tape.input(dtype, a), tape.input(dtype, b)});
  const Ref table = tape.input(dtype, {3, columns});
  if (has_bias) {
    const Ref row =
        tape.apply(Op::slice, {table},
                   {.shape = Shape(1, columns), .begin = Shape(1, 0), .step = Shape(1, 1)});
    result = tape.apply(Op::add, {result, row});
  }
  if (has_relu) result = tape.apply(Op::relu, {result});
  return std::move(tape).finish({result});
}

using Epilogue = OnEmulatedDevice;

TEST_F(Epilogue, ThatTheLibraryDoesNotKnowIsAKernel) {
  const std::pair<Shape, Shape> shapes[] = {
      {{5, 3}, {3, 8}}, {{2, 9, 4}, {2, 4, 7}}, {{1, 6}, {6, 12}},
      {{6, 4}, {4, 1}}, {{1, 3}, {3, 1}},       {{4, 0}, {0, 6}},
  };
  const auto launches_of = [](const DeviceRun& run) {
    const Counters before = counters(Device::cuda());
    run.run();
    return counters(Device::cuda()).launches - before.launches;
  };
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const auto& [a, b] : shapes) {
      for (const auto& [has_bias, has_relu] :
           {std::pair(true, false), {false, true}, {true, true}}) {
        SCOPED_TRACE(testing::Message() << dtype << " " << a << " x " << b << ", bias " << has_bias
                                        << ", relu " << has_relu);
        const Tape tape = product_tape(dtype, a, b, has_bias, has_relu);
        const CompileOptions options{.device = Device::cuda()};
        for (const std::size_t offset : {0U, 8U}) {
          const std::int64_t launches = launches_of(DeviceRun(tape, options, {{-1, 1}}, offset));
          const FailingCall fails("cublasLtMatmulAlgoGetHeuristic", 1,
                                  static_cast<cudaError_t>(CUBLAS_STATUS_NOT_SUPPORTED));
          const DeviceRun run(tape, options, {{-1, 1}}, offset);
          // Without terms and bias nothing is left to do.
          EXPECT_EQ(launches_of(run), launches + (a.size() > 0 || has_bias ? 1 : 0));
          run.expect_as_on_cpu(dtype == DType::f32 ? 1e-6 : 1e-14);
        }
      }
    }
  }
}

TEST_F(Epilogue, OfAProductThatTheLibraryDoesNotKnowEitherIsRefused) {
  const Tape tape = product_tape(DType::f64, {5, 3}, {3, 8}, false, false);
  const FailingCall fails("cublasLtMatmulAlgoGetHeuristic", 2,
                          static_cast<cudaError_t>(CUBLAS_STATUS_NOT_SUPPORTED));
  EXPECT_TRUE(says(thrown([&] { compile(tape, {.device = Device::cuda()}); }),
                   {"DeviceError", "matmul", "cublasLtMatmulAlgoGetHeuristic", "NOT_SUPPORTED"}));
}

}  // namespace
}  // namespace tendon::cuda
