#include "host/cuda/scatter.h"

#include <bit>

#include "host/cuda/loop.h"

namespace tendon::cuda {
namespace {

constexpr std::int64_t kArenaAlignment = 256;
constexpr std::int64_t kFewIndices = 32;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// Of the numbers below `count`.
int bits_below(std::int64_t count) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count > 0 ? count - 1 : 0)));
}

}  // namespace

bool SortedScatter::is(const plan::Plan& plan, const plan::Irregular& stage) {
  return plan.tape.op(stage.op) == Op::scatter_add && plan.tape.shape(stage.op).size() > 0 &&
         plan.tape.shape(stage.operands[1]).size() > kFewIndices;
}

SortedScatter::SortedScatter(const plan::Plan& plan, const plan::Irregular& stage,
                             std::int64_t workspace)
    : tape_(plan.tape), stage_(stage), op_(stage.op), workspace_(workspace) {
  const std::int64_t count = tape_.shape(operand(1)).size();
  const Walk table(tape_.shape(op_), tape_.attributes(op_).axes[0]);
  // One target more: of the indices that are out of range.
  sort_ = {count, bits_below(count), bits_below(count) + bits_below(table.extent + 1)};
  if (sort_.last_bit > 64) {
    throw Error(fmt::format("scatter_add: {} indices into an extent of {} are too many", count,
                            table.extent));
  }
  constexpr auto kKeyBytes = static_cast<std::int64_t>(sizeof(std::uint64_t));
  keys_ = workspace_;
  sorted_ = keys_ + aligned(count * kKeyBytes);
  segments_ = sorted_ + aligned(count * kKeyBytes);
  sort_workspace_ = segments_ + aligned((table.extent + 1) * kKeyBytes);
}

std::string SortedScatter::comment(std::string_view what) const {
  return fmt::format("irregular: scatter_add {}, {}", stored_type(tape_.dtype(op_)), what);
}

GeneratedKernel SortedScatter::write_keys() const {
  const Walk table(tape_.shape(op_), tape_.attributes(op_).axes[0]);
  Loop loop(sort_.count, "scatter_keys", comment("where each update goes, and its position"));
  Emitter& out = loop.out;
  const std::string extent = out.word("extent", table.extent);
  write_index(out, op_, out.address(operand(1), tape_.dtype(operand(1)), false), "i", extent,
              "true");
  out.line("{}[i] = static_cast<u64>(at < 0 ? {} : at) << {} | i;", out.arena("keys", keys_, "u64"),
           extent, out.word("position_bits", sort_.first_bit));
  return loop.finish();
}

GeneratedKernel SortedScatter::find_segments() const {
  const Walk table(tape_.shape(op_), tape_.attributes(op_).axes[0]);
  Loop loop(table.extent + 1, "scatter_segments", comment("where each target's sorted keys begin"));
  Emitter& out = loop.out;
  const std::string keys = out.arena("keys", sorted_, "const u64"),
                    bits = out.word("position_bits", sort_.first_bit);
  out.line("index low = 0, high = {};", out.word("indices", sort_.count));
  out.open("while (low < high) {");
  out.line("const index middle = (low + high) / 2;");
  out.line("if (static_cast<index>({}[middle] >> {}) < i) low = middle + 1;", keys, bits);
  out.line("else high = middle;");
  out.close();
  out.line("{}[i] = low;", out.arena("segments", segments_, "i64"));
  return loop.finish();
}

GeneratedKernel SortedScatter::add_updates() const {
  const DType dtype = tape_.dtype(op_);
  const Walk table(tape_.shape(op_), tape_.attributes(op_).axes[0]);
  Loop loop(tape_.shape(op_).size(), "scatter_add", comment("each element's updates in order"));
  Emitter& out = loop.out;
  const std::string inner = out.word("inner", table.inner),
                    extent = out.word("extent", table.extent),
                    count = out.word("indices", sort_.count),
                    mask = out.word("position_mask", (std::int64_t{1} << sort_.first_bit) - 1),
                    keys = out.arena("keys", sorted_, "const u64"),
                    segments = out.arena("segments", segments_, "const i64"),
                    updates = out.address(operand(0), dtype, false),
                    target = out.address(op_, dtype, true);
  out.line("const index column = i % {0}, at = i / {0} % {1}, front = i / {0} / {1};", inner,
           extent);
  out.line("const index end = {}[at + 1];", segments);
  out.line("{0} sum = {0}(0);", value_type(dtype));
  out.open(fmt::format("for (index k = {}[at]; k < end; ++k) {{", segments));
  out.line("const index position = static_cast<index>({}[k]) & {};", keys, mask);
  out.line("sum = op::add(sum, value_of({}[(front * {} + position) * {} + column]));", updates,
           count, inner);
  out.close();
  out.line("{}[i] = stored_as<{}>(sum);", target, stored_type(dtype));
  return loop.finish();
}

}  // namespace tendon::cuda
