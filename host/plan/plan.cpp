#include "host/plan/plan.h"

#include <algorithm>
#include <set>

#include "host/support/text.h"

namespace tendon::plan {
namespace {

std::int64_t flops(const Tape& tape, Ref value) {
  const auto operands = tape.operands(value);
  switch (ops::row(tape.op(value)).kind) {
    case ops::OpKind::pointwise: return tape.shape(value).size();
    case ops::OpKind::reduce: return tape.shape(operands[0]).size();
    case ops::OpKind::contract: {
      const Shape& a = tape.shape(operands[0]);
      const bool transposed = tape.attributes(value).transpose_a;
      return 2 * tape.shape(value).size() * a[a.rank() - (transposed ? 2 : 1)];
    }
    case ops::OpKind::irregular:
      return tape.op(value) == Op::scatter_add ? tape.shape(operands[0]).size() : 0;
    case ops::OpKind::leaf:
    case ops::OpKind::view: return 0;
  }
  __builtin_unreachable();
}

std::string line(const Tape& tape, Ref value) {
  std::string operands;
  for (const Ref operand : tape.operands(value)) {
    fmt::format_to(std::back_inserter(operands), "{}{}{}", operands.empty() ? "" : ", ",
                   tape.dtype(operand), tape.shape(operand));
  }
  return fmt::format("{}({}) -> {}{}{}", name(tape.op(value)), operands, tape.dtype(value),
                     tape.shape(value), support::at(tape.place(value)));
}

}  // namespace

Plan make_plan(Tape tape) {
  Plan plan;
  constexpr std::uint32_t kNever = ~std::uint32_t{0};
  // The last op that reads each value; a target is read by the caller, after them all.
  std::vector<std::uint32_t> last_use(tape.size(), kNever);
  std::vector<bool> wanted(tape.size());
  for (const Ref target : tape.targets()) {
    wanted[target.id] = true;
    last_use[target.id] = tape.size();
  }
  std::uint32_t count = 0;
  for (std::uint32_t id = tape.size(); id-- > 0;) {
    if (!wanted[id]) continue;
    if (tape.op(Ref{id}) != Op::input) ++count;
    for (const Ref operand : tape.operands(Ref{id})) {
      wanted[operand.id] = true;
      if (last_use[operand.id] == kNever) last_use[operand.id] = id;
    }
  }
  plan.stages.reserve(count);
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    const Ref value{id};
    if (!wanted[id] || tape.op(value) == Op::input) continue;
    Stage stage{ops::row(tape.op(value)).kind, {value}, {}};
    for (const Ref operand : tape.operands(value)) {
      const bool last = last_use[operand.id] == id && tape.op(operand) != Op::input;
      if (last && std::ranges::find(stage.dead, operand) == stage.dead.end()) {
        stage.dead.push_back(operand);
      }
    }
    plan.stages.push_back(std::move(stage));
  }
  plan.tape = std::move(tape);
  return plan;
}

PlanSummary summarize(const Plan& plan) {
  const Tape& tape = plan.tape;
  PlanSummary summary;
  const std::set<Ref> targets(tape.targets().begin(), tape.targets().end());
  std::set<Ref> inputs_read;
  std::int64_t held = 0;
  for (const Ref target : targets) held += tape.op(target) == Op::input ? 0 : tape.bytes(target);
  summary.peak_bytes = held;
  for (const Stage& stage : plan.stages) {
    ++summary.launches;
    for (const Ref value : stage.values) {
      ++summary.ops;
      summary.bytes_written += tape.bytes(value);
      summary.flops += flops(tape, value);
      summary.kernels.push_back(line(tape, value));
      const auto operands = tape.operands(value);
      const std::set<Ref> distinct(operands.begin(), operands.end());
      for (const Ref operand : distinct) {
        summary.bytes_read += tape.bytes(operand);
        if (tape.op(operand) == Op::input) inputs_read.insert(operand);
      }
      if (!targets.contains(value)) held += tape.bytes(value);
      summary.peak_bytes = std::max(summary.peak_bytes, held);
    }
    for (const Ref value : stage.dead) held -= tape.bytes(value);
  }
  for (const Ref input : inputs_read) summary.floor_bytes += tape.bytes(input);
  for (const Ref target : targets) summary.floor_bytes += tape.bytes(target);
  return summary;
}

}  // namespace tendon::plan
