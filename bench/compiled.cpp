#include "bench/compiled.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>

#include "bench/peers/torch_rows.h"
#include "bench/placed_arrays.h"

namespace tendon::bench {
namespace {

Element element_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return Element::f32;
    case DType::f64: return Element::f64;
    case DType::i32: return Element::i32;
    default: throw std::runtime_error("the benchmarks' arrays are f32, f64 or i32");
  }
}

std::vector<Array> arrays(const std::vector<Executable::Value>& values,
                          std::optional<Element> floating = {}) {
  std::vector<Array> made;
  for (const Executable::Value& value : values) {
    const Element element =
        floating && is_floating(value.dtype) ? *floating : element_of(value.dtype);
    made.emplace_back(element, std::vector<std::int64_t>(value.shape.begin(), value.shape.end()));
  }
  return made;
}

void fill(std::vector<Array>& inputs, const std::vector<Range>& ranges) {
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::uniform_real_distribution<double> uniform(ranges.at(i).low, ranges[i].high);
    for (std::int64_t j = 0; j < inputs[i].size(); ++j) inputs[i].set(j, uniform(random));
  }
}

// An error counts against the element, or the mean magnitude of its array where that is larger.
void compare(const char* who, const std::vector<Array>& results,
             const std::vector<Array>& expected) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::int64_t size = expected[i].size();
    double magnitude = 0;
    for (std::int64_t j = 0; j < size; ++j) magnitude += std::abs(expected[i].at(j));
    magnitude /= static_cast<double>(size);
    const double tolerance = results[i].element() == Element::f32 ? 1e-4 : 1e-9;
    for (std::int64_t j = 0; j < size; ++j) {
      const double actual = results[i].at(j);
      const double right = expected[i].at(j);
      if (!(std::abs(actual - right) <= tolerance * std::max(std::abs(right), magnitude))) {
        throw std::runtime_error(fmt::format("{}: output {}, element {} is {}, the reference {}",
                                             who, i, j, actual, right));
      }
    }
  }
}

bool is_spoiled = false;

std::vector<Array> in_f64(const std::vector<Array>& arrays) {
  std::vector<Array> wide;
  for (const Array& array : arrays) {
    wide.emplace_back(array.element() == Element::f32 ? Element::f64 : array.element(),
                      array.shape());
    for (std::int64_t j = 0; j < array.size(); ++j) wide.back().set(j, array.at(j));
  }
  return wide;
}

double bytes(const std::vector<Array>& arrays) {
  double sum = 0;
  for (const Array& array : arrays) sum += static_cast<double>(array.bytes());
  return sum;
}

}  // namespace

void spoil_results() { is_spoiled = true; }

Contest compiled_contest(const std::string& size, const CompiledWorkload& workload) {
  struct State {
    Executable executable;
    PlacedArrays inputs, outputs;
    std::vector<Array> by_hand_outputs;
  };
  const Device device = default_device();
  CompileOptions options{.device = device, .gradients = workload.gradients};
  if (workload.gradients) {
    for (const Ref input : workload.tape.inputs()) {
      if (is_floating(workload.tape.dtype(input))) options.sources.push_back(input);
    }
  }
  const auto state = std::make_shared<State>();
  state->executable = compile(workload.tape, options);
  state->inputs.values = arrays(state->executable.inputs());
  state->outputs.values = arrays(state->executable.outputs());
  fill(state->inputs.values, workload.inputs);
  state->inputs.place(device);
  state->outputs.place(device);
  state->inputs.to_device();

  Contest contest{.size = size, .operations = workload.operations};
  contest.floor_bytes = bytes(state->inputs.values) + bytes(state->outputs.values);
  contest.floor_flops = workload.flops;
  contest.f64 = state->outputs.values.front().element() == Element::f64;
  for (const Array& array : state->inputs.values)
    contest.elements = std::max(contest.elements, array.size());
  contest.host_operations = workload.host_operations;
  contest.is_on_stream = !device.is_cpu();
  contest.ours = [state, stream = stream_of(device)] {
    state->executable.run(stream, state->inputs.buffers, state->outputs.buffers);
  };
  contest.ours();
  state->outputs.to_host();
  if (is_spoiled) state->outputs.values[0].set(0, state->outputs.values[0].at(0) + 1);
  std::vector<Array> expected;
  if (workload.reference != nullptr) {
    expected = arrays(state->executable.outputs(), Element::f64);
    workload.reference(in_f64(state->inputs.values), expected);
    compare("ours", state->outputs.values, expected);
  }
  if (!device.is_cpu()) return contest;
  if (workload.by_hand != nullptr) {
    state->by_hand_outputs = arrays(state->executable.outputs());
    contest.by_hand = [state, loop = workload.by_hand] {
      loop(state->inputs.values, state->by_hand_outputs);
    };
    contest.by_hand();
    compare("by hand", state->by_hand_outputs, expected);
  }
  if (const TorchStep torch = torch_step(workload.name, state->inputs.values); torch.run) {
    contest.torch = torch.run;
    contest.torch();
    std::vector<Array> results = arrays(state->executable.outputs());
    torch.copy_results(results);
    compare("torch", results, expected.empty() ? state->outputs.values : expected);
  }
  return contest;
}

}  // namespace tendon::bench
