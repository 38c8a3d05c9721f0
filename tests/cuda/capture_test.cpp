// Products are captured into graphs beside what other threads do.
#include "host/cuda/capture.h"

#include <cublasLt.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <utility>

#include "host/cuda/device_traits.h"
#include "host/cuda/instance.h"
#include "host/plan/plan.h"
#include "tests/cuda/emulated_device.h"
#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

// relu(a b + bias).
Tape product_tape(DType dtype, std::int64_t rows, std::int64_t terms, std::int64_t columns) {
  TapeBuilder tape;
  const Ref a = tape.input(dtype, {rows, terms}), b = tape.input(dtype, {terms, columns});
  const Ref sum =
      tape.apply(Op::add, {tape.apply(Op::matmul, {a, b}), tape.input(dtype, {columns})});
  return std::move(tape).finish({tape.apply(Op::relu, {sum})});
}

DeviceRun device_run(const Tape& tape) {
  return DeviceRun(tape, {.device = Device::cuda()}, {{-1, 1}}, 0);
}

// Waits for the whole device in another thread, as any thread of the program may. True if a capture
// was lost by that.
bool wait_in_another_thread() {
  cudaError_t status = cudaSuccess;
  std::thread([&] {
    status = cudaDeviceSynchronize();
    forget(status);
  }).join();
  return status == cudaErrorStreamCaptureUnsupported;
}

// A program of this test's own objects, and not of libtendon_cuda.so, which has a mutex of its own.
class OwnProgram {
 public:
  OwnProgram() : program_(plan::make_plan(tape_, kTraits), 0, kernels_, memory_) {}
  void expect_right() const {
    const Floats a(std::vector<float>(std::size_t{5} * 16, 1));
    const Floats b(std::vector<float>(std::size_t{16} * 9, 2)), bias(std::vector<float>(9, -30));
    const Floats result(std::size_t{5} * 9);
    const void* from[] = {a.data(), b.data(), bias.data()};
    void* into[] = {result.data()};
    cuda::run(program_, {tape_, from, into}, stream_.get());
    TENDON_CUDA_CHECK(cudaStreamSynchronize(stream_.get()));
    EXPECT_EQ(result.values(), std::vector<float>(std::size_t{5} * 9, 2));
  }

 private:
  Tape tape_ = product_tape(DType::f32, 5, 16, 9);
  KernelCache kernels_{0, 90};
  StreamHandle stream_ = new_stream();
  Memory memory_{0, stream_.get()};
  CudaProgram program_;
};

using Capture = OnEmulatedDevice;

TEST_F(Capture, ThatAnotherThreadSpoilsIsMadeAgain) {
  const DeviceRun run = device_run(product_tape(DType::f32, 6, 8, 12));
  int spoilt = 0;
  {
    const OnLibraryCall spoil([&](const std::string& function) {
      if (function == "cublasLtMatmul" && spoilt < 3 && wait_in_another_thread()) ++spoilt;
    });
    run.run();
  }
  EXPECT_EQ(spoilt, 3);
  run.expect_as_on_cpu(1e-6);
}

TEST_F(Capture, ThatIsSpoiltEachTimeIsGivenUpWithTheReason) {
  const DeviceRun run = device_run(product_tape(DType::f32, 6, 8, 12));
  int spoilt = 0;
  {
    const OnLibraryCall spoil([&](const std::string& function) {
      if (function == "cublasLtMatmul" && wait_in_another_thread()) ++spoilt;
    });
    EXPECT_TRUE(
        says(thrown([&] { run.run(); }),
             {"DeviceError 901: relu at capture_test.cpp:", "the capture of a CUDA graph was lost",
              "cudaDeviceSynchronize", "it was tried 16 times"}));
  }
  EXPECT_EQ(spoilt, kMostCaptures);
  run.run();
  run.expect_as_on_cpu(1e-6);
}

// The first error of the library, and not that of the graph that it leaves behind.
TEST_F(Capture, InWhichTheLibraryFailsIsNotMadeAgain) {
  const DeviceRun run = device_run(product_tape(DType::f32, 6, 8, 12));
  int calls = 0;
  {
    const OnLibraryCall count(
        [&](const std::string& function) { calls += function == "cublasLtMatmul"; });
    const FailingCall fails("cublasLtMatmul", 1,
                            static_cast<cudaError_t>(CUBLAS_STATUS_EXECUTION_FAILED));
    EXPECT_TRUE(says(thrown([&] { run.run(); }),
                     {"DeviceError", "cublasLtMatmul failed: CUBLAS_STATUS_EXECUTION_FAILED"}));
  }
  EXPECT_EQ(calls, 1);
  run.run();
  run.expect_as_on_cpu(1e-6);
}

TEST_F(Capture, FindsTheKernelsOfTheLibraryLoaded) {
  const DeviceRun run = device_run(product_tape(DType::f64, 6, 8, 12));
  const std::int64_t before = module_count();
  run.run();
  EXPECT_EQ(module_count(), before);
  run.expect_as_on_cpu(1e-14);
}

// As where there is no memory to try a product out before.
TEST_F(Capture, InWhichTheLibraryLoadsKernelsIsNotLost) {
  std::optional<OwnProgram> program;
  {
    const FailingCall fails("cudaMalloc", 1, cudaErrorMemoryAllocation);
    program.emplace();
  }
  const std::int64_t before = module_count();
  program->expect_right();
  if (module_count() == before) GTEST_SKIP() << "an earlier test of this process has loaded them";
}

// The library splits long sums, and lets the next kernel begin before the parts are added.
TEST_F(Capture, MayEndWithAProgrammaticDependency) {
  const DeviceRun run = device_run(product_tape(DType::f32, 4, 64, 4));
  run.run();
  run.expect_as_on_cpu(1e-5);
}

TEST_F(Capture, IsNotUnderWayWhileTheLibrarySearchesOrLoads) {
  int calls = 0, unlocked = 0;
  const OnLibraryCall look([&](const std::string& function) {
    if (function != "cublasLtCreate" && function != "cublasLtMatmulAlgoGetHeuristic" &&
        function != "cublasLtMatmul")
      return;
    ++calls;
    // In a thread that does not hold the mutex itself.
    std::thread([&] {
      if (!capture_mutex().try_lock()) return;
      capture_mutex().unlock();
      ++unlocked;
    }).join();
  });
  OwnProgram().expect_right();
  EXPECT_GE(calls, 3);
  EXPECT_EQ(unlocked, 0);
}

}  // namespace
}  // namespace tendon::cuda
