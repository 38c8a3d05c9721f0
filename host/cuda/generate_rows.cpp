#include "host/cuda/generate_rows.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;
using plan::Part;

// Of the kernel that puts chunks together: a warp's lanes take neighbouring places of a line, and
// the warps take turns at the chunks.
constexpr int kWarps = 8;

}  // namespace

std::string Reduction::combining() const {
  return fmt::format("[](auto a, auto b) {{ return {}(a, b); }}", combine);
}

Reduction reduction_of(const plan::Plan& plan, const Part& part, Local local) {
  const Instruction& step = part.body[local];
  const DType from = part.body[step.operands[0]].dtype;
  const std::string type(value_type(from));
  switch (plan.tape.op(step.value)) {
    case Op::reduce_sum: return {type, type + "(0)", "op::add", false};
    case Op::reduce_max:
      return {type, fmt::format("Limits<{}>::lowest()", type), "op::maximum", false};
    case Op::reduce_min:
      return {type, fmt::format("Limits<{}>::highest()", type), "op::minimum", false};
    case Op::argmax:
      return {fmt::format("Indexed<{}>", type), fmt::format("{{{}(0), -1}}", type), "extreme<true>",
              true};
    case Op::argmin:
      return {fmt::format("Indexed<{}>", type), fmt::format("{{{}(0), -1}}", type),
              "extreme<false>", true};
    default: throw Error(fmt::format("no kernel reduces by {}", name(plan.tape.op(step.value))));
  }
}

std::string Partials::line(std::size_t k, std::string_view outer_line) {
  if (partials_.empty()) partials_ = out_.arena("partials", part_.partials_offset, "f64");
  if (firsts_.size() <= k) {
    firsts_.push_back(out_.word("first", static_cast<std::int64_t>(k) * part_.outer_line_count() *
                                             part_.chunk_count * part_.line_length()));
  }
  const std::string type = reduction_of(plan_, part_, part_.chunked_reductions()[k]).type;
  const std::string at = outer_line.empty()
                             ? "static_cast<i64>(chunk)"
                             : fmt::format("(static_cast<i64>({}) * chunks + chunk)", outer_line);
  return fmt::format("reinterpret_cast<{}*>({} + {}) + {} * line", type, partials_, firsts_[k], at);
}

void write_results(const Part& part, Emitter& out, Body& body) {
  const Level level = part.is_resident ? Level::column : Level::row;
  for (const Local i : part.chunked_reductions()) {
    const DType dtype = part.body[i].dtype;
    const bool is_half = dtype == DType::f16 || dtype == DType::bf16;
    out.line(
        "const {} v{} = {};", value_type(dtype), i,
        is_half ? fmt::format("rounded<{}>(r{})", stored_type(dtype), i) : fmt::format("r{}", i));
    body.set(i, fmt::format("v{}", i));
  }
  Body::Position position{level, "row", "r", {}};
  for (const plan::Store& store : part.stores) {
    const Instruction& step = part.body[store.local];
    if (step.level != level) continue;
    const std::string value = body.value(store.local, position);
    out.line("{}[row] = {};", out.address(store.value, step.dtype, true),
             stored_as(step.dtype, value));
  }
}

GeneratedKernel generate_together(const plan::Plan& plan, const Part& part,
                                  const std::string& comment) {
  Emitter out(needs_wide_indices(plan.tape, part));
  Body body(plan, part, out);
  Partials partials(plan, part, out);
  const std::vector<Local> reductions = part.chunked_reductions();
  const std::int64_t rows = part.outer_line_count() * part.line_length();
  // In this order, whatever the compiler's.
  const std::string count = out.word("rows", rows), chunks = out.word("chunks", part.chunk_count),
                    line = out.word("line", part.line_length());
  out.line("const index rows = {}, chunks = {}, line = {};", count, chunks, line);
  body.write_uniforms();
  out.open("for (index first = blockIdx.x * 32; first < rows; first += gridDim.x * 32) {");
  out.line("const index row = first + threadIdx.x % 32, end = row < rows ? chunks : 0;");
  if (!part.is_resident) out.line("const index front = row / line, place = row % line;");
  for (const Local i : reductions) {
    const Reduction reduction = reduction_of(plan, part, i);
    out.line("{} r{} = {};", reduction.type, i, reduction.initial);
  }
  out.line("#pragma unroll 4");
  out.open(
      fmt::format("for (index chunk = threadIdx.x / 32; chunk < end; chunk += {}) {{", kWarps));
  for (std::size_t k = 0; k < reductions.size(); ++k) {
    const std::string_view place = part.is_resident ? "row" : "place";
    out.line("r{0} = {1}(r{0}, ({2})[{3}]);", reductions[k],
             reduction_of(plan, part, reductions[k]).combine,
             partials.line(k, part.is_resident ? "" : "front"), place);
  }
  out.close();
  for (const Local i : reductions) {
    out.line("combine_groups<{}, 32>(r{}, {});", kWarps, i,
             reduction_of(plan, part, i).combining());
  }
  out.open("if (threadIdx.x < 32 && row < rows) {");
  write_results(part, out, body);
  out.close();
  out.close();
  GeneratedKernel kernel;
  kernel.geometry = {32 * kWarps, (rows + 31) / 32, true};
  kernel.text = out.finish("together", comment, kRowIncludes, 32 * kWarps);
  kernel.fields = out.take_fields();
  return kernel;
}

}  // namespace tendon::cuda
