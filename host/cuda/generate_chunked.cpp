// Long rows: where the reduced axes are the last, a block a chunk; where rows lie behind them, a
// thread a column, with a block's warps sharing the lines of a chunk.
#include <algorithm>
#include <optional>

#include "host/cuda/body.h"
#include "host/cuda/generate_rows.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;
using plan::Part;
using plan::View;

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr std::string_view kIncludes =
    "#include \"tendon/memory.cuh\"\n#include \"tendon/ops.cuh\"\n#include \"tendon/row.cuh\"\n";

// The row's view, where it does not move along the row; none where it does.
std::optional<View> of_rows(const Part& part, const Instruction& step) {
  if (step.kind != Instruction::Kind::load || step.level != Level::element || !step.view.is_whole())
    return std::nullopt;
  const plan::Piece& piece = step.view.pieces[0];
  View rows{part.rows(), {{piece.base, piece.offset, {}, {}, {}}}};
  std::size_t into = 0;
  for (int i = 0; i < part.space.rank(); ++i) {
    const std::int64_t stride = piece.strides[static_cast<std::size_t>(i)];
    if (i >= part.first_reduced && i < part.first_reduced + part.reduced_count) {
      if (stride != 0 && part.space[i] != 1) return std::nullopt;
    } else {
      rows.pieces[0].strides[into] = stride;
      rows.pieces[0].end[into++] = part.space[i];
    }
  }
  return rows;
}

class Chunked {
 public:
  Chunked(const plan::Plan& plan, const Part& part, bool is_aligned)
      : plan_(plan), part_(part), is_whole_(part.chunk_count <= 1) {
    for (Local i = 0; i < part.body.size(); ++i) {
      if (part.body[i].kind == Instruction::Kind::reduce) reductions_.push_back(i);
      rows_.push_back(of_rows(part, part.body[i]));
    }
    if (part.inner_count() == 1) find_width(is_aligned);
  }

  std::vector<GeneratedKernel> write(const std::string& comment) {
    std::vector<GeneratedKernel> kernels;
    kernels.push_back(part_.inner_count() > 1 ? columns(comment) : rows(comment));
    if (!is_whole_) kernels.push_back(together(comment));
    return kernels;
  }

 private:
  bool is_element_load(Local i) const {
    return part_.body[i].kind == Instruction::Kind::load && part_.body[i].level == Level::element &&
           !rows_[i];
  }

  // Neighbours that a thread takes as a vector of 16 bytes, where each chunk begins with one, and
  // how many vectors are under way at once: 64 bytes.
  void find_width(bool is_aligned) {
    std::size_t widest = 0;
    bool can_be_wide = true;
    int loads = 0;
    const auto touch = [&](Ref value, DType dtype) {
      widest = std::max(widest, size_bytes(dtype));
      can_be_wide &= is_aligned || plan_.locations[value.id].space == plan::Space::arena;
    };
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (!is_element_load(i)) continue;
      ++loads;
      can_be_wide &= is_contiguous(part_.body[i].view);
      if (can_be_wide) touch(part_.body[i].view.pieces[0].base, part_.body[i].dtype);
    }
    for (const plan::Store& store : part_.stores) {
      if (part_.body[store.local].level == Level::element)
        touch(store.value, part_.body[store.local].dtype);
    }
    if (loads == 0 || !can_be_wide) return;
    const auto width = static_cast<std::int64_t>(16 / widest);
    const bool rows_begin_with_one = part_.row_length() % width == 0 || part_.rows().size() == 1;
    if (!rows_begin_with_one || (!is_whole_ && part_.chunk_length % width != 0)) return;
    width_ = static_cast<int>(width);
    ahead_ = loads == 1 ? 4 : loads < 4 ? 2 : 1;
    has_rest_ = part_.row_length() % width != 0;
  }

  // Words that both layouts need, as locals of the kernel.
  void begin(Emitter& out) {
    const std::string length = out.word("length", part_.row_length()),
                      chunk_length = out.word("chunk", part_.chunk_length),
                      chunks = out.word("chunks", std::max<std::int64_t>(part_.chunk_count, 1));
    out.line("const index length = {}, chunk_length = {}, chunks = {};", length, chunk_length,
             chunks);
  }

  // Of a row, the elements from `begin` to `end`, as vectors, and what is left of them.
  void accumulate_vectors(Emitter& out, Body& body) {
    const std::string last = fmt::format("end / {}", width_);
    out.open(fmt::format("for (index k = begin / {} + threadIdx.x; k < {}; k += {}) {{", width_,
                         last, kThreads * ahead_));
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (!is_element_load(i)) continue;
      const Instruction& step = part_.body[i];
      out.line("auto x{} = load_ahead<{}, {}>({}, k, index({}), {});", i, width_, ahead_,
               out.address(step.view.pieces[0].base, step.dtype, false), kThreads, last);
    }
    out.line("#pragma unroll 1");
    out.open(fmt::format("for (index at = k; at < {0} && at < k + {1}; at += {2}) {{", last,
                         kThreads * ahead_, kThreads));
    const auto each_store = [&](const auto& visit) {
      for (std::size_t i = 0; i < part_.stores.size(); ++i) {
        const Instruction& step = part_.body[part_.stores[i].local];
        if (step.level == Level::element) visit(i, part_.stores[i], step.dtype);
      }
    };
    each_store([&](std::size_t i, const plan::Store&, DType dtype) {
      out.line("Vector<{}, {}> s{};", stored_type(dtype), width_, i);
    });
    out.line("#pragma unroll");
    out.open(fmt::format("for (int w = 0; w < {}; ++w) {{", width_));
    if (needs_index()) out.line("const index i = at * {} + w;", width_);
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (is_element_load(i))
        body.set(i, value_of(part_.body[i].dtype, fmt::format("x{}.first().at[w]", i)));
    }
    accumulate(out, body, [&](const plan::Store& store) {
      return fmt::format("s{}.at[w]", &store - part_.stores.data());
    });
    out.close();
    each_store([&](std::size_t i, const plan::Store& store, DType dtype) {
      out.line("store({}, at, s{});", out.address(store.value, dtype, true), i);
    });
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (is_element_load(i)) out.line("x{}.next();", i);
    }
    out.close();
    out.close();
    body.forget(Level::element);
    if (!has_rest_) return;
    out.line("const index i = {} * {} + threadIdx.x;", last, width_);
    out.open("if (i < end) {");
    accumulate(out, body);
    out.close();
  }
  bool needs_index() const {
    return std::ranges::any_of(part_.body, [](const Instruction& step) {
      return step.kind == Instruction::Kind::generate && step.level == Level::element;
    });
  }

  void accumulate(Emitter& out, Body& body) {
    accumulate(out, body, [&](const plan::Store& store) {
      return out.address(store.value, part_.body[store.local].dtype, true) + "[i]";
    });
  }
  // `place`: of a store.
  template <class Place>
  void accumulate(Emitter& out, Body& body, const Place& place) {
    Body::Position position{Level::element, "i", "", {}};
    for (const Local i : reductions_) {
      const std::string value = body.value(part_.body[i].operands[0], position);
      out.line("r{0} = {1}(r{0}, {2});", i, reduction_of(plan_, part_, i).combine, value);
    }
    for (const plan::Store& store : part_.stores) {
      const Instruction& step = part_.body[store.local];
      if (step.level != Level::element) continue;
      const std::string value = body.value(store.local, position);
      out.line("{} = {};", place(store), stored_as(step.dtype, value));
    }
  }

  void initial(Emitter& out) {
    for (const Local i : reductions_) {
      const Reduction reduction = reduction_of(plan_, part_, i);
      out.line("{} r{} = {};", reduction.type, i, reduction.initial);
    }
  }

  // What elements load that is the same along their row, once.
  void write_loads_of_rows(Emitter& out, Body& body) {
    Body::Position position{Level::row, "row", "r", {}};
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (!rows_[i]) continue;
      const DType dtype = part_.body[i].dtype;
      const std::string value = body.element(*rows_[i], dtype, position);
      out.line("const {} v{} = {};", value_type(dtype), i, value);
      body.set(i, fmt::format("v{}", i));
    }
  }

  // Of a whole row: its results, and what follows from them.
  void finish_row(Emitter& out, Body& body) {
    for (const Local i : reductions_) {
      const DType dtype = part_.body[i].dtype;
      const bool is_half = dtype == DType::f16 || dtype == DType::bf16;
      out.line(
          "const {} v{} = {};", value_type(dtype), i,
          is_half ? fmt::format("rounded<{}>(r{})", stored_type(dtype), i) : fmt::format("r{}", i));
      body.set(i, fmt::format("v{}", i));
    }
    Body::Position position{Level::row, "row", "r", {}};
    for (const plan::Store& store : part_.stores) {
      const Instruction& step = part_.body[store.local];
      if (step.level != Level::row) continue;
      const std::string value = body.value(store.local, position);
      out.line("{}[row] = {};", out.address(store.value, step.dtype, true),
               stored_as(step.dtype, value));
    }
  }

  // The place of a chunk's result: for each reduction, row in front, chunk and row behind.
  std::string partial(Emitter& out, std::size_t reduction, std::string_view outer,
                      std::string_view chunk, std::string_view column) {
    if (partials_.empty()) partials_ = out.arena("partials", part_.partials_offset, "f64");
    if (reduction_words_.size() <= reduction) {
      reduction_words_.push_back(out.word("first", static_cast<std::int64_t>(reduction) *
                                                       part_.outer_count() * part_.chunk_count *
                                                       part_.inner_count()));
    }
    const std::string type = reduction_of(plan_, part_, reductions_[reduction]).type;
    return fmt::format(
        "reinterpret_cast<{}*>({} + {})[(static_cast<i64>({}) * chunks + {}) * inner + {}]", type,
        partials_, reduction_words_[reduction], outer, chunk, column);
  }

  GeneratedKernel rows(const std::string& comment) {
    Emitter out(needs_wide_indices(plan_.tape, part_));
    Body body(plan_, part_, out);
    start_kernel();
    const std::int64_t row_count = part_.rows().size();
    begin(out);
    body.write_uniforms();
    out.line("const index inner = 1;");
    out.open(fmt::format("for (index unit = blockIdx.x; unit < {} * chunks; unit += gridDim.x) {{",
                         out.word("rows", row_count)));
    out.line("const index row = unit / chunks, chunk = unit % chunks;");
    write_loads_of_rows(out, body);
    initial(out);
    out.line("const index begin = row * length + chunk * chunk_length;");
    out.line(
        "const index end = row * length + ((chunk + 1) * chunk_length < length ? (chunk + 1) * "
        "chunk_length : length);");
    if (width_ > 1) {
      accumulate_vectors(out, body);
    } else {
      out.open(fmt::format("for (index i = begin + threadIdx.x; i < end; i += {}) {{", kThreads));
      accumulate(out, body);
      out.close();
    }
    body.forget(Level::element);
    for (const Local i : reductions_) {
      out.line("r{0} = reduce_block<{1}>(r{0}, [](auto a, auto b) {{ return {2}(a, b); }});", i,
               kThreads, reduction_of(plan_, part_, i).combine);
    }
    out.open("if (threadIdx.x == 0) {");
    end_chunk(out, body, "row", "0");
    out.close();
    out.close();
    return finish(out, "chunks", comment, row_count * std::max<std::int64_t>(part_.chunk_count, 1));
  }

  void end_chunk(Emitter& out, Body& body, std::string_view outer, std::string_view column) {
    if (is_whole_) return finish_row(out, body);
    for (std::size_t k = 0; k < reductions_.size(); ++k) {
      out.line("{} = r{};", partial(out, k, outer, "chunk", column), reductions_[k]);
    }
  }

  GeneratedKernel columns(const std::string& comment) {
    Emitter out(needs_wide_indices(plan_.tape, part_));
    Body body(plan_, part_, out);
    start_kernel();
    const std::int64_t inner = part_.inner_count(), outer = part_.outer_count();
    begin(out);
    body.write_uniforms();
    out.line("const index inner = {}, groups = (inner + 31) / 32;", out.word("inner", inner));
    for (const Local i : reductions_) {
      out.line("__shared__ {} of_lines{}[{}][32];", reduction_of(plan_, part_, i).type, i, kWarps);
    }
    out.open(fmt::format(
        "for (index unit = blockIdx.x; unit < {} * chunks * groups; unit += gridDim.x) {{",
        out.word("outer", outer)));
    out.line(
        "const index column = unit % groups * 32 + threadIdx.x % 32, chunk = unit / groups % "
        "chunks, front = unit / groups / chunks;");
    out.line("const index row = front * inner + (column < inner ? column : 0);");
    write_loads_of_rows(out, body);
    initial(out);
    out.line(
        "const index end = (chunk + 1) * chunk_length < length ? (chunk + 1) * chunk_length : "
        "length;");
    out.open(
        fmt::format("for (index j = chunk * chunk_length + threadIdx.x / 32; j < end && column < "
                    "inner; j += {}) {{",
                    kWarps));
    out.line("const index i = (front * length + j) * inner + column;");
    accumulate(out, body);
    out.close();
    body.forget(Level::element);
    out.line("__syncthreads();");
    for (const Local i : reductions_)
      out.line("of_lines{0}[threadIdx.x / 32][threadIdx.x % 32] = r{0};", i);
    out.line("__syncthreads();");
    out.open("if (threadIdx.x < 32 && column < inner) {");
    for (const Local i : reductions_) {
      out.line("for (int w = 1; w < {0}; ++w) r{1} = {2}(r{1}, of_lines{1}[w][threadIdx.x]);",
               kWarps, i, reduction_of(plan_, part_, i).combine);
    }
    end_chunk(out, body, "front", "column");
    out.close();
    out.close();
    return finish(out, "columns", comment,
                  outer * std::max<std::int64_t>(part_.chunk_count, 1) * ((inner + 31) / 32));
  }

  // Chunks in order, a thread a row.
  GeneratedKernel together(const std::string& comment) {
    Emitter out(needs_wide_indices(plan_.tape, part_));
    Body body(plan_, part_, out);
    start_kernel();
    begin(out);
    body.write_uniforms();
    const std::int64_t rows = part_.rows().size();
    out.line("const index inner = {};", out.word("inner", part_.inner_count()));
    out.open(fmt::format(
        "for (index row = blockIdx.x * {0}u + threadIdx.x; row < {1}; row += gridDim.x * {0}u) {{",
        kThreads, out.word("rows", rows)));
    out.line("const index front = row / inner, column = row % inner;");
    initial(out);
    out.open("for (index chunk = 0; chunk < chunks; ++chunk) {");
    for (std::size_t k = 0; k < reductions_.size(); ++k) {
      out.line("r{0} = {1}(r{0}, {2});", reductions_[k],
               reduction_of(plan_, part_, reductions_[k]).combine,
               partial(out, k, "front", "chunk", "column"));
    }
    out.close();
    finish_row(out, body);
    out.close();
    return finish(out, "together", comment, (rows + kThreads - 1) / kThreads);
  }

  void start_kernel() {
    partials_.clear();
    reduction_words_.clear();
  }

  static GeneratedKernel finish(Emitter& out, std::string_view stem, const std::string& comment,
                                std::int64_t blocks) {
    GeneratedKernel kernel;
    kernel.geometry = {kThreads, std::max<std::int64_t>(blocks, 1), true};
    kernel.text = out.finish(stem, comment, kIncludes, kThreads);
    kernel.fields = out.take_fields();
    return kernel;
  }

  const plan::Plan& plan_;
  const Part& part_;
  bool is_whole_;
  int width_ = 1, ahead_ = 1;
  bool has_rest_ = false;
  std::vector<Local> reductions_;
  std::vector<std::optional<View>> rows_;  // of each step: what it loads, if the same along a row
  std::string partials_;
  std::vector<std::string> reduction_words_;
};

}  // namespace

std::vector<GeneratedKernel> generate_chunked(const plan::Plan& plan, const Part& part,
                                              bool is_aligned, const std::string& comment) {
  return Chunked(plan, part, is_aligned).write(comment);
}

}  // namespace tendon::cuda
