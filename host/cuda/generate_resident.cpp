#include <algorithm>
#include <bit>

#include "host/cuda/body.h"
#include "host/cuda/generate_rows.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;
using plan::Part;
using plan::View;

constexpr std::string_view kIncludes =
    "#include \"tendon/memory.cuh\"\n#include \"tendon/ops.cuh\"\n#include \"tendon/row.cuh\"\n";

// How the threads of a row share its elements.
struct RowClass {
  int threads = 32;  // of a row: a warp, or more
  int elements = 1;  // of a thread
  int width = 1;     // of them side by side in memory
  int rows_of_block = 1;
};

RowClass class_of(const Part& part, bool can_be_wide, std::size_t widest) {
  const std::int64_t length = part.row_length();
  RowClass row;
  row.width = can_be_wide ? static_cast<int>(16 / widest) : 1;
  const auto power = [](std::int64_t n) {
    return static_cast<int>(
        std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(n, 1))));
  };
  if (length <= 256) {
    row.rows_of_block = 8;
    row.elements = std::max(power((length + 31) / 32), row.width);
    return row;
  }
  row.elements = length <= 8192 ? 8 : 16;
  row.threads = std::clamp(power((length + row.elements - 1) / row.elements), 64, 1024);
  return row;
}

// The last reduction that a local waits for: 0 is before all of them.
std::vector<int> phases_of(const Part& part) {
  std::vector<int> phases(part.body.size());
  for (Local i = 0; i < part.body.size(); ++i) {
    const Instruction& step = part.body[i];
    for (std::uint32_t j = 0; j < step.operand_count; ++j)
      phases[i] = std::max(phases[i], phases[step.operands[j]]);
    if (step.kind == Instruction::Kind::reduce) ++phases[i];
  }
  return phases;
}

class Resident {
 public:
  Resident(const plan::Plan& plan, const Part& part, bool is_aligned)
      : plan_(plan),
        part_(part),
        phases_(phases_of(part)),
        out_(needs_wide_indices(plan.tape, part)),
        body_(plan, part, out_) {
    std::size_t widest = 2;
    bool can_be_wide = true, has_loads = false;
    for (const Instruction& step : part.body) {
      if (step.level != Level::element || step.kind != Instruction::Kind::load) continue;
      has_loads = true;
      widest = std::max(widest, size_bytes(step.dtype));
      can_be_wide &= (is_contiguous(step.view) || is_same_for_each_row(step.view)) &&
                     is_in_reach(step.view.pieces[0].base, is_aligned);
    }
    for (const plan::Store& store : part.stores) {
      if (part.body[store.local].level != Level::element) continue;
      widest = std::max(widest, size_bytes(part.body[store.local].dtype));
      can_be_wide &= is_in_reach(store.value, is_aligned);
    }
    const auto width = static_cast<std::int64_t>(16 / widest);
    row_ = class_of(part,
                    can_be_wide && has_loads && part.row_length() % width == 0 &&
                        part.row_length() >= 32 * width,
                    widest);
  }

  GeneratedKernel write(const std::string& comment) {
    const std::int64_t rows = part_.rows().size();
    const std::string count = out_.word("rows", rows),
                      length = out_.word("length", part_.row_length());
    body_.write_uniforms();
    out_.line("const index length = {};", length);
    if (row_.rows_of_block > 1) {
      out_.line("const int thread = threadIdx.x % 32;");
      out_.open(
          fmt::format("for (index row = blockIdx.x * {0} + threadIdx.x / 32; row < {1}; row += "
                      "gridDim.x * {0}) {{",
                      row_.rows_of_block, count));
    } else {
      out_.line("const int thread = threadIdx.x;");
      out_.open(fmt::format("for (index row = blockIdx.x; row < {}; row += gridDim.x) {{", count));
    }
    write_loads();
    const int last = *std::ranges::max_element(phases_);
    for (int phase = 0; phase <= last; ++phase) write_phase(phase);
    write_row_stores();
    out_.close();
    GeneratedKernel kernel;
    const auto threads = static_cast<std::uint32_t>(row_.threads * row_.rows_of_block);
    kernel.geometry = {
        threads, std::max<std::int64_t>((rows + row_.rows_of_block - 1) / row_.rows_of_block, 1),
        true};
    kernel.text = out_.finish("rows", comment, kIncludes, threads);
    kernel.fields = out_.take_fields();
    return kernel;
  }

 private:
  bool is_in_reach(Ref value, bool is_aligned) const {
    return is_aligned || plan_.locations[value.id].space == plan::Space::arena;
  }
  // Whether each row sees the same elements, neighbours in memory from its begin.
  bool is_same_for_each_row(const View& view) const {
    if (!view.is_whole() || view.pieces[0].offset != 0) return false;
    std::int64_t contiguous = 1;
    for (int i = view.shape.rank(); i-- > 0;) {
      const bool is_reduced =
          i >= part_.first_reduced && i < part_.first_reduced + part_.reduced_count;
      const std::int64_t stride = view.pieces[0].strides[static_cast<std::size_t>(i)];
      if (view.shape[i] != 1 && stride != (is_reduced ? contiguous : 0)) return false;
      if (is_reduced) contiguous *= view.shape[i];
    }
    return true;
  }
  bool is_element_load(Local i) const {
    return part_.body[i].level == Level::element && part_.body[i].kind == Instruction::Kind::load;
  }
  // Whether a local of elements is wanted after the phase that computes it.
  bool is_kept(Local local) const {
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.level != Level::element && step.kind != Instruction::Kind::reduce) continue;
      const int used_in = step.kind == Instruction::Kind::reduce ? phases_[i] - 1 : phases_[i];
      for (std::uint32_t j = 0; j < step.operand_count; ++j) {
        if (step.operands[j] == local && used_in > phases_[local]) return true;
      }
    }
    return false;
  }

  // A loop over the elements of a thread: `e`, of the row `j`, of all `i`; where they are taken as
  // vectors, a loop over those, of the row `k`, around it. What is in between is written by `each`.
  template <class Begin>
  void open_elements(Begin&& begin) {
    out_.line("#pragma unroll");
    if (row_.width == 1) {
      out_.open(fmt::format("for (int e = 0; e < {}; ++e) {{", row_.elements));
      out_.line("const index j = e * {} + thread, i = row * length + j;", row_.threads);
      out_.line("if (j >= length) break;");
      return;
    }
    open_vectors();
    begin();
    out_.line("#pragma unroll");
    out_.open(fmt::format("for (int e = v; e < v + {}; ++e) {{", row_.width));
    out_.line("const index j = k * {} + (e - v), i = row * length + j;", row_.width);
  }
  template <class End>
  void close_elements(End&& end) {
    out_.close();
    if (row_.width == 1) return;
    end();
    out_.close();
  }
  void open_vectors() {
    out_.open(fmt::format("for (int v = 0; v < {}; v += {}) {{", row_.elements, row_.width));
    out_.line("const index k = v / {} * {} + thread;", row_.width, row_.threads);
    out_.line("if (k * {} >= length) break;", row_.width);
  }
  DType dtype_of(const plan::Store& store) const { return part_.body[store.local].dtype; }
  std::string vector_of(const plan::Store& store) const {
    return fmt::format("s{}", &store - part_.stores.data());
  }
  static std::string kept(Local local) { return fmt::format("k{}", local); }

  // All loads first, so that they are under way together.
  void write_loads() {
    bool has_any = false;
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (!is_element_load(i)) continue;
      out_.line("{} {}[{}];", value_type(part_.body[i].dtype), kept(i), row_.elements);
      has_any = true;
    }
    if (!has_any) return;
    if (row_.width > 1) {
      out_.line("#pragma unroll");
      open_vectors();
      for (Local i = 0; i < part_.body.size(); ++i) {
        if (!is_element_load(i)) continue;
        const Instruction& step = part_.body[i];
        const std::string row =
            is_same_for_each_row(step.view) ? "" : fmt::format("row * length / {} + ", row_.width);
        out_.line("const auto x{} = load<{}>({}, {}k);", i, row_.width,
                  out_.address(step.view.pieces[0].base, step.dtype, false), row);
        out_.line("for (int w = 0; w < {}; ++w) {}[v + w] = {};", row_.width, kept(i),
                  value_of(step.dtype, fmt::format("x{}.at[w]", i)));
      }
      out_.close();
    } else {
      open_elements([] {});
      Body::Position position{Level::element, "i", "", {}};
      for (Local i = 0; i < part_.body.size(); ++i) {
        if (!is_element_load(i)) continue;
        out_.line("{}[e] = {};", kept(i),
                  body_.element(part_.body[i].view, part_.body[i].dtype, position));
      }
      close_elements([] {});
    }
  }

  void write_phase(int phase) {
    std::vector<Local> reductions, stored;
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (part_.body[i].kind == Instruction::Kind::reduce && phases_[i] == phase + 1)
        reductions.push_back(i);
    }
    std::vector<Local> wanted;  // of elements, computed in this phase and used later
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.level != Level::element || phases_[i] != phase || is_element_load(i) ||
          step.kind == Instruction::Kind::expand)
        continue;
      if (is_kept(i)) wanted.push_back(i);
    }
    std::vector<const plan::Store*> stores;
    for (const plan::Store& store : part_.stores) {
      if (part_.body[store.local].level == Level::element && phases_[store.local] == phase)
        stores.push_back(&store);
    }
    // What rows need of values that only rows have.
    write_rows(phase);
    if (reductions.empty() && wanted.empty() && stores.empty()) return;
    for (const Local i : wanted)
      out_.line("{} {}[{}];", value_type(part_.body[i].dtype), kept(i), row_.elements);
    for (const Local i : reductions) {
      const Reduction reduction = reduction_of(plan_, part_, i);
      out_.line("{} r{} = {};", reduction.type, i, reduction.initial);
    }
    open_elements([&] {
      for (const plan::Store* store : stores) {
        out_.line("Vector<{}, {}> {};", stored_type(dtype_of(*store)), row_.width,
                  vector_of(*store));
      }
    });
    Body::Position position{Level::element, "i", "", {}};
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (part_.body[i].level == Level::element &&
          (is_element_load(i) ||
           (phases_[i] < phase && is_kept(i) && part_.body[i].kind != Instruction::Kind::expand))) {
        body_.set(i, kept(i) + "[e]");
      }
    }
    for (const Local i : wanted) out_.line("{}[e] = {};", kept(i), body_.value(i, position));
    for (const Local i : reductions) {
      const std::string value = body_.value(part_.body[i].operands[0], position);
      const Reduction reduction = reduction_of(plan_, part_, i);
      if (reduction.is_arg) {
        out_.line("r{0} = {1}(r{0}, {2}{{{3}, static_cast<i64>(j)}});", i, reduction.combine,
                  reduction.type, value);
      } else {
        out_.line("r{0} = {1}(r{0}, {2});", i, reduction.combine, value);
      }
    }
    for (const plan::Store* store : stores) {
      const std::string value = body_.value(store->local, position);
      const std::string into =
          row_.width > 1 ? vector_of(*store) + ".at[e - v]"
                         : fmt::format("{}[i]", out_.address(store->value, dtype_of(*store), true));
      out_.line("{} = {};", into, stored_as(dtype_of(*store), value));
    }
    close_elements([&] {
      for (const plan::Store* store : stores) {
        out_.line("store({}, row * length / {} + k, {});",
                  out_.address(store->value, dtype_of(*store), true), row_.width,
                  vector_of(*store));
      }
    });
    body_.forget(Level::element);
    for (const Local i : reductions) {
      const Reduction reduction = reduction_of(plan_, part_, i);
      const std::string all =
          row_.rows_of_block > 1 ? "reduce_warp" : fmt::format("reduce_block<{}>", row_.threads);
      out_.line("r{0} = {1}(r{0}, [](auto a, auto b) {{ return {2}(a, b); }});", i, all,
                reduction.combine);
      const DType dtype = part_.body[i].dtype;
      const bool is_half = dtype == DType::f16 || dtype == DType::bf16;
      out_.line("const {} v{} = {};", value_type(dtype), i,
                reduction.is_arg ? fmt::format("r{}.index", i)
                : is_half        ? fmt::format("rounded<{}>(r{})", stored_type(dtype), i)
                                 : fmt::format("r{}", i));
      body_.set(i, fmt::format("v{}", i));
    }
  }

  void write_rows(int phase) {
    Body::Position position{Level::row, "row", "r", {}};
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.level == Level::row && phases_[i] == phase && step.kind != Instruction::Kind::reduce)
        body_.value(i, position);
    }
  }

  void write_row_stores() {
    bool has_any = false;
    for (const plan::Store& store : part_.stores)
      has_any |= part_.body[store.local].level == Level::row;
    if (!has_any) return;
    Body::Position position{Level::row, "row", "r", {}};
    out_.open("if (thread == 0) {");
    for (const plan::Store& store : part_.stores) {
      const Instruction& step = part_.body[store.local];
      if (step.level != Level::row) continue;
      const std::string value = body_.value(store.local, position);
      out_.line("{}[row] = {};", out_.address(store.value, step.dtype, true),
                stored_as(step.dtype, value));
    }
    out_.close();
  }

  const plan::Plan& plan_;
  const Part& part_;
  std::vector<int> phases_;
  Emitter out_;
  Body body_;
  RowClass row_;
};

}  // namespace

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

GeneratedKernel generate_resident(const plan::Plan& plan, const Part& part, bool is_aligned,
                                  const std::string& comment) {
  return Resident(plan, part, is_aligned).write(comment);
}

}  // namespace tendon::cuda
