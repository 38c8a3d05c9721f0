#include "host/record/evaluate.h"

#include <tendon/error.h>

#include <algorithm>
#include <ostream>

#include "host/cpu/cpu_backend.h"
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
  std::vector<std::shared_ptr<Storage>> values;
  std::vector<void*> outputs;
  support::PoolVector<Node*> dropped;

  void clear() {
    flattening.clear();
    inputs.clear();
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

}  // namespace

plan::Backend& backend_of(Device device) {
  if (!device.is_cpu()) {
    throw DeviceError(fmt::format(
        "cuda:{} is not available: this build of tendon has no CUDA executor", device.index()));
  }
  return cpu::backend();
}

void evaluate(std::span<Node* const> nodes, Keeps keeps) {
  if (std::ranges::all_of(nodes,
                          [](const Node* n) { return n->ready.load(std::memory_order_acquire); })) {
    return;
  }
  plan::Backend& backend = backend_of(Device::cpu());
  const support::Spare<Run> run;
  Flattening& flattening = run->flattening;
  {
    const std::scoped_lock lock(graph_mutex());
    flattening.start(keeps);
    for (Node* node : nodes) flattening.want(node);
  }
  const Tape& tape = flattening.finish();

  for (const std::shared_ptr<Storage>& input : flattening.inputs())
    run->inputs.push_back(input->data());
  for (const Flattening::Output& output : flattening.outputs()) {
    run->values.push_back(
        std::allocate_shared<Storage>(support::PoolAllocator<Storage>(), backend,
                                      static_cast<std::size_t>(tape.bytes(output.value)),
                                      name(output.node->op), output.node->place));
    run->outputs.push_back(run->values.back()->data());
  }
  // Another thread may have computed all of it meanwhile.
  if (!run->outputs.empty()) {
    const std::shared_ptr<const plan::Program> program = plan::program_for(backend, tape);
    backend.execute(*program, tape, run->inputs, run->outputs, Stream());
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

PlanSummary describe(std::span<Node* const> nodes) {
  const support::Spare<Run> run;
  {
    const std::scoped_lock lock(graph_mutex());
    run->flattening.start(Keeps::nothing);
    for (Node* node : nodes) run->flattening.want(node);
  }
  return plan::summarize(plan::make_plan(run->flattening.finish()));
}

namespace {

support::PoolVector<Node*> nodes_of(std::span<const Tensor> tensors, const char* call) {
  support::PoolVector<Node*> nodes;
  nodes.reserve(tensors.size());
  for (const Tensor& tensor : tensors) nodes.push_back(&node_of(tensor, call, Place()));
  return nodes;
}

}  // namespace
}  // namespace record

void run(std::initializer_list<Tensor> tensors) {
  record::evaluate(record::nodes_of({tensors.begin(), tensors.size()}, "run"));
}
void run(const detail::List<Tensor>& tensors) {
  record::evaluate(record::nodes_of(tensors, "run"));
}

PlanSummary describe(std::initializer_list<Tensor> tensors) {
  return record::describe(record::nodes_of({tensors.begin(), tensors.size()}, "describe"));
}
PlanSummary describe(const detail::List<Tensor>& tensors) {
  return record::describe(record::nodes_of(tensors, "describe"));
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
