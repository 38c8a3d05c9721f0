#include "runtime/graph_run.h"

#include <map>
#include <utility>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/execute.h"

namespace emulator {
namespace {

// A loop that goes on for longer than this is taken not to end.
constexpr std::uint64_t kMostIterations = 1u << 20;

// What all work of one launch has in common.
struct Launched {
  int device = 0;
  std::string stream;  // in words
  Time enqueued_at = 0;
};

// Work for each node of the graph, after `begin` or after all that `base` has seen. Gives those
// that no other node comes after.
std::vector<WorkPointer> add_nodes(Context& context, const Launched& launched,
                                   const std::shared_ptr<const ExecGraph>& graph,
                                   const WorkPointer& begin, const Clock& base);

bool do_nothing(const WorkPointer&) { return true; }

// A conditional node while it runs: body after body, until the condition says no.
class Branch : public std::enable_shared_from_this<Branch> {
 public:
  Branch(Context& context, Launched launched, std::shared_ptr<const ExecGraph> owner,
         const ExecNode& node)
      : context_(context),
        launched_(std::move(launched)),
        owner_(std::move(owner)),
        node_(node),
        conditional_(std::get<Conditional>(*node.operation)) {}

  // Begins the body that the condition asks for, if any. True where the node has ended.
  bool advance(const WorkPointer& self) {
    const ExecGraph* body = self->is_dropped ? nullptr : next_body(self);
    if (!body) return true;
    if (chain_ == kNoChain) {
      chain_ = context_.order.new_chain();
      context_.order.close(chain_, self->id);
      // The bodies come after what the node comes after, not after the node, which has not ended.
      before_ = self->clock;
      before_.step_back(self->chain);
    }
    const auto branch = shared_from_this();
    const Chain first = context_.order.chain_count();
    const std::vector<WorkPointer> last =
        add_nodes(context_, launched_, {owner_, body}, nullptr, before_);
    const WorkPointer end =
        add_work(context_,
                 {.device = launched_.device,
                  .chain = chain_,
                  .description = "body of a conditional node on " + launched_.stream,
                  .run =
                      [branch, self](const WorkPointer& ended) {
                        branch->before_.merge(ended->clock);
                        if (branch->advance(self)) branch->context_.queue.finish(self);
                        return true;
                      },
                  .from_graph = true,
                  .enqueued_at = launched_.enqueued_at},
                 last, before_);
    context_.order.close_from(first, end->id, end->clock);
    return false;
  }

 private:
  static constexpr Chain kNoChain = ~Chain{0};

  const ExecGraph* next_body(const WorkPointer& self) {
    const std::uint32_t value = context_.conditions[conditional_.handle];
    const bool is_first = iterations_++ == 0;
    switch (conditional_.type) {
      case cudaGraphCondTypeIf:
        if (!is_first) return nullptr;
        if (value != 0) return &node_.bodies[0];
        return node_.bodies.size() > 1 ? &node_.bodies[1] : nullptr;
      case cudaGraphCondTypeSwitch:
        return is_first && value < node_.bodies.size() ? &node_.bodies[value] : nullptr;
      case cudaGraphCondTypeWhile: break;
    }
    if (value == 0) return nullptr;
    if (iterations_ <= kMostIterations) return &node_.bodies[0];
    Report report{};
    report.fault = Fault::step_budget;
    report.text = std::string(name(report.fault)) + ": " + context_.order.describe(self->id) +
                  "\n  its loop has run " + std::to_string(kMostIterations) + " times";
    reports().add(std::move(report));
    fail_device(context_, self->device, cudaErrorLaunchTimeout);
    return nullptr;
  }

  Context& context_;
  Launched launched_;
  std::shared_ptr<const ExecGraph> owner_;  // of the node
  const ExecNode& node_;
  Conditional conditional_;
  std::uint64_t iterations_ = 0;
  Chain chain_ = kNoChain;  // the ends of the bodies
  Clock before_;            // what the next body comes after
};

// Puts the nodes of one graph into the queue.
class NodeWork {
 public:
  NodeWork(Context& context, const Launched& launched, std::shared_ptr<const ExecGraph> graph,
           const WorkPointer& begin, const Clock& base)
      : context_(context),
        launched_(launched),
        graph_(std::move(graph)),
        begin_(begin),
        base_(base) {}

  std::vector<WorkPointer> add() {
    std::vector<bool> is_last(graph_->nodes.size(), true);
    for (const ExecNode& node : graph_->nodes) {
      std::vector<WorkPointer> after;
      for (std::size_t before : node.before) {
        after.push_back(ends_[before]);
        is_last[before] = false;
      }
      if (after.empty() && begin_) after.push_back(begin_);
      ends_.push_back(add(node, after));
      tails_[ends_.back()->chain] = ends_.back().get();
    }
    std::vector<WorkPointer> last;
    for (std::size_t i = 0; i < ends_.size(); ++i) {
      if (is_last[i]) last.push_back(ends_[i]);
    }
    if (last.empty() && begin_) last.push_back(begin_);
    return last;
  }

 private:
  WorkPointer add(const ExecNode& node, std::vector<WorkPointer>& after) {
    const OperationPointer operation =
        node.is_enabled ? node.operation : std::make_shared<const Operation>(Empty{});
    const Chain chain = chain_after(after);
    if (std::holds_alternative<Subgraph>(*operation)) return add_subgraph(node, chain, after);
    if (std::holds_alternative<Conditional>(*operation)) {
      const auto branch = std::make_shared<Branch>(context_, launched_, graph_, node);
      return make(*operation, chain, after,
                  [branch](const WorkPointer& self) { return branch->advance(self); });
    }
    if (const auto* wait = std::get_if<EventWait>(operation.get())) {
      if (context_.events.holds(wait->event)) after.push_back(wait->event->work);
    }
    Context& context = context_;
    const WorkPointer work =
        make(*operation, chain, after, [&context, operation](const WorkPointer& self) {
          execute(context, *operation, self);
          return true;
        });
    protect_from_host(context_, *operation, work);
    if (const auto* record = std::get_if<EventRecord>(operation.get())) {
      if (context_.events.holds(record->event)) set_recorded(*record->event, work);
    }
    return work;
  }

  WorkPointer add_subgraph(const ExecNode& node, Chain chain,
                           const std::vector<WorkPointer>& after) {
    const WorkPointer begin = make(*node.operation, chain, after, do_nothing);
    const Chain first = context_.order.chain_count();
    const std::vector<WorkPointer> last =
        add_nodes(context_, launched_, {graph_, &node.bodies[0]}, begin, {});
    const WorkPointer end = make(*node.operation, chain, last, do_nothing);
    context_.order.close_from(first, end->id, end->clock);
    return end;
  }

  WorkPointer make(const Operation& operation, Chain chain, const std::vector<WorkPointer>& after,
                   Run run) {
    const auto* launch = std::get_if<KernelLaunch>(&operation);
    return add_work(context_,
                    {.device = launch ? launch->device : launched_.device,
                     .chain = chain,
                     .description = describe(operation) + " in a graph on " + launched_.stream,
                     .run = std::move(run),
                     .from_graph = true,
                     .enqueued_at = launched_.enqueued_at},
                    after, base_);
  }

  // A node goes on a chain that ends with one that it comes after, so that a graph that is a line
  // takes one chain.
  Chain chain_after(const std::vector<WorkPointer>& after) {
    for (const WorkPointer& before : after) {
      const auto tail = tails_.find(before->chain);
      if (tail != tails_.end() && tail->second == before.get()) {
        tails_.erase(tail);
        return before->chain;
      }
    }
    return context_.order.new_chain();
  }

  Context& context_;
  const Launched& launched_;
  std::shared_ptr<const ExecGraph> graph_;
  const WorkPointer& begin_;
  const Clock& base_;
  std::vector<WorkPointer> ends_;       // of the nodes so far
  std::map<Chain, const Work*> tails_;  // the last nodes of chains
};

std::vector<WorkPointer> add_nodes(Context& context, const Launched& launched,
                                   const std::shared_ptr<const ExecGraph>& graph,
                                   const WorkPointer& begin, const Clock& base) {
  return NodeWork(context, launched, graph, begin, base).add();
}

// What a graph allocates stays allocated after the launch, until it is freed; it cannot be
// allocated once more before.
void take_memory(Context& context, const ExecGraph& graph, bool frees_by_itself) {
  for (const ExecNode& node : graph.nodes) {
    const auto* allocate = std::get_if<Allocate>(node.operation.get());
    Block* block = allocate ? context.blocks.at(allocate->address) : nullptr;
    require(!block || !block->is_taken || frees_by_itself);
  }
  for (const ExecNode& node : graph.nodes) {
    const auto* allocate = std::get_if<Allocate>(node.operation.get());
    const auto* release = std::get_if<Release>(node.operation.get());
    if (!allocate && !release) continue;
    Block* block = context.blocks.at(allocate ? allocate->address : release->address);
    if (block) block->is_taken = allocate != nullptr;
  }
}

// A graph that is launched onto a stream that is captured becomes a child of the captured graph.
Graph& graph_from(Context& context, const ExecGraph& exec) {
  Graph& graph = *context.graphs.make();
  for (const ExecNode& node : exec.nodes) {
    GraphNode& made = *context.nodes.make();
    made.graph = &graph;
    made.operation = node.is_enabled ? node.operation : std::make_shared<const Operation>(Empty{});
    for (std::size_t before : node.before) made.before.push_back(graph.nodes[before]);
    made.edges.resize(made.before.size());
    for (const ExecGraph& body : node.bodies) {
      Graph& inner = graph_from(context, body);
      inner.owner = &made;
      made.bodies.push_back(&inner);
    }
    graph.nodes.push_back(&made);
  }
  return graph;
}

void capture_launch(Context& context, const GraphExec& exec, Stream& stream) {
  const Dependencies after = frontier(stream);
  Graph& child = graph_from(context, exec.graph);
  try {
    set_frontier(stream, add_child(context, *stream.capture->graph, after, child, true));
  } catch (const Failure&) {
    destroy_graph(context, child);
    stream.capture->is_invalid = true;
    throw;
  }
}

}  // namespace

void launch_graph(Context& context, GraphExec& exec, Stream& stream) {
  if (stream.capture) return capture_launch(context, exec, stream);
  require_no_implicit_capture(context, stream);
  take_memory(context, exec.graph, (exec.flags & cudaGraphInstantiateFlagAutoFreeOnLaunch) != 0);
  ++context.calls.graph_launches;
  if (!exec.snapshot) exec.snapshot = std::make_shared<const ExecGraph>(exec.graph);
  const auto assign = [&context, handles = exec.handles](const WorkPointer&) {
    for (const Graph::Handle& handle : handles) {
      if (handle.is_assigned) context.conditions[handle.handle] = handle.value;
    }
    return true;
  };
  const WorkPointer begin =
      enqueue(context, stream, "begin of a graph", assign, std::span(&exec.last_launch, 1));
  const Launched launched{stream.device, describe(stream), begin->enqueued_at};
  const Chain first = context.order.chain_count();
  const std::vector<WorkPointer> last = add_nodes(context, launched, exec.snapshot, begin, {});
  const WorkPointer end = enqueue(context, stream, "end of a graph", do_nothing, last);
  context.order.close_from(first, end->id, end->clock);
  exec.last_launch = end;
}

}  // namespace emulator
