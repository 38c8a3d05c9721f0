// Calls of CUDA that fail: what is said, and that everything is usable afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

// Of no allocation, and not one after which the device is lost.
constexpr cudaError_t kSomeError = cudaErrorUnknown;

// The functions that the executor calls on its way, once a device is in use.
constexpr const char* kCalls[] = {
    "cudaDeviceGetAttribute",
    "cudaDeviceSynchronize",
    "cudaEventCreateWithFlags",
    "cudaEventQuery",
    "cudaEventRecord",
    "cudaFree",
    "cudaFuncGetAttributes",
    "cudaGetDevice",
    "cudaGraphAddKernelNode",
    "cudaGraphAddMemcpyNode1D",
    "cudaGraphCreate",
    "cudaGraphExecKernelNodeSetParams",
    "cudaGraphExecMemcpyNodeSetParams1D",
    "cudaGraphInstantiate",
    "cudaGraphLaunch",
    "cudaLibraryGetKernel",
    "cudaLibraryLoadData",
    "cudaLaunchKernelExC",
    "cudaMalloc",
    "cudaMemcpyAsync",
    "cudaMemsetAsync",
    "cudaOccupancyMaxActiveBlocksPerMultiprocessor",
    "cudaPointerGetAttributes",
    "cudaSetDevice",
    "cudaStreamBeginCaptureToGraph",
    "cudaStreamCreateWithFlags",
    "cudaStreamEndCapture",
    "cudaStreamGetCaptureInfo",
    "cudaStreamGetDevice",
    "cudaStreamGetId",
    "cudaStreamIsCapturing",
    "cudaStreamSynchronize",
    "cudaStreamWaitEvent",
};
// Those that are called as the device is found, after another error, as something ends, or only
// where no earlier run has left what is needed.
constexpr const char* kOtherCalls[] = {
    "cudaDriverGetVersion", "cudaRuntimeGetVersion", "cudaGetDeviceCount",
    "cudaGetErrorName",     "cudaGetErrorString",    "cudaGetLastError",
    "cudaMemGetInfo",       "cudaHostAlloc",         "cudaEventSynchronize",
};
// Whose failure need not be told: an older block stays, a run is taken to be under way.
const std::set<std::string> kSilent = {"cudaFree", "cudaEventQuery", "cudaSetDevice"};

TEST(FaultList, IsOfEveryCallOfTheExecutor) {
  std::set<std::string> known(std::begin(kCalls), std::end(kCalls));
  known.insert(std::begin(kOtherCalls), std::end(kOtherCalls));
  const std::regex call("\\b(cuda[A-Z][A-Za-z0-9]+)\\(");
  for (const char* folder : {TENDON_SOURCE_DIR "/host/cuda", TENDON_SOURCE_DIR "/kernels"}) {
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().extension() != ".cpp" && file.path().extension() != ".cu") continue;
      std::ostringstream text;
      text << std::ifstream(file.path()).rdbuf();
      const std::string source = text.str();
      for (std::sregex_iterator at(source.begin(), source.end(), call), end; at != end; ++at) {
        const std::string name = (*at)[1];
        EXPECT_TRUE(known.contains(name) || known.contains(name + "C"))
            << name << " in " << file.path();
      }
    }
  }
}

constexpr std::int64_t kRows = 8, kTerms = 16, kColumns = 4;

// Kernels, a literal, and targets that are copies; with products one of a packed operand and one
// without terms, whose addresses stay. The variant chooses ops, so that another one needs another
// kernel.
Tape make_tape(unsigned variant, bool has_products) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {kRows, kTerms}, "x");
  const Ref w = builder.input(DType::f32, {kTerms, kColumns}, "w");
  const std::vector<float> added = {1, 2, 3, 4};
  Ref y = x;
  for (unsigned bits = variant + 1; bits != 0; bits /= 2)
    y = builder.apply(bits % 2 == 1 ? Op::tanh : Op::sigmoid, {y});
  const auto slice = [&](Ref value, std::int64_t rows, std::int64_t columns, std::int64_t step) {
    Attributes of;
    of.begin = Shape(0, 0);
    of.shape = Shape(rows, columns);
    of.step = Shape(1, step);
    return builder.apply(Op::slice, {value}, of);
  };
  Ref sum = slice(y, kRows, kColumns, 1);
  if (has_products) {
    const Ref product = builder.apply(
        Op::matmul, {slice(y, kRows, kTerms / 2, 2), slice(w, kTerms / 2, kColumns, 1)});
    const Ref zeros = builder.apply(Op::matmul, {slice(x, kRows, 0, 1), slice(w, 0, kColumns, 1)});
    sum = builder.apply(Op::add, {product, zeros});
  }
  sum = builder.apply(Op::add, {sum, builder.constant(std::span<const float>(added), {kColumns})});
  const Ref total = builder.apply(Op::reduce_sum, {sum}, {.axes = 0});
  return std::move(builder).finish({total, sum, sum, x});
}

std::vector<float> numbers(std::int64_t count, float first, float step) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(first + step * static_cast<float>(i % 23));
  return values;
}
const std::vector<float> kX = numbers(kRows * kTerms, -1, 0.1F);
const std::vector<float> kW = numbers(kTerms * kColumns, 0.5F, -0.05F);

using Results = std::vector<std::vector<float>>;

Results on_cpu(unsigned variant, bool has_products) {
  const Executable executable =
      compile(make_tape(variant, has_products), {.device = Device::cpu()});
  std::vector<float> x = kX, w = kW;
  Results results;
  std::vector<Buffer> buffers;
  for (const Executable::Value& output : executable.outputs())
    results.emplace_back(output.bytes / sizeof(float));
  for (std::vector<float>& result : results)
    buffers.push_back({result.data(), result.size() * sizeof(float)});
  const Buffer inputs[] = {{x.data(), x.size() * sizeof(float)},
                           {w.data(), w.size() * sizeof(float)}};
  executable.run(Stream(), inputs, buffers);
  return results;
}

// A caller's buffers for make_tape.
struct Buffers {
  Floats x{kX}, w{kW};
  Floats total{kColumns}, sum{kRows * kColumns}, sum_again{kRows * kColumns},
      x_again{kRows * kTerms};

  void run(const Executable& executable, Stream stream) const {
    executable.run(stream, {x.buffer(), w.buffer()},
                   {total.buffer(), sum.buffer(), sum_again.buffer(), x_again.buffer()});
  }
  Results results() const {
    return {total.values(), sum.values(), sum_again.values(), x_again.values()};
  }
};

void expect_near(const Results& results, const Results& expected) {
  ASSERT_EQ(results.size(), expected.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_EQ(results[i].size(), expected[i].size());
    for (std::size_t j = 0; j < results[i].size(); ++j)
      ASSERT_NEAR(results[i][j], expected[i][j], 1e-4) << "output " << i << " at " << j;
  }
}

class Faults : public OnEmulatedDevice {
 protected:
  void SetUp() override {
    OnEmulatedDevice::SetUp();
    if (IsSkipped()) return;
    Computation().compute(Stream());
  }

  struct Computation {
    unsigned variant = 0;
    Buffers with_products[3], without[3];

    // Compiles it and runs it: on a caller's stream, there with other addresses, and on the
    // device's own stream; then everything goes that it made. And a value goes there and back,
    // and a program with gradients is compiled.
    void compute(Stream stream) const {
      for (const bool has_products : {true, false}) {
        const Buffers* buffers = has_products ? with_products : without;
        const Executable executable =
            compile(make_tape(variant, has_products), {.device = Device::cuda()});
        buffers[0].run(executable, stream);
        buffers[1].run(executable, stream);
        buffers[2].run(executable, Stream());
        synchronize(Device::cuda());
      }
      // Which gradients there are is found on the device.
      TapeBuilder builder;
      const Ref x = builder.input(DType::f32, {2}, "x");
      const Tape squared = std::move(builder).finish({builder.apply(Op::square, {x})});
      EXPECT_TRUE(compile(squared, {.device = Device::cuda(), .sources = {x}, .gradients = true})
                      .outputs()[1]
                      .connected);
      EXPECT_EQ(Tensor::from<float>({1, 2, 3}).to_vector<float>(), (std::vector<float>{1, 2, 3}));
    }
    void check() const {
      for (const Buffers& buffers : with_products)
        expect_near(buffers.results(), on_cpu(variant, true));
      for (const Buffers& buffers : without) expect_near(buffers.results(), on_cpu(variant, false));
    }
  };

  // Whoever gets no memory at all has freed what was kept.
  static void free_kept() {
    EXPECT_TRUE(
        says(thrown([] { zeros({std::int64_t{1} << 33}).to_vector<float>(); }), {"OutOfMemory"}));
  }

  // Makes the n-th call fail for n = 1, 2, ... until the computation gets through.
  void try_each(const std::string& function, cudaError_t error,
                const std::function<unsigned(int n)>& variant) {
    for (int n = 1; n < 1000 && !HasFailure(); ++n) {
      SCOPED_TRACE(fmt::format("call {} of {}", n, function));
      const Computation computation{variant(n)};
      const std::int64_t bytes = counters(Device::cuda()).bytes_allocated;
      std::string text;
      {
        const FailingCall fails(function, n, error);
        text = thrown([&] { computation.compute(Stream(stream_.get())); });
      }
      // Libraries and kernels compiled ahead of time make calls of their own.
      const bool is_inside =
          text.find("cublasLt") != std::string::npos || text.find("kernels::") != std::string::npos;
      const char* caller = is_inside ? "failed" : function.c_str();
      if (!text.empty()) {
        EXPECT_TRUE(says(text, {caller, "cudaErrorUnknown", "DeviceError 999"}));
      }
      EXPECT_EQ(counters(Device::cuda()).bytes_allocated, bytes);
      if (!text.empty()) computation.compute(Stream(stream_.get()));
      computation.check();
      EXPECT_EQ(counters(Device::cuda()).bytes_allocated, bytes);
      if (kSilent.contains(function)) {
        if (n == 20) return;
      } else if (text.empty()) {
        EXPECT_GT(n, 1) << "it is not called";
        return;
      }
    }
  }

  StreamHandle stream_ = new_stream();
};

TEST_F(Faults, OfEachCallLeaveEverythingUsable) {
  unsigned variant = 0;
  for (const char* function : kCalls) {
    const std::string name = function;
    const bool is_of_loading = name.starts_with("cudaLibrary") || name == "cudaFuncGetAttributes";
    try_each(name, kSomeError, [&](int) {
      if (name == "cudaMalloc") free_kept();
      return is_of_loading ? ++variant : 0;
    });
    if (HasFailure()) return;
  }
}

// A block is allocated once or the other way round: what is not freed is seen in the end.
TEST_F(Faults, LeaveNoMemoryBehind) {
  free_kept();
  const std::int64_t before = live_blocks();
  for (const char* function : {"cudaGraphInstantiate", "cudaEventRecord", "cudaMemcpyAsync",
                               "cudaGraphLaunch", "cudaStreamEndCapture"}) {
    try_each(function, kSomeError, [](int) { return 0; });
  }
  free_kept();
  EXPECT_EQ(live_blocks(), before);
}

TEST_F(Faults, OfMemoryAreTriedOnceMore) {
  for (const char* function :
       {"cudaMalloc", "cudaGraphInstantiate", "cudaGraphLaunch", "cudaEventCreateWithFlags",
        "cudaGraphAddKernelNode", "cudaStreamCreateWithFlags", "cudaEventRecord"}) {
    for (int n = 1; n < 8; ++n) {
      free_kept();
      SCOPED_TRACE(fmt::format("call {} of {}", n, function));
      const Computation computation;
      const FailingCall fails(function, n, cudaErrorMemoryAllocation);
      computation.compute(Stream(stream_.get()));
      computation.check();
    }
  }
}

TEST_F(Faults, OfMemoryThatIsNotThereSayWhatWasAskedForAndLeaveTapeAndVariablesWhole) {
  Variable w(Tensor::from<float>({1, 2, 3}), "w");
  GradientTape tape(TapeOptions{.persistent = true});
  const Tensor huge = zeros({std::int64_t{1} << 33}) + Tensor(1);
  const Tensor loss = reduce_sum(w * w);
  w.assign_add(Tensor::from<float>({1, 1, 1}));
  const std::string text = thrown([&] { huge.to_vector<float>(); });
  EXPECT_TRUE(says(
      text, {"OutOfMemory 34359738368 ", "add at faults_test.cpp:", "32.0 GiB", "hold", "is free"}))
      << text;
  EXPECT_EQ(loss.item<float>(), 14);
  EXPECT_EQ(tape.gradient(loss, {w})[0].value().to_vector<float>(), (std::vector<float>{2, 4, 6}));
  EXPECT_EQ(w.read().to_vector<float>(), (std::vector<float>{2, 3, 4}));
}

// The same handles give their values once nothing fails.
TEST_F(Faults, LeaveTensorsTapesAndVariablesWhole) {
  for (const char* function : {"cudaMalloc", "cudaGraphLaunch", "cudaEventRecord",
                               "cudaMemcpyAsync", "cudaStreamSynchronize", "cudaGraphInstantiate",
                               "cudaGraphExecKernelNodeSetParams", "cudaLibraryLoadData"}) {
    int failed = 0;
    for (int n = 1; n < 200 && !HasFailure(); ++n) {
      SCOPED_TRACE(fmt::format("call {} of {}", n, function));
      const Tensor x = Tensor::from<float>({1, 2, 3});
      Variable w(Tensor::from<float>({3, 2, 1}), "w");
      std::optional<GradientTape> tape;
      tape.emplace();
      const Tensor loss = reduce_sum(square(w * x));
      const Tensor slope = tape->gradient(loss, {w})[0].value();
      w.assign_sub(slope * 0.5);
      const auto read = [&] {
        return std::tuple(loss.item<float>(), slope.to_vector<float>(),
                          w.read().to_vector<float>());
      };
      std::string text;
      {
        const FailingCall fails(function, n, kSomeError);
        text = thrown(read);
      }
      const auto [value, by_w, left] = read();
      EXPECT_EQ(value, 34);
      EXPECT_EQ(by_w, (std::vector<float>{6, 16, 18}));
      EXPECT_EQ(left, (std::vector<float>{0, -6, -8}));
      if (text.empty()) break;
      ++failed;
    }
    EXPECT_TRUE(failed > 0 || std::string(function) != "cudaGraphLaunch");
  }
}

TEST_F(Faults, OfALaunchNameTheOpItsPlaceAndTheKernel) {
  const Tensor x = Tensor::from<float>({1, 2});
  const Tensor y = exp(x);
  const FailingCall fails("cudaGraphLaunch", 1, cudaErrorLaunchOutOfResources);
  EXPECT_TRUE(says(thrown([&] { y.to_vector<float>(); }),
                   {"DeviceError 701: exp at faults_test.cpp:", "in the kernel pointwise_",
                    "cudaGraphLaunch failed: cudaErrorLaunchOutOfResources"}));
}

TEST_F(Faults, OfAKernelAreToldWhereTheyShowAndTheCpuStaysUsable) {
  const Tensor x = Tensor::from<float>({1, 2});
  const Tensor y = exp(x) + 1;
  {
    const FailingCall fails("kernel", 1, cudaErrorIllegalAddress);
    const std::string text = thrown([&] { y.to_vector<float>(); });
    EXPECT_TRUE(says(text, {"DeviceError 700", "before, last on cuda:0: ", "faults_test.cpp:",
                            "in the kernel pointwise_", "a new one is needed"}));
  }
  EXPECT_TRUE(
      says(thrown([&] { x.to_vector<float>(); }), {"DeviceError 700", "a new one is needed"}));
  EXPECT_TRUE(says(thrown([&] { synchronize(Device::cuda()); }), {"DeviceError 700"}));
  const Device before = default_device();
  set_default_device(Device::cpu());
  EXPECT_EQ((Tensor::from<float>({1, 2}) * 2).to_vector<float>(), (std::vector<float>{2, 4}));
  set_default_device(before);
  revive();
}

class BuffersOfARun : public OnDevice {
 protected:
  static Executable doubling() {
    TapeBuilder builder;
    const Ref x = builder.input(DType::f32, {4}, "x");
    return compile(std::move(builder).finish({builder.apply(Op::add, {x, x})}),
                   {.device = Device::cuda()});
  }
  static std::string run(const Buffer& from, const Buffer& into) {
    return thrown([&] { doubling().run(Stream(), {from}, {into}); });
  }
  Floats x_{std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}};
  Floats y_{std::size_t{8}};
};

TEST_F(BuffersOfARun, ThatLieOnTheHostAreRefused) {
  std::vector<float> host(8);
  const Buffer wrong{host.data(), 32, Device::cuda()};
  EXPECT_TRUE(says(run(wrong, y_.buffer()),
                   {"DeviceError 0", "faults_test.cpp", "input buffer 0", "memory of the host"}));
  EXPECT_TRUE(says(run(x_.buffer(), wrong), {"output buffer 0", "memory of the host"}));
  EXPECT_TRUE(
      says(run({host.data(), 32, Device::cpu()}, y_.buffer()), {"input buffer 0 is on cpu"}));
  void* pinned = nullptr;
  TENDON_CUDA_CHECK(cudaMallocHost(&pinned, 32));
  EXPECT_TRUE(says(run({pinned, 32, Device::cuda()}, y_.buffer()), {"pinned memory of the host"}));
  TENDON_CUDA_CHECK(cudaFreeHost(pinned));
  EXPECT_EQ(run(x_.buffer(), y_.buffer()), "");
  EXPECT_EQ(y_.values()[3], 8);
}

TEST_F(BuffersOfARun, ThatAreNotAlignedAreRefused) {
  auto* bytes = reinterpret_cast<std::byte*>(x_.data());
  EXPECT_TRUE(says(run({bytes + 2, 16, Device::cuda()}, y_.buffer()),
                   {"input buffer 0", "where no f32 is aligned"}));
  // To its element is enough.
  EXPECT_EQ(run({bytes + 4, 16, Device::cuda()}, y_.buffer()), "");
  EXPECT_EQ(y_.values()[0], 4);
}

TEST_F(BuffersOfARun, ThatOverlapAreRefused) {
  const Buffer upper{x_.data() + 3, 16, Device::cuda()}, behind{x_.data() + 4, 16, Device::cuda()};
  EXPECT_TRUE(says(run(x_.buffer(), upper), {"output buffer 0 overlaps input buffer 0"}));
  EXPECT_TRUE(says(run(upper, x_.buffer()), {"overlaps"}));
  EXPECT_EQ(run(x_.buffer(), behind), "");
}

TEST_F(BuffersOfARun, AreLookedAtAnewOnlyWhereTheyAreOthers) {
  if (!is_emulated()) GTEST_SKIP();
  const Executable executable = doubling();
  const auto run_again = [&] { executable.run(Stream(), {x_.buffer()}, {y_.buffer()}); };
  run_again();
  const FailingCall fails("cudaPointerGetAttributes", 1, kSomeError);
  EXPECT_EQ(thrown(run_again), "");
}

}  // namespace
}  // namespace tendon::cuda
