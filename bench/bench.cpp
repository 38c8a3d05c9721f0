// The benchmarks: one row a workload, Google Benchmark's table, --benchmark_format=json for a
// machine.
#include <benchmark/benchmark.h>
#include <tendon/tendon.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::int64_t> heap_allocations = 0;

}  // namespace

// Counts what the program and the library take from the heap. Not inlined: GCC would take new for
// malloc.
void* operator new(std::size_t bytes) {
  heap_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* block = std::malloc(bytes)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace tendon {
namespace {

// record: a tape of 100 ops is recorded, nothing is run. Target: 150 ns an op, no allocation in
// steady state.
void record(benchmark::State& state) {
  constexpr int kOps = 100;
  Variable w(ones({64}), "w");
  Tensor x = ones({64});
  const auto step = [&] {
    GradientTape tape;
    Tensor y = w * x;
    y = y + x;
    for (int i = 2; i < kOps; i += 2) {
      y = tanh(y);
      y = y * x;
    }
    benchmark::DoNotOptimize(y);
  };
  for (int i = 0; i < 100; ++i) step();
  const std::int64_t before = heap_allocations.load();
  for (auto _ : state) step();
  state.counters["allocations_an_op"] = static_cast<double>(heap_allocations.load() - before) /
                                        static_cast<double>(state.iterations()) / kOps;
  state.counters["time_an_op"] = benchmark::Counter(
      kOps, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(record);

// flatten: record's ops, flattened and their program looked up as well; on so little data that the
// ops cost nothing beside.
void step_of_small_ops(benchmark::State& state) {
  constexpr int kOps = 100;
  const auto x = Tensor::from(std::vector<float>());
  const auto step = [&] {
    Tensor y = x + x;
    for (int i = 2; i < kOps; i += 2) {
      y = neg(y);
      y = y * x;
    }
    run({y});
  };
  for (int i = 0; i < 100; ++i) step();
  const std::int64_t before = heap_allocations.load();
  for (auto _ : state) step();
  state.counters["allocations_an_op"] = static_cast<double>(heap_allocations.load() - before) /
                                        static_cast<double>(state.iterations()) / kOps;
  state.counters["time_an_op"] = benchmark::Counter(
      kOps, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(step_of_small_ops);

// gradient: record's tape and its gradient, as nodes; nothing is run.
void gradient(benchmark::State& state) {
  constexpr int kOps = 100;
  Variable w(ones({64}), "w");
  Tensor x = ones({64});
  for (auto _ : state) {
    GradientTape tape;
    Tensor y = w * x;
    for (int i = 1; i < kOps; ++i) y = tanh(y);
    benchmark::DoNotOptimize(tape.gradient(y, w));
  }
  state.counters["time_an_op"] = benchmark::Counter(
      kOps, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(gradient);

}  // namespace
}  // namespace tendon

BENCHMARK_MAIN();
