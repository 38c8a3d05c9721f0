#include <algorithm>
#include <optional>

#include "host/cuda/column_results.h"
#include "host/cuda/generate_rows.h"
#include "host/cuda/row_elements.h"
#include "host/cuda/row_values.h"
#include "host/cuda/rows_ahead.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;
using plan::Part;

// Of the 48 KiB of a block that need no asking for, without what reductions share.
constexpr std::int64_t kSharedBytes = 44 << 10, kSharedBytesOfColumns = 16 << 10;

// Of a multiprocessor, where columns' results take many registers: what is asked of the compiler.
constexpr int kResidentThreads = 768;

class Resident {
  using Index = RowElements::Index;

 public:
  Resident(const plan::Plan& plan, const Part& part, bool is_aligned)
      : plan_(plan),
        part_(part),
        values_(plan, part),
        out_(needs_wide_indices(plan.tape, part)),
        body_(plan, part, out_),
        columns_(plan, part, out_) {
    std::size_t widest = 2;
    bool can_be_wide = true, has_loads = false;
    for (Local i = 0; i < part.body.size(); ++i) {
      if (!values_.is_load(i)) continue;
      const Instruction& step = part.body[i];
      has_loads = true;
      widest = std::max(widest, size_bytes(step.dtype));
      can_be_wide &= (is_contiguous(step.view) || values_.is_same_for_each_row(i)) &&
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
                           widest, values_.most_kept());
    row_.is_rolled = !body_.may_be_written_out(std::max(row_.elements, 4));
    share_memory();
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
    for (int phase = 0; phase <= values_.last_phase(); ++phase) write_phase(phase);
    write_row_stores();
    if (!ahead_->empty()) ahead_->fetch_next();
    out_.close();
    if (!columns_.empty()) columns_.finish(row_);
    return finish(comment);
  }

 private:
  // Of a block's shared memory: for what is the same for each row, so that no thread keeps it in
  // registers, and for rows ahead.
  void share_memory() {
    std::int64_t columns = 0;
    for (const Local i : values_.loads(true)) {
      columns +=
          std::int64_t{row_.elements} * row_.threads *
          static_cast<std::int64_t>(std::max<std::size_t>(size_bytes(part_.body[i].dtype), 4));
    }
    if (columns > kSharedBytesOfColumns) columns = 0;
    // Of a row without elements nothing is written, and the compiler may load it all the same.
    if (part_.row_length() == 0) columns = 0;
    for (const Local i : values_.loads(true)) {
      if (columns > 0) values_.put_in_shared_memory(i);
    }
    ahead_.emplace(part_, out_, row_, values_.loads(false), kSharedBytes - columns);
    for (const Local i : ahead_->loads()) values_.put_in_shared_memory(i);
  }
  bool is_in_reach(Ref value, bool is_aligned) const {
    return is_aligned || plan_.locations[value.id].space == plan::Space::arena;
  }
  static bool reduces_columns(const Instruction& step) {
    return step.kind == Instruction::Kind::reduce && step.level == Level::column;
  }
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
    if (ahead_->empty()) {
      out_.open(fmt::format("for (index row = {}; row < {}; row += {}) {{", first, end, step));
    } else {
      ahead_->open_rows(first, end, step);
    }
  }

  DType dtype_of(const plan::Store& store) const { return part_.body[store.local].dtype; }
  std::string vector_of(const plan::Store& store) const {
    return fmt::format("s{}", &store - part_.stores.data());
  }
  static std::string kept(Local local) { return fmt::format("k{}", local); }
  // A thread's element of what is kept.
  std::string kept(Local local, std::string_view element) const {
    return fmt::format("k{}[{}]{}", local, element,
                       values_.is_in_shared_memory(local) ? "[thread]" : "");
  }

  // Before the rows, what is the same for each of them.
  void write_loads_of_columns() {
    const std::vector<Local> loads = values_.loads(true);
    if (loads.empty() || values_.are_read_again()) return;
    if (!values_.is_in_shared_memory(loads[0])) {
      declare(loads);
      return write_loads(loads, Index::in_row);
    }
    for (const Local i : loads) {
      out_.line("__shared__ {} {}[{}][{}];", value_type(part_.body[i].dtype), kept(i),
                row_.elements, row_.threads);
    }
    if (row_.groups == 1) return write_loads(loads, Index::in_row);
    out_.open(fmt::format("if (threadIdx.x < {}) {{", row_.threads));
    write_loads(loads, Index::in_row);
    out_.close();
    out_.line("__syncthreads();");
  }
  // All loads of a row first, so that they are under way together.
  void write_loads_of_row() {
    std::vector<Local> loads = values_.loads(false);
    std::erase_if(loads, [&](Local i) { return ahead_->has(i); });
    if (loads.empty() || values_.are_read_again()) return;
    declare(loads);
    write_loads(loads, Index::of_all);
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
        out_.line("for (int w = 0; w < {}; ++w) {} = {};", row_.width, kept(i, "v + w"),
                  value_of(part_.body[i].dtype, fmt::format("x{}.at[w]", i)));
      }
      out_.close();
      return;
    }
    row_.open(out_, index, [] {});
    Body::Position position{Level::element, "i", "", {}, "j"};
    for (const Local i : loads) {
      const Instruction& step = part_.body[i];
      const std::string value = index == Index::in_row
                                    ? value_of(step.dtype, address_of_load(i) + "[j]")
                                    : body_.element(step.view, step.dtype, position);
      out_.line("{} = {};", kept(i, "e"), value);
    }
    row_.close(out_, [] {});
  }

  std::vector<GeneratedKernel> finish(const std::string& comment) {
    std::vector<GeneratedKernel> kernels(1);
    GeneratedKernel& kernel = kernels[0];
    const int threads = row_.threads * row_.groups;
    const std::int64_t units = (part_.rows().size() + row_.groups - 1) / row_.groups;
    kernel.geometry =
        columns_.empty()
            ? Geometry{static_cast<std::uint32_t>(threads), std::max<std::int64_t>(units, 1), true}
            : Geometry{static_cast<std::uint32_t>(threads), part_.chunk_count, false};
    std::string includes(kRowIncludes);
    if (!ahead_->empty()) includes += "#include \"tendon/rows_ahead.cuh\"\n";
    const int blocks = columns_.empty() ? 0 : (kResidentThreads + threads - 1) / threads;
    kernel.text = out_.finish("rows", comment, includes, kernel.geometry.threads, blocks);
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
      if (reduces_columns(step) && values_.phase(i) == phase) columns.push_back(i);
      if (!reduces_columns(step) && values_.phase(i) == phase + 1) reductions.push_back(i);
    }
    std::vector<Local> wanted;  // of elements, computed in this phase and used later
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.level != Level::element || values_.phase(i) != phase || values_.is_load(i) ||
          step.kind == Instruction::Kind::expand)
        continue;
      if (values_.is_kept(i)) wanted.push_back(i);
    }
    std::vector<const plan::Store*> stores;
    for (const plan::Store& store : part_.stores) {
      if (part_.body[store.local].level == Level::element && values_.phase(store.local) == phase)
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
    std::vector<bool> is_wanted(part_.body.size());
    for (const Local i : wanted) values_.mark_wanted(i, phase, is_wanted);
    for (const auto* reduced : {&reductions, &columns}) {
      for (const Local i : *reduced)
        values_.mark_wanted(part_.body[i].operands[0], phase, is_wanted);
    }
    for (const plan::Store* store : stores) values_.mark_wanted(store->local, phase, is_wanted);
    row_.open(out_, Index::of_all, [&] {
      for (const Local i : ahead_->loads()) {
        if (is_wanted[i]) out_.line("const auto x{} = {};", i, ahead_->vector(i));
      }
      for (const plan::Store* store : stores) {
        out_.line("Vector<{}, {}> {};", stored_type(dtype_of(*store)), row_.width,
                  vector_of(*store));
      }
    });
    Body::Position position{Level::element, "i", "", {}, "j"};
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (part_.body[i].level != Level::element) continue;
      if (ahead_->has(i)) {
        body_.set(i, value_of(part_.body[i].dtype, fmt::format("x{}.at[e - v]", i)));
      } else if ((values_.is_load(i) && !values_.are_read_again()) ||
                 values_.is_kept_from_before(i, phase)) {
        body_.set(i, kept(i, "e"));
      }
    }
    for (const Local i : wanted) out_.line("{} = {};", kept(i, "e"), body_.value(i, position));
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
      const std::string all =
          row_.threads <= 32
              ? fmt::format("reduce_lanes<{}>", row_.threads)
              : fmt::format("reduce_group<{}, {}, {}>", row_.threads, row_.groups, next_turn());
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

  // Of the row's reductions by several warps, one after the other and again for the next row: each
  // has another turn than its neighbours. One alone has none.
  std::string next_turn() {
    const auto count = std::ranges::count_if(part_.body, [](const Instruction& step) {
      return step.kind == Instruction::Kind::reduce && !reduces_columns(step);
    });
    const int turn = turns_++;
    if (count == 1) return "kAnyTurn";
    return turn + 1 == count && count % 2 == 1 ? "2" : fmt::format("{}", turn % 2);
  }

  void write_rows(int phase) {
    Body::Position position{Level::row, "row", "r", {}};
    for (Local i = 0; i < part_.body.size(); ++i) {
      const Instruction& step = part_.body[i];
      if (step.level == Level::row && values_.phase(i) == phase &&
          step.kind != Instruction::Kind::reduce)
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
  RowValues values_;
  Emitter out_;
  Body body_;
  ColumnResults columns_;
  RowElements row_;
  std::optional<RowsAhead> ahead_;
  int turns_ = 0;  // of reductions that were written
};

}  // namespace

std::vector<GeneratedKernel> generate_resident(const plan::Plan& plan, const Part& part,
                                               bool is_aligned, const std::string& comment) {
  return Resident(plan, part, is_aligned).write(comment);
}

}  // namespace tendon::cuda
