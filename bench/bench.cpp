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

// step_of_small_ops: 100 ops on no data are recorded, flattened, their program found and run.
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

// training_step: a small network of two layers with Adam, the gradient and the update one run.
void training_step(benchmark::State& state) {
  Variable w1(full({16, 16}, 0.1), "w1");
  Variable b1(zeros({16}), "b1");
  Variable w2(full({16, 4}, 0.1), "w2");
  Variable b2(zeros({4}), "b2");
  const std::vector<Variable> variables{w1, b1, w2, b2};
  const Tensor x = ones({8, 16});
  const Tensor y = zeros({8, 4});
  run({x, y});
  optim::Adam adam({.learning_rate = 1e-3});
  const auto step = [&] {
    GradientTape tape;
    const Tensor loss = reduce_mean(square(matmul(tanh(matmul(x, w1) + b1), w2) + b2 - y));
    adam.apply(tape.gradient(loss, variables), variables);
    return loss.item<float>();
  };
  for (int i = 0; i < 100; ++i) step();
  const std::int64_t before = heap_allocations.load();
  for (auto _ : state) benchmark::DoNotOptimize(step());
  state.counters["allocations"] = static_cast<double>(heap_allocations.load() - before) /
                                  static_cast<double>(state.iterations());
}
BENCHMARK(training_step);

}  // namespace
}  // namespace tendon

BENCHMARK_MAIN();
