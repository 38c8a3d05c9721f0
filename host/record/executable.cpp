// compile() and Executable: a Tape, differentiated and planned once, run on the caller's buffers.
#include <tendon/backend.h>
#include <tendon/error.h>
#include <tendon/precompile.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "host/autodiff/differentiate.h"
#include "host/plan/plan.h"
#include "host/record/cuda_library.h"
#include "host/record/evaluate.h"
#include "host/support/pool.h"
#include "host/support/text.h"

namespace tendon {

namespace {

// The addresses of the last runs, by their hash: what was found usable is not looked at again.
class UsableAddresses {
 public:
  using Hash = std::uint64_t;
  static Hash hash(std::span<const void* const> inputs, std::span<void* const> outputs) {
    return XXH3_64bits_withSeed(outputs.data(), outputs.size_bytes(),
                                XXH3_64bits(inputs.data(), inputs.size_bytes()));
  }
  bool contains(Hash hash) const { return slot(hash).load(std::memory_order_relaxed) == hash; }
  void add(Hash hash) { slot(hash).store(hash, std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kCount = 16;
  std::atomic<Hash>& slot(Hash hash) { return hashes_[hash % kCount]; }
  const std::atomic<Hash>& slot(Hash hash) const { return hashes_[hash % kCount]; }
  std::array<std::atomic<Hash>, kCount> hashes_ = {};
};

}  // namespace

struct Executable::Impl {
  Device device = Device::cpu();
  std::unique_ptr<plan::Program> program;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  ReachMask connected;
  mutable UsableAddresses usable;
};

namespace {

Executable::Value value_of(const Tape& tape, Ref value) {
  return {tape.dtype(value), tape.shape(value), static_cast<std::size_t>(tape.bytes(value))};
}

void check_options(const Tape& tape, const CompileOptions& options, Place place) {
  const auto exists = [&](Ref value) {
    if (value.id >= tape.size()) {
      throw Error(fmt::format("compile{}: no value {} in a tape of {}", support::at(place),
                              value.id, tape.size()));
    }
  };
  std::ranges::for_each(options.sources, exists);
  if (!options.gradients && (!options.sources.empty() || !options.output_gradients.empty())) {
    throw Error(
        fmt::format("compile{}: sources are given, but gradients is false", support::at(place)));
  }
  const auto& seeds = options.output_gradients;
  if (!seeds.empty() && seeds.size() != tape.targets().size()) {
    throw ShapeError(fmt::format("compile{}: {} output_gradients for {} targets",
                                 support::at(place), seeds.size(), tape.targets().size()));
  }
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (!seeds[i]) continue;
    exists(*seeds[i]);
    const Ref target = tape.targets()[i];
    if (tape.shape(*seeds[i]) != tape.shape(target)) {
      throw ShapeError(fmt::format("compile{}: output gradient {} has shape {}, its target {}",
                                   support::at(place), i, tape.shape(*seeds[i]),
                                   tape.shape(target)));
    }
    if (tape.dtype(*seeds[i]) != tape.dtype(target)) {
      throw DTypeError(fmt::format("compile{}: output gradient {} is {}, its target {}",
                                   support::at(place), i, tape.dtype(*seeds[i]),
                                   tape.dtype(target)));
    }
  }
}

void check_buffers(const char* kind, std::span<const Buffer> buffers,
                   std::span<const Executable::Value> values, Device device, Place place) {
  if (buffers.size() != values.size()) {
    throw ShapeError(fmt::format("Executable::run{}: {} {} buffers for {} {}s", support::at(place),
                                 buffers.size(), kind, values.size(), kind));
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const Executable::Value& value = values[i];
    if (!value.connected) continue;
    if (buffers[i].data == nullptr && value.bytes > 0) {
      throw ShapeError(fmt::format("Executable::run{}: {} buffer {} is null, {} {} needs {} bytes",
                                   support::at(place), kind, i, value.dtype, value.shape,
                                   value.bytes));
    }
    if (buffers[i].bytes < value.bytes) {
      throw ShapeError(fmt::format("Executable::run{}: {} buffer {} has {} bytes, {} {} needs {}",
                                   support::at(place), kind, i, buffers[i].bytes, value.dtype,
                                   value.shape, value.bytes));
    }
    if (buffers[i].device != device) {
      throw DeviceError(fmt::format("Executable::run{}: {} buffer {} is on {}, the program on {}",
                                    support::at(place), kind, i, buffers[i].device, device));
    }
  }
}

// Of buffers that check_buffers has seen: aligned, and on the device.
void check_addresses(const char* kind, std::span<const Buffer> buffers,
                     std::span<const Executable::Value> values, const plan::Backend& backend,
                     Device device, Place place) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const Executable::Value& value = values[i];
    if (!value.connected || value.bytes == 0) continue;
    const auto address = reinterpret_cast<std::uintptr_t>(buffers[i].data);
    if (address % size_bytes(value.dtype) != 0) {
      throw Error(fmt::format("Executable::run{}: {} buffer {} is at {}, where no {} is aligned",
                              support::at(place), kind, i, buffers[i].data, value.dtype));
    }
    if (const std::string there = backend.elsewhere(buffers[i].data); !there.empty()) {
      throw DeviceError(
          fmt::format("Executable::run{}: {} buffer {} lies in {}, the program's on {}",
                      support::at(place), kind, i, there, device));
    }
  }
}

struct Range {
  const std::byte* begin;
  const std::byte* end;
  bool is_output;
  std::size_t index;
};

void check_overlap(std::vector<Range> ranges, Place place) {
  std::ranges::sort(ranges, {}, &Range::begin);
  const Range* input = nullptr;  // of those so far, the one that goes furthest
  const Range* output = nullptr;
  for (const Range& range : ranges) {
    const Range* const over = output != nullptr && range.begin < output->end ? output
                              : range.is_output && input != nullptr && range.begin < input->end
                                  ? input
                                  : nullptr;
    if (over != nullptr) {
      const auto name = [](const Range& of) {
        return fmt::format("{} buffer {}", of.is_output ? "output" : "input", of.index);
      };
      throw Error(fmt::format("Executable::run{}: {} overlaps {}", support::at(place), name(range),
                              name(*over)));
    }
    const Range*& furthest = range.is_output ? output : input;
    if (furthest == nullptr || furthest->end < range.end) furthest = &range;
  }
}

// A tape with the gradients that are asked for as targets after its own.
struct Differentiated {
  Tape tape;
  std::vector<bool> connected;  // by source
};
Differentiated differentiated(const Tape& tape, const CompileOptions& options,
                              plan::Backend& backend) {
  std::vector<autodiff::SourceValue> sources;
  for (std::uint32_t i = 0; i < options.sources.size(); ++i)
    sources.push_back({options.sources[i], i});
  const std::vector<std::uint8_t> live = autodiff::differentiable_edges(tape);
  const autodiff::Mask mask =
      autodiff::reachability_of_any(backend, tape, live, sources, tape.targets());
  autodiff::Differentiated made =
      autodiff::differentiate(tape, options.output_gradients, sources, sources.size(), live, mask);
  std::vector<Ref> targets(tape.targets().begin(), tape.targets().end());
  std::vector<bool> connected;
  for (const std::optional<Ref>& gradient : made.gradients) {
    connected.push_back(gradient.has_value());
    if (gradient) targets.push_back(*gradient);
  }
  return {TapeBuilder(std::move(made.tape)).finish(targets), std::move(connected)};
}

}  // namespace

Executable compile(const Tape& tape, const CompileOptions& options, Place place) {
  check_options(tape, options, place);
  auto impl = std::make_shared<Executable::Impl>();
  plan::Backend& backend = record::backend_of(options.device);
  impl->device = options.device;
  for (const Ref input : tape.inputs()) impl->inputs.push_back(value_of(tape, input));
  for (const Ref target : tape.targets()) impl->outputs.push_back(value_of(tape, target));

  Tape planned = tape;
  if (options.gradients) {
    Differentiated both = differentiated(tape, options, backend);
    impl->connected = ReachMask(options.sources.size());
    for (std::size_t i = 0; i < options.sources.size(); ++i) {
      Executable::Value value = value_of(tape, options.sources[i]);
      value.connected = both.connected[i];
      if (value.connected) impl->connected.set(i);
      impl->outputs.push_back(value);
    }
    planned = std::move(both.tape);
  }
  impl->program = backend.prepare(plan::make_plan(std::move(planned), backend.traits()));
  backend.count_plan_built();
  Executable executable;
  executable.impl_ = std::move(impl);
  return executable;
}

void precompile(const Tape& tape, int architecture, const CompileOptions& options,
                const std::function<void(const CompileProgress&)>& progress, Place place) {
  check_options(tape, options, place);
  Tape planned = tape;
  if (options.gradients)
    planned = differentiated(tape, options, record::backend_of(Device::cpu())).tape;
  record::cuda_precompile(planned, architecture, progress);
}

namespace {

Error never_compiled(const char* call, Place place) {
  return Error(fmt::format("Executable::{}{}: nothing has been compiled: ask compile() for one",
                           call, support::at(place)));
}

}  // namespace

const std::vector<Executable::Value>& Executable::inputs(Place place) const {
  if (!impl_) throw never_compiled("inputs", place);
  return impl_->inputs;
}
const std::vector<Executable::Value>& Executable::outputs(Place place) const {
  if (!impl_) throw never_compiled("outputs", place);
  return impl_->outputs;
}
PlanSummary Executable::summary(Place place) const {
  if (!impl_) throw never_compiled("summary", place);
  return impl_->program->summary();
}

void Executable::run(Stream stream, std::span<const Buffer> inputs, std::span<const Buffer> outputs,
                     ReachMask* connected, Place place) const {
  if (!impl_) throw never_compiled("run", place);
  check_buffers("input", inputs, impl_->inputs, impl_->device, place);
  check_buffers("output", outputs, impl_->outputs, impl_->device, place);
  support::PoolVector<const void*> from;
  from.reserve(inputs.size());
  for (const Buffer& input : inputs) from.push_back(input.data);
  support::PoolVector<void*> into;
  into.reserve(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (impl_->outputs[i].connected) into.push_back(outputs[i].data);
  }
  plan::Backend& backend = record::backend_of(impl_->device);
  const UsableAddresses::Hash addresses = UsableAddresses::hash(from, into);
  if (!impl_->usable.contains(addresses)) {
    check_addresses("input", inputs, impl_->inputs, backend, impl_->device, place);
    check_addresses("output", outputs, impl_->outputs, backend, impl_->device, place);
    std::vector<Range> ranges;
    const auto add = [&](const Buffer& buffer, const Value& value, bool is_output,
                         std::size_t index) {
      if (!value.connected || value.bytes == 0) return;
      const auto* begin = static_cast<const std::byte*>(buffer.data);
      ranges.push_back({begin, begin + value.bytes, is_output, index});
    };
    for (std::size_t i = 0; i < inputs.size(); ++i) add(inputs[i], impl_->inputs[i], false, i);
    for (std::size_t i = 0; i < outputs.size(); ++i) add(outputs[i], impl_->outputs[i], true, i);
    check_overlap(std::move(ranges), place);
    impl_->usable.add(addresses);
  }
  backend.execute(*impl_->program, impl_->program->plan().tape, from, into, stream);
  if (connected != nullptr) *connected = impl_->connected;
}

}  // namespace tendon
