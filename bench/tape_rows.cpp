#include "bench/tape_rows.h"

#include <fmt/format.h>
#include <tendon/tendon.h>

#include <cmath>
#include <memory>

#include "bench/heap.h"
#include "bench/peers/torch_rows.h"
#include "bench/placed_arrays.h"
#include "bench/workloads/chain.h"
#include "bench/workloads/classifier.h"

namespace tendon::bench {
namespace {

constexpr int kTapeOps = 100;
constexpr int kBranches = 64;

// The note's first words: what the heap is asked for in the steady state.
double allocations_a_run(const std::function<void()>& run, int runs) {
  const std::int64_t before = heap_allocations();
  for (int i = 0; i < runs; ++i) run();
  return static_cast<double>(heap_allocations() - before) / runs;
}

std::string steady_state(const std::function<void()>& run) {
  constexpr int kRuns = 20;
  const Counters before = counters(default_device());
  const double allocations = allocations_a_run(run, kRuns);
  const Counters after = counters(default_device());
  const auto a_run = [](std::int64_t count) { return static_cast<double>(count) / kRuns; };
  return fmt::format("a step: {:g} heap allocations, {:g} runs, {:g} launches, {:g} plans built",
                     allocations, a_run(after.runs - before.runs),
                     a_run(after.launches - before.launches),
                     a_run(after.plans_built - before.plans_built));
}

double ops_of(const std::function<void()>& step) {
  step();
  const std::int64_t before = counters(default_device()).ops;
  step();
  return static_cast<double>(counters(default_device()).ops - before);
}

// A contest whose times are of an op.
Contest of_ops(const std::function<void()>& step) {
  return {.size = "100 ops, one op",
          .ours = step,
          .operations = kTapeOps,
          .host_operations = kTapeOps,
          .note = [step] {
            return fmt::format("an op: {:g} heap allocations",
                               allocations_a_run(step, 1000) / kTapeOps);
          }};
}

}  // namespace

Contest record() {
  const auto step = [w = Variable(ones({64}), "w"), x = ones({64})] {
    const GradientTape tape;
    Tensor y = w * x;
    y = y + x;
    for (int i = 2; i < kTapeOps; i += 2) {
      y = tanh(y);
      y = y * x;
    }
  };
  return of_ops(step);
}

Contest record_and_run() {
  return of_ops([w = Variable(ones({64}), "w"), x = ones({64})] {
    Tensor y = w * x;
    for (int i = 1; i < kTapeOps; i += 1) y = i % 2 == 0 ? tanh(y) : y * x;
    run({y});
  });
}

Contest gradient() {
  const auto step = [w = Variable(ones({64}), "w"), x = ones({64})] {
    GradientTape tape;
    Tensor y = w * x;
    for (int i = 1; i < kTapeOps; ++i) y = tanh(y);
    const Gradient by_w = tape.gradient(y, w);
  };
  return of_ops(step);
}

Contest new_chain(int ops, bool with_gradient) {
  const auto length = std::make_shared<int>(ops);
  const auto step = [=, w = Variable(ones({64}), "w"), x = ones({64})] {
    *length += 2;  // no plan is found
    GradientTape tape;
    Tensor y = w * x;
    for (int i = 2; i < *length; i += 2) y = tanh(y) * x;
    run({with_gradient ? tape.gradient(y, w).value() : y});
  };
  return {.size = fmt::format("{} ops{}", ops, with_gradient ? ", gradient" : ""),
          .ours = step,
          .torch = torch_chain_step(ops, with_gradient),
          .operations = static_cast<double>(ops),
          .host_operations = static_cast<double>(ops),
          .note = [step] {
            const std::int64_t before = counters(default_device()).plans_built;
            step();
            return fmt::format("a step: {} plans built",
                               counters(default_device()).plans_built - before);
          }};
}

Contest mlp_step(std::int64_t batch) {
  const auto step = [classifier = std::make_shared<workloads::Classifier>(batch)] {
    classifier->step();
  };
  constexpr double kWeights = 784 * 256 + 256 * 256 + 256 * 10;
  constexpr double kParameters = kWeights + 256 + 256 + 10;
  // Forward, by the weights, and by the layers' inputs but the first's.
  const double flops = 2 * static_cast<double>(batch) * (3 * kWeights - 784 * 256);
  // A parameter and its two moments, read and written where they are: the caches hold half of what
  // is moved.
  const double images = 784 * static_cast<double>(batch);
  const double bytes = 4 * (6 * kParameters + images);
  const double working_set = 4 * (3 * kParameters + images);
  return {.size = fmt::format("batch {}", batch),
          .ours = step,
          .torch = torch_mlp_step(batch),
          .floor_bytes = bytes,
          .working_set_bytes = working_set,
          .floor_flops = flops,
          .host_operations = ops_of(step),
          .note = [step] { return steady_state(step); }};
}

Contest small_step() {
  struct State {
    Tensor x = linspace(-1, 1, 100), y = exp(x);
    std::vector<Variable> p;
    optim::Adam adam;
  };
  const auto state = std::make_shared<State>();
  run({state->x, state->y});
  for (const double start : {1.0, 0.5, 1.0, 0.5, 0.0}) state->p.emplace_back(full({}, start), "p");
  const auto step = [state] {
    const std::vector<Variable>& p = state->p;
    GradientTape tape;
    const Tensor curve = p[0] * exp(p[1] * state->x) + p[2] * tanh(p[3] * state->x) + p[4];
    const Tensor loss = reduce_mean(square(curve - state->y));
    state->adam.apply(tape.gradient(loss, p), p);
  };
  const double ops = ops_of(step);
  return {.size = fmt::format("5 scalars, {} ops", ops),
          .ours = step,
          .host_operations = ops,
          .note = [step] { return steady_state(step); }};
}

Contest none_on_tape(std::int64_t size) {
  const auto sources = std::make_shared<std::vector<Tensor>>();
  for (int i = 0; i < kBranches; ++i) {
    sources->push_back(
        Tensor::from(std::vector<float>(static_cast<std::size_t>(size), 0.5F), {size}));
  }
  const auto by_one_of = [sources](int branches) {
    const std::span<const Tensor> used(sources->data(), static_cast<std::size_t>(branches));
    GradientTape tape;
    for (const Tensor& source : used) tape.watch(source);
    Tensor sum = tanh(used[0]) * used[0];
    for (const Tensor& source : used.subspan(1)) sum += tanh(source) * source;
    run({*tape.gradient(reduce_sum(sum), used[0])});
  };
  return {.size = fmt::format("{} f32", size),
          .ours = [by_one_of] { by_one_of(kBranches); },
          .by_hand = [by_one_of] { by_one_of(1); },
          .floor_bytes = 8 * static_cast<double>(size),
          .floor_flops = 20 * static_cast<double>(size),
          .elements = size};
}

Contest none_compiled(std::int64_t size) {
  struct State {
    Executable all_by_one, all, one;
    PlacedArrays input, outputs;  // the value and the gradient by the source
  };
  const Device device = default_device();
  const Tape many = workloads::branches_tape(DType::f32, size, kBranches);
  const Tape single = workloads::branches_tape(DType::f32, size, 1);
  const auto state = std::make_shared<State>(
      State{.all_by_one = compile(many, {.sources = {many.inputs()[0]}, .gradients = true}),
            .all = compile(many),
            .one = compile(single, {.sources = {single.inputs()[0]}, .gradients = true})});
  state->input.values.emplace_back(Element::f32, std::vector{size});
  state->outputs.values.emplace_back(Element::f32, std::vector<std::int64_t>{});
  state->outputs.values.emplace_back(Element::f32, std::vector{size});
  std::fill_n(state->input.values[0].as<float>(), size, 0.5F);
  state->input.place(device);
  state->input.to_device();
  state->outputs.place(device);
  // Every branch reads the same memory, so that the inputs fit a small machine.
  const std::vector<Buffer> inputs(kBranches, state->input.buffers[0]);
  const std::vector<Buffer>& outputs = state->outputs.buffers;
  const Stream stream = stream_of(device);
  return {.size = fmt::format("{} f32", size),
          .ours = [=] { state->all_by_one.run(stream, inputs, outputs); },
          .by_hand =
              [=] {
                state->all.run(stream, inputs, std::span(outputs).first(1));
                state->one.run(stream, std::span(inputs).first(1), outputs);
              },
          .floor_bytes = 8 * static_cast<double>(size),
          .floor_flops = (17.0 * kBranches + 3) * static_cast<double>(size),
          .elements = size,
          .is_on_stream = !device.is_cpu()};
}

}  // namespace tendon::bench
