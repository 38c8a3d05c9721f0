#include <algorithm>

#include "host/cuda/column_results.h"
#include "host/cuda/generate_rows.h"
#include "host/cuda/row_elements.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;
using plan::Part;
using plan::View;

// The last reduction that a local waits for: 0 is before all of them.
std::vector<int> phases_of(const Part& part) {
  std::vector<int> phases(part.body.size());
  for (Local i = 0; i < part.body.size(); ++i) {
    const Instruction& step = part.body[i];
    for (std::uint32_t j = 0; j < step.operand_count; ++j)
      phases[i] = std::max(phases[i], phases[step.operands[j]]);
    if (step.kind == Instruction::Kind::reduce && step.level == Level::row) ++phases[i];
  }
  return phases;
}

// Whether each row sees the same elements, neighbours in memory from its begin.
bool is_same_for_each_row(const Part& part, const View& view) {
  if (!view.is_whole() || view.pieces[0].offset != 0) return false;
  std::int64_t contiguous = 1;
  for (int i = view.shape.rank(); i-- > 0;) {
    const bool is_reduced = i >= part.first_reduced && i < part.first_reduced + part.reduced_count;
    const std::int64_t stride = view.pieces[0].strides[static_cast<std::size_t>(i)];
    if (view.shape[i] != 1 && stride != (is_reduced ? contiguous : 0)) return false;
    if (is_reduced) contiguous *= view.shape[i];
  }
  return true;
}

class Resident {
  using Index = RowElements::Index;

 public:
  Resident(const plan::Plan& plan, const Part& part, bool is_aligned)
      : plan_(plan),
        part_(part),
        phases_(phases_of(part)),
        out_(needs_wide_indices(plan.tape, part)),
        body_(plan, part, out_),
        columns_(plan, part, out_) {
    std::size_t widest = 2;
    bool can_be_wide = true, has_loads = false;
    for (const Instruction& step : part.body) {
      if (step.level != Level::element || step.kind != Instruction::Kind::load) continue;
      has_loads = true;
      widest = std::max(widest, size_bytes(step.dtype));
      can_be_wide &= (is_contiguous(step.view) || is_same_for_each_row(part, step.view)) &&
                     is_in_reach(step.view.pieces[0].base, is_aligned);
    }
    for (const plan::Store& store : part.stores) {
      if (part.body[store.local].level == Level::row) continue;
      widest = std::max(widest, size_bytes(part.body[store.local].dtype));
      can_be_wide &= is_in_reach(store.value, is_aligned);
    }
    const auto width = static_cast<std::int64_t>(16 / widest);
    row_ = RowElements::of(part,
                           can_be_wide && has_loads && part.row_length() % width == 0 &&
                               part.row_length() >= 32 * width,
                           widest, kept_count());
  }

  std::vector<GeneratedKernel> write(const std::string& comment) {
    const std::int64_t rows = part_.rows().size();
    const std::string count = out_.word("rows", rows),
                      length = out_.word("length", part_.row_length());
    body_.write_uniforms();
    out_.line("const index length = {};", length);
    if (row_.groups > 1) {
      out_.line("const int thread = threadIdx.x % {};", row_.threads);
    } else {
      out_.line("const int thread = threadIdx.x;");
    }
    write_loads_of_columns();
    if (!columns_.empty()) columns_.begin(row_, count);
    open_rows(columns_.empty() ? count : "end");
    write_loads_of_row();
    const int last = *std::ranges::max_element(phases_);
    for (int phase = 0; phase <= last; ++phase) write_phase(phase);
    write_row_stores();
    close_rows();
    if (!columns_.empty()) columns_.finish(row_);
    return finish(comment);
  }

 private:
  bool is_in_reach(Ref value, bool is_aligned) const {
    return is_aligned || plan_.locations[value.id].space == plan::Space::arena;
  }
  bool is_element_load(Local i) const {
    return part_.body[i].level == Level::element && part_.body[i].kind == Instruction::Kind::load;
  }
  static bool reduces_columns(const Instruction& step) {
    return step.kind == Instruction::Kind::reduce && step.level == Level::column;
  }
  // The last phase in which a local of elements is wanted.
  int last_use(Local local) const {
    int last = phases_[local];
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.level != Level::element && step.kind != Instruction::Kind::reduce) continue;
      const bool ends_phase = step.kind == Instruction::Kind::reduce && !reduces_columns(step);
      const int used_in = ends_phase ? phases_[i] - 1 : phases_[i];
      for (std::uint32_t j = 0; j < step.operand_count; ++j) {
        if (step.operands[j] == local) last = std::max(last, used_in);
      }
    }
    return last;
  }
  // Whether it is wanted after the phase that computes it.
  bool is_kept(Local local) const { return last_use(local) > phases_[local]; }
  // How many values of an element a thread has at once, at most: kept ones, and columns' results.
  std::size_t kept_count() const {
    std::vector<std::size_t> alive(part_.body.size() + 1);  // by phase
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.level != Level::element || step.kind == Instruction::Kind::expand) continue;
      const int first = phases_[i], last = last_use(i);
      if (last == first && !is_element_load(i)) continue;
      for (int phase = first; phase <= last; ++phase) ++alive[static_cast<std::size_t>(phase)];
    }
    return *std::ranges::max_element(alive) + part_.chunked_reductions().size();
  }

  // Vectors of each load that a thread has under way at once, of one row after another: so many
  // that they are 64 bytes together, where a row has one a thread.
  int ahead() const {
    if (row_.width == 1 || row_.width != row_.elements) return 1;
    std::size_t bytes = 0;
    for (const Local i : element_loads(false))
      bytes += size_bytes(part_.body[i].dtype) * static_cast<std::size_t>(row_.width);
    return bytes == 0 || bytes >= 64 ? 1 : bytes >= 32 ? 2 : 4;
  }
  static std::string vectors_ahead(Local load) { return fmt::format("x{}", load); }
  std::string address_of_load(Local i) {
    return out_.address(part_.body[i].view.pieces[0].base, part_.body[i].dtype, false);
  }

  // The rows up to `end` that the block's groups take: in turns with other blocks, or of a chunk,
  // which begins at `first`.
  void open_rows(std::string_view end) {
    const std::string group =
        row_.groups == 1 ? "" : fmt::format(" + threadIdx.x / {}", row_.threads);
    const std::string first = !columns_.empty() ? "first" + group
                              : row_.groups == 1
                                  ? "blockIdx.x"
                                  : fmt::format("blockIdx.x * {}{}", row_.groups, group);
    const std::string step = !columns_.empty()  ? fmt::format("{}", row_.groups)
                             : row_.groups == 1 ? "gridDim.x"
                                                : fmt::format("gridDim.x * {}", row_.groups);
    if (ahead() == 1) {
      out_.open(fmt::format("for (index row = {}; row < {}; row += {}) {{", first, end, step));
      return;
    }
    out_.line("const index step = {}, vectors = length / {};", step, row_.width);
    out_.line("const index last = thread < vectors ? {} * vectors : 0;", end);
    out_.open(fmt::format("for (index begin = {}; begin < {}; begin += {} * step) {{", first, end,
                          ahead()));
    for (const Local i : element_loads(false)) {
      out_.line("auto {} = load_ahead<{}, {}>({}, begin * vectors + thread, step * vectors, last);",
                vectors_ahead(i), row_.width, ahead(), address_of_load(i));
    }
    out_.line("#pragma unroll 1");
    out_.open(
        fmt::format("for (index row = begin; row < {} && row < begin + {} * step; row += step) {{",
                    end, ahead()));
  }
  void close_rows() {
    if (ahead() > 1) {
      for (const Local i : element_loads(false)) out_.line("{}.next();", vectors_ahead(i));
      out_.close();
    }
    out_.close();
  }

  DType dtype_of(const plan::Store& store) const { return part_.body[store.local].dtype; }
  std::string vector_of(const plan::Store& store) const {
    return fmt::format("s{}", &store - part_.stores.data());
  }
  static std::string kept(Local local) { return fmt::format("k{}", local); }

  // Before the rows, what is the same for each of them; by one group for all of a chunk's.
  void write_loads_of_columns() {
    const std::vector<Local> loads = element_loads(true);
    if (loads.empty()) return;
    declare(loads);
    const bool are_shared = row_.groups > 1 && !columns_.empty();
    if (are_shared) out_.open(fmt::format("if (threadIdx.x < {}) {{", row_.threads));
    write_loads(loads, Index::in_row);
    if (!are_shared) return;
    out_.close();
    for (const Local i : loads) out_.line("share_with_groups<{}>({});", row_.threads, kept(i));
  }
  // All loads of a row first, so that they are under way together.
  void write_loads_of_row() {
    const std::vector<Local> loads = element_loads(false);
    if (loads.empty()) return;
    declare(loads);
    if (ahead() == 1) return write_loads(loads, Index::of_all);
    for (const Local i : loads) {
      out_.line("for (int w = 0; w < {}; ++w) {}[w] = {};", row_.width, kept(i),
                value_of(part_.body[i].dtype, fmt::format("{}.first().at[w]", vectors_ahead(i))));
    }
  }
  std::vector<Local> element_loads(bool are_same_for_each_row) const {
    std::vector<Local> loads;
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (is_element_load(i) &&
          is_same_for_each_row(part_, part_.body[i].view) == are_same_for_each_row)
        loads.push_back(i);
    }
    return loads;
  }
  void declare(const std::vector<Local>& elements) {
    for (const Local i : elements)
      out_.line("{} {}[{}];", value_type(part_.body[i].dtype), kept(i), row_.elements);
  }
  void write_loads(const std::vector<Local>& loads, Index index) {
    if (row_.width > 1) {
      const std::string row =
          index == Index::in_row ? "" : fmt::format("row * length / {} + ", row_.width);
      out_.line("#pragma unroll");
      row_.open_vectors(out_);
      for (const Local i : loads) {
        out_.line("const auto x{} = load<{}>({}, {}k);", i, row_.width, address_of_load(i), row);
        out_.line("for (int w = 0; w < {}; ++w) {}[v + w] = {};", row_.width, kept(i),
                  value_of(part_.body[i].dtype, fmt::format("x{}.at[w]", i)));
      }
      out_.close();
      return;
    }
    row_.open(out_, index, [] {});
    Body::Position position{Level::element, "i", "", {}};
    for (const Local i : loads) {
      const Instruction& step = part_.body[i];
      const std::string value = index == Index::in_row
                                    ? value_of(step.dtype, address_of_load(i) + "[j]")
                                    : body_.element(step.view, step.dtype, position);
      out_.line("{}[e] = {};", kept(i), value);
    }
    row_.close(out_, [] {});
  }

  std::vector<GeneratedKernel> finish(const std::string& comment) {
    std::vector<GeneratedKernel> kernels(1);
    GeneratedKernel& kernel = kernels[0];
    const auto threads = static_cast<std::uint32_t>(row_.threads * row_.groups);
    const std::int64_t units = (part_.rows().size() + row_.groups - 1) / row_.groups;
    kernel.geometry = columns_.empty() ? Geometry{threads, std::max<std::int64_t>(units, 1), true}
                                       : Geometry{threads, part_.chunk_count, false};
    kernel.text = out_.finish("rows", comment, kRowIncludes, threads);
    kernel.fields = out_.take_fields();
    if (!columns_.empty() && part_.chunk_count > 1)
      kernels.push_back(generate_together(plan_, part_, comment));
    return kernels;
  }

  void write_phase(int phase) {
    std::vector<Local> reductions, columns;
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.kind != Instruction::Kind::reduce) continue;
      if (reduces_columns(step) && phases_[i] == phase) columns.push_back(i);
      if (!reduces_columns(step) && phases_[i] == phase + 1) reductions.push_back(i);
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
    if (reductions.empty() && columns.empty() && wanted.empty() && stores.empty()) return;
    declare(wanted);
    for (const Local i : reductions) {
      const Reduction reduction = reduction_of(plan_, part_, i);
      out_.line("{} r{} = {};", reduction.type, i, reduction.initial);
    }
    row_.open(out_, Index::of_all, [&] {
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
    for (const Local i : columns) {
      const std::string value = body_.value(part_.body[i].operands[0], position);
      columns_.accumulate(i, value);
    }
    for (const plan::Store* store : stores) {
      const std::string value = body_.value(store->local, position);
      const std::string into =
          row_.width > 1 ? vector_of(*store) + ".at[e - v]"
                         : fmt::format("{}[i]", out_.address(store->value, dtype_of(*store), true));
      out_.line("{} = {};", into, stored_as(dtype_of(*store), value));
    }
    row_.close(out_, [&] {
      for (const plan::Store* store : stores) {
        out_.line("store({}, row * length / {} + k, {});",
                  out_.address(store->value, dtype_of(*store), true), row_.width,
                  vector_of(*store));
      }
    });
    body_.forget(Level::element);
    for (const Local i : reductions) {
      const Reduction reduction = reduction_of(plan_, part_, i);
      const std::string all = row_.threads == 32 ? "reduce_warp"
                              : row_.groups == 1
                                  ? fmt::format("reduce_block<{}>", row_.threads)
                                  : fmt::format("reduce_group<{}, {}>", row_.threads, row_.groups);
      out_.line("r{0} = {1}(r{0}, {2});", i, all, reduction.combining());
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
  ColumnResults columns_;
  RowElements row_;
};

}  // namespace

std::vector<GeneratedKernel> generate_resident(const plan::Plan& plan, const Part& part,
                                               bool is_aligned, const std::string& comment) {
  return Resident(plan, part, is_aligned).write(comment);
}

}  // namespace tendon::cuda
