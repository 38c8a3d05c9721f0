#include "host/record/evaluate.h"

#include <tendon/error.h>

#include <algorithm>
#include <ostream>

#include "host/ops/op_row.h"
#include "host/plan/program_cache.h"
#include "host/record/flatten.h"
#include "host/support/spare.h"
#include "host/support/text.h"

namespace tendon {
namespace record {
namespace {

// What an evaluation needs for a moment.
struct Run {
  Flattening flattening;
  std::vector<const void*> inputs;
  std::vector<std::shared_ptr<const plan::Outcome>> before;  // of the runs that computed the inputs
  std::vector<std::shared_ptr<Storage>> values;
  std::vector<void*> outputs;
  support::PoolVector<Node*> dropped;

  void clear() {
    flattening.clear();
    inputs.clear();
    before.clear();
    values.clear();
    outputs.clear();
    dropped.clear();
  }
  std::size_t held_bytes() const { return flattening.held_bytes(); }
};

// Gives a node its value. Requires graph_mutex().
void publish(Node& node, std::shared_ptr<Storage> value, support::PoolVector<Node*>& dropped) {
  if (node.ready.load(std::memory_order_relaxed)) return;  // another thread was first
  node.value = std::move(value);
  node.ready.store(true, std::memory_order_release);
  if (node.tape_holds == 0) take_operands(node, dropped);
}

using Copies = support::PoolVector<NodePtr>;

bool is_there(const Node& node) { return node.ready.load(std::memory_order_acquire); }

std::shared_ptr<Storage> new_storage(plan::Backend& backend, const Node& node) {
  const std::size_t bytes =
      static_cast<std::size_t>(node.type.shape.size()) * size_bytes(node.type.dtype);
  return std::allocate_shared<Storage>(support::PoolAllocator<Storage>(), backend, bytes,
                                       node.called != nullptr ? node.called : name(node.op),
                                       node.place);
}

// The tape for those of the nodes that lie on the device. Copies from other devices that it needs
// and that are not there yet are added to `copies`.
const Tape& flatten(Flattening& flattening, Device device, std::span<Node* const> nodes,
                    Keeps keeps, Copies& copies) {
  const std::scoped_lock lock(graph_mutex());
  flattening.start(keeps);
  for (Node* node : nodes) {
    if (node->device == device) flattening.want(node);
  }
  copies.insert(copies.end(), flattening.copies().begin(), flattening.copies().end());
  return flattening.finish();
}

// Of each value of the tape, whether a bad index would show in it: what comes of an op that takes
// indices, or of an input of which that is not known yet.
support::PoolVector<bool> come_of_indices(const Tape& tape,
                                          std::span<const std::shared_ptr<Storage>> inputs) {
  support::PoolVector<bool> comes(tape.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    comes[tape.inputs()[i].id] = inputs[i]->outcome() != nullptr;
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    if (ops::row(tape.op(Ref{id})).takes_indices ||
        std::ranges::any_of(tape.operands(Ref{id}), [&](Ref operand) { return comes[operand.id]; }))
      comes[id] = true;
  }
  return comes;
}

// One plan for those of the nodes that lie on the device, run unless it needs copies. `keeps_more`:
// becomes whether it gives values to nodes that nobody asked for.
void compute_on(Device device, std::span<Node* const> nodes, Keeps keeps, Copies& copies,
                bool& keeps_more) {
  const support::Spare<Run> run;
  Flattening& flattening = run->flattening;
  const Tape& tape = flatten(flattening, device, nodes, keeps, copies);
  if (!flattening.copies().empty()) return;
  keeps_more = flattening.outputs().size() > nodes.size();

  plan::Backend& backend = backend_of(device);

  for (const std::shared_ptr<Storage>& input : flattening.inputs()) {
    run->inputs.push_back(input->data());
    if (input->outcome()) {
      input->outcome()->check();
      run->before.push_back(input->outcome());
    }
  }
  for (const Flattening::Output& output : flattening.outputs()) {
    run->values.push_back(new_storage(backend, *output.node));
    run->outputs.push_back(run->values.back()->data());
  }
  // Another thread may have computed all of it meanwhile.
  if (!run->outputs.empty()) {
    const std::shared_ptr<const plan::Program> program = plan::program_for(backend, tape);
    const std::shared_ptr<const plan::Outcome> outcome =
        backend.execute(*program, tape, run->inputs, run->outputs, Stream(), run->before);
    if (outcome) {
      const support::PoolVector<bool> comes = come_of_indices(tape, flattening.inputs());
      for (std::size_t i = 0; i < run->values.size(); ++i) {
        if (comes[flattening.outputs()[i].value.id]) run->values[i]->set_outcome(outcome);
      }
    }
    const std::shared_ptr<const History> history = keep_history(device, flattening);
    for (std::size_t i = 0; i < run->values.size(); ++i)
      run->values[i]->set_history(history, flattening.outputs()[i].value.id);
  }

  {
    const std::scoped_lock lock(graph_mutex());
    for (std::size_t i = 0; i < run->values.size(); ++i) {
      publish(*flattening.outputs()[i].node, std::move(run->values[i]), run->dropped);
    }
    for (const auto& [alias, node] : flattening.aliases()) {
      publish(*alias, node->value, run->dropped);
    }
  }
  for (Node* node : run->dropped) release(node);
}

void compute_on(Device device, std::span<Node* const> nodes, Keeps keeps, Copies& copies) {
  bool keeps_more = false;
  try {
    return compute_on(device, nodes, keeps, copies, keeps_more);
  } catch (const OutOfMemory&) {
    if (!keeps_more || keeps <= Keeps::variables) throw;
  }
  compute_on(device, nodes, Keeps::variables, copies, keeps_more);
}

// Calls call(device) once for each device on which some of the nodes lie.
template <class Call>
void for_each_device(std::span<Node* const> nodes, Call&& call) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Device device = nodes[i]->device;
    const auto before = nodes.first(i);
    if (std::ranges::find(before, device, &Node::device) == before.end()) call(device);
  }
}

// The nodes, in one plan a device; what could not be computed is that which needs the copies that
// are given back.
Copies compute(std::span<Node* const> nodes, Keeps keeps) {
  Copies copies;
  for_each_device(nodes, [&](Device device) { compute_on(device, nodes, keeps, copies); });
  return copies;
}

// What the copy is a copy of; none where the copy is there.
NodePtr source_of(const Node& copy) {
  const std::scoped_lock lock(graph_mutex());
  return is_there(copy) ? NodePtr() : NodePtr(copy.operands()[0]);
}

// Copies a value that is there, through the host where neither device is the CPU.
void fill(Node& copy) {
  const NodePtr source = source_of(copy);
  if (!source) return;
  std::shared_ptr<Storage> value = new_storage(backend_of(copy.device), copy);
  const Storage& from = *source->value;
  value->set_history(from.history(), from.history_value());
  const std::size_t bytes = value->bytes();
  if (source->device.is_cpu()) {
    value->backend().copy_from_host(value->data(), from.data(), bytes);
  } else if (copy.device.is_cpu()) {
    from.copy_to_host(value->data());
  } else {
    const auto on_host = std::make_unique_for_overwrite<std::byte[]>(bytes);
    from.copy_to_host(on_host.get());
    value->backend().copy_from_host(value->data(), on_host.get(), bytes);
  }
  support::PoolVector<Node*> dropped;
  {
    const std::scoped_lock lock(graph_mutex());
    publish(copy, std::move(value), dropped);
  }
  for (Node* node : dropped) release(node);
}

// Gives the copies their values: what they copy first, and the copies which that needs. Without
// recursion, since a value may go to and fro any number of times.
void fill(Copies copies, Keeps keeps) {
  std::vector<Copies> waiting;
  waiting.push_back(std::move(copies));
  while (!waiting.empty()) {
    Copies sources;
    support::PoolVector<Node*> pending;
    for (const NodePtr& copy : waiting.back()) {
      sources.push_back(source_of(*copy));
      if (sources.back() && !is_there(*sources.back())) pending.push_back(sources.back().get());
    }
    if (pending.empty()) {
      for (const NodePtr& copy : waiting.back()) fill(*copy);
      waiting.pop_back();
    } else if (Copies more = compute(pending, keeps); !more.empty()) {
      waiting.push_back(std::move(more));
    }
  }
}

}  // namespace

void evaluate(std::span<Node* const> nodes, Keeps keeps) {
  while (!std::ranges::all_of(nodes, [](const Node* node) { return is_there(*node); })) {
    Copies copies = compute(nodes, keeps);
    if (!copies.empty()) fill(std::move(copies), keeps);
  }
}

namespace {

// Of two runs, the second before the first.
void prepend(PlanSummary& to, PlanSummary summary) {
  to.ops += summary.ops;
  to.launches += summary.launches;
  to.bytes_read += summary.bytes_read;
  to.bytes_written += summary.bytes_written;
  to.floor_bytes += summary.floor_bytes;
  to.peak_bytes = std::max(to.peak_bytes, summary.peak_bytes);
  to.flops += summary.flops;
  summary.kernels.insert(summary.kernels.end(), to.kernels.begin(), to.kernels.end());
  to.kernels = std::move(summary.kernels);
}

}  // namespace

PlanSummary describe(std::span<Node* const> nodes) {
  PlanSummary whole;
  support::PoolVector<Node*> asked(nodes.begin(), nodes.end());
  Copies held;
  while (!asked.empty()) {
    Copies copies;
    for_each_device(asked, [&](Device device) {
      const support::Spare<Run> run;
      const Tape& tape = flatten(run->flattening, device, asked, Keeps::nothing, copies);
      prepend(whole, plan::program_for(backend_of(device), tape)->summary());
    });
    // What is copied is computed before.
    asked.clear();
    for (const NodePtr& copy : copies) {
      if (NodePtr source = source_of(*copy)) {
        asked.push_back(source.get());
        held.push_back(std::move(source));
      }
    }
  }
  return whole;
}

namespace {

support::PoolVector<Node*> nodes_of(std::span<const Tensor> tensors, const char* call,
                                    Place place) {
  support::PoolVector<Node*> nodes;
  nodes.reserve(tensors.size());
  for (const Tensor& tensor : tensors) nodes.push_back(&node_of(tensor, call, place));
  return nodes;
}

}  // namespace
}  // namespace record

void run(std::initializer_list<Tensor> tensors, Place place) {
  record::evaluate(record::nodes_of({tensors.begin(), tensors.size()}, "run", place));
}
void run(const detail::List<Tensor>& tensors, Place place) {
  record::evaluate(record::nodes_of(tensors, "run", place));
}

PlanSummary describe(std::initializer_list<Tensor> tensors, Place place) {
  return record::describe(record::nodes_of({tensors.begin(), tensors.size()}, "describe", place));
}
PlanSummary describe(const detail::List<Tensor>& tensors, Place place) {
  return record::describe(record::nodes_of(tensors, "describe", place));
}

std::ostream& operator<<(std::ostream& stream, const PlanSummary& summary) {
  stream << fmt::format("{} ops in {} launches, {} read, {} written, floor {}, peak {}, {} flops\n",
                        summary.ops, summary.launches, support::text_bytes(summary.bytes_read),
                        support::text_bytes(summary.bytes_written),
                        support::text_bytes(summary.floor_bytes),
                        support::text_bytes(summary.peak_bytes), summary.flops);
  for (const std::string& kernel : summary.kernels) stream << "  " << kernel << '\n';
  return stream;
}

}  // namespace tendon
