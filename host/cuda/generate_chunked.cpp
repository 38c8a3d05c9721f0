// Long rows: where the reduced axes are the last, a block a chunk; where rows lie behind them, a
// thread a column or a vector of them, with a block's warps sharing the lines of a chunk.
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

// The row's view, where it does not move along the row; none where it does.
std::optional<View> of_rows(const Part& part, const Instruction& step) {
  if (step.kind != Instruction::Kind::load || step.level != Level::element || !step.view.is_whole())
    return std::nullopt;
  const plan::Piece& piece = step.view.pieces[0];
  plan::Piece of_row{piece.base, piece.offset, {}, {}, {}};
  std::size_t into = 0;
  for (int i = 0; i < part.space.rank(); ++i) {
    const std::int64_t stride = piece.strides[static_cast<std::size_t>(i)];
    if (i >= part.first_reduced && i < part.first_reduced + part.reduced_count) {
      if (stride != 0 && part.space[i] != 1) return std::nullopt;
    } else {
      of_row.strides[into] = stride;
      of_row.end[into++] = part.space[i];
    }
  }
  return View{part.rows(), {of_row}};
}

class Chunked {
 public:
  Chunked(const plan::Plan& plan, const Part& part, bool is_aligned)
      : plan_(plan),
        part_(part),
        is_whole_(part.chunk_count <= 1),
        reductions_(part.chunked_reductions()) {
    for (Local i = 0; i < part.body.size(); ++i) {
      const Instruction& step = part.body[i];
      rows_.push_back(of_rows(part, step));
      const bool is_load = step.kind == Instruction::Kind::load && step.level == Level::element;
      if (is_load && !rows_.back()) loads_.push_back(i);
    }
    for (const plan::Store& store : part.stores) {
      if (part.body[store.local].level == Level::element) stores_.push_back(store);
    }
    width_ = width(is_aligned);
  }

  std::vector<GeneratedKernel> write(const std::string& comment) {
    std::vector<GeneratedKernel> kernels;
    kernels.push_back(part_.inner_count() == 1   ? rows(comment)
                      : width_ > 1 && !is_whole_ ? columns_of_vectors(comment)
                                                 : columns(comment));
    if (!is_whole_) kernels.push_back(generate_together(plan_, part_, comment));
    return kernels;
  }

 private:
  // Words that both layouts need, as locals of the kernel.
  void begin(Emitter& out) {
    // In this order, whatever the compiler's.
    const std::string length = out.word("length", part_.row_length()),
                      chunk_length = out.word("chunk", part_.chunk_length),
                      chunks = out.word("chunks", std::max<std::int64_t>(part_.chunk_count, 1));
    out.line("const index length = {}, chunk_length = {}, chunks = {};", length, chunk_length,
             chunks);
  }

  // Neighbouring elements that a thread takes at once: so many that the widest are 16 bytes.
  int width(bool is_aligned) const {
    std::size_t widest = 2;
    const auto can_be_wide = [&](Ref value, DType dtype) {
      widest = std::max(widest, size_bytes(dtype));
      return is_aligned || plan_.locations[value.id].space == plan::Space::arena;
    };
    for (const Local i : loads_) {
      const Instruction& step = part_.body[i];
      if (!is_contiguous(step.view) || !can_be_wide(step.view.pieces[0].base, step.dtype)) return 1;
    }
    for (const plan::Store& store : stores_) {
      if (!can_be_wide(store.value, part_.body[store.local].dtype)) return 1;
    }
    const int width = static_cast<int>(16 / widest);
    const std::int64_t inner = part_.inner_count();
    const bool begin_at_vectors = inner > 1
                                      ? inner % width == 0 && inner / width >= 32
                                      : part_.rows().size() == 1 || part_.row_length() % width == 0;
    return !loads_.empty() && begin_at_vectors ? width : 1;
  }
  // Of a loop over a vector's elements.
  std::string_view unroll(const Body& body) const {
    return body.may_be_written_out(width_) ? "#pragma unroll" : "#pragma unroll 1";
  }

  // Vectors of each load that a thread has under way at once: 64 bytes together at least.
  int ahead() const {
    std::size_t bytes = 0;
    for (const Local i : loads_)
      bytes += size_bytes(part_.body[i].dtype) * static_cast<std::size_t>(width_);
    return bytes >= 64 ? 1 : bytes >= 32 ? 2 : 4;
  }

  // An element of the reductions, and what is stored of it: `into` gives the place of a store.
  // `of_vector`: where a thread has a result for each element of a vector.
  template <class Into>
  void accumulate(Emitter& out, Body& body, Into&& into, std::string_view of_vector = "") {
    Body::Position position{Level::element, "i", "", {}};
    for (const Local i : reductions_) {
      const std::string value = body.value(part_.body[i].operands[0], position);
      out.line("r{0}{3} = {1}(r{0}{3}, {2});", i, reduction_of(plan_, part_, i).combine, value,
               of_vector);
    }
    for (std::size_t i = 0; i < stores_.size(); ++i) {
      const std::string value = body.value(stores_[i].local, position);
      out.line("{} = {};", into(i), stored_as(part_.body[stores_[i].local].dtype, value));
    }
  }
  void accumulate(Emitter& out, Body& body) {
    accumulate(out, body, [&](std::size_t i) { return stored(out, i) + "[i]"; });
  }
  std::string loaded(Emitter& out, Local i) const {
    return out.address(part_.body[i].view.pieces[0].base, part_.body[i].dtype, false);
  }
  std::string stored(Emitter& out, std::size_t i) const {
    return out.address(stores_[i].value, part_.body[stores_[i].local].dtype, true);
  }

  // The elements [begin, end) of all, by the block's threads, as vectors and then the rest.
  void accumulate_vectors(Emitter& out, Body& body) {
    std::string parameters;
    for (const Local i : loads_) {
      parameters += fmt::format(", {} v{}", value_type(part_.body[i].dtype), i);
      body.set(i, fmt::format("v{}", i));
    }
    for (std::size_t i = 0; i < stores_.size(); ++i)
      parameters += fmt::format(", {}& s{}", stored_type(part_.body[stores_[i].local].dtype), i);
    out.open(fmt::format("const auto element = [&](index i{}) {{", parameters));
    accumulate(out, body, [](std::size_t i) { return fmt::format("s{}", i); });
    out.close("};");
    const auto call = [&](std::string_view at, const auto& load, const auto& store) {
      std::string arguments(at);
      for (const Local i : loads_) arguments += ", " + value_of(part_.body[i].dtype, load(i));
      for (std::size_t i = 0; i < stores_.size(); ++i) arguments += ", " + store(i);
      return fmt::format("element({});", arguments);
    };
    const int ahead = this->ahead();
    out.line("const index vectors = end / {};", width_);
    out.open(fmt::format("for (index k = begin / {} + threadIdx.x; k < vectors; k += {}) {{",
                         width_, ahead * kThreads));
    for (const Local i : loads_) {
      out.line("auto x{} = load_ahead<{}, {}>({}, k, index({}), vectors);", i, width_, ahead,
               loaded(out, i), kThreads);
    }
    out.line("#pragma unroll 1");
    out.open(fmt::format("for (index at = k; at < vectors && at < k + {0}; at += {1}) {{",
                         ahead * kThreads, kThreads));
    for (std::size_t i = 0; i < stores_.size(); ++i) {
      out.line("Vector<{}, {}> y{};", stored_type(part_.body[stores_[i].local].dtype), width_, i);
    }
    out.line("{}", unroll(body));
    out.line("for (int w = 0; w < {}; ++w)", width_);
    out.line("  {}", call(
                         fmt::format("{} * at + w", width_),
                         [](Local i) { return fmt::format("x{}.first().at[w]", i); },
                         [](std::size_t i) { return fmt::format("y{}.at[w]", i); }));
    for (std::size_t i = 0; i < stores_.size(); ++i)
      out.line("store({}, at, y{});", stored(out, i), i);
    for (const Local i : loads_) out.line("x{}.next();", i);
    out.close();
    out.close();
    out.line("for (index i = vectors * {} + threadIdx.x; i < end; i += {})", width_, kThreads);
    out.line("  {}", call(
                         "i", [&](Local i) { return loaded(out, i) + "[i]"; },
                         [&](std::size_t i) { return stored(out, i) + "[i]"; }));
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

  GeneratedKernel rows(const std::string& comment) {
    Emitter out(needs_wide_indices(plan_.tape, part_));
    Body body(plan_, part_, out);
    const std::int64_t row_count = part_.rows().size();
    begin(out);
    body.write_uniforms();
    if (!is_whole_) out.line("const index line = 1;");
    out.open(fmt::format("for (index unit = blockIdx.x; unit < {} * chunks; unit += gridDim.x) {{",
                         out.word("rows", row_count)));
    out.line("const index row = unit / chunks, chunk = unit % chunks;");
    write_loads_of_rows(out, body);
    initial(out);
    out.line("const index begin = row * length + chunk * chunk_length;");
    out.line("const index end = (chunk + 1 < chunks ? begin + chunk_length : (row + 1) * length);");
    if (width_ > 1) {
      accumulate_vectors(out, body);
    } else {
      out.open(fmt::format("for (index i = begin + threadIdx.x; i < end; i += {}) {{", kThreads));
      accumulate(out, body);
      out.close();
    }
    body.forget(Level::element);
    for (const Local i : reductions_) {
      out.line("r{0} = reduce_block<{1}>(r{0}, {2});", i, kThreads,
               reduction_of(plan_, part_, i).combining());
    }
    out.open("if (threadIdx.x == 0) {");
    end_chunk(out, body, "row", "0");
    out.close();
    out.close();
    return finish(out, "chunks", comment, row_count * std::max<std::int64_t>(part_.chunk_count, 1));
  }

  void end_chunk(Emitter& out, Body& body, std::string_view outer, std::string_view column) {
    if (is_whole_) return write_results(part_, out, body);
    Partials partials(plan_, part_, out);
    for (std::size_t k = 0; k < reductions_.size(); ++k) {
      out.line("({})[{}] = r{};", partials.line(k, outer), column, reductions_[k]);
    }
  }

  GeneratedKernel columns(const std::string& comment) {
    Emitter out(needs_wide_indices(plan_.tape, part_));
    Body body(plan_, part_, out);
    const std::int64_t inner = part_.inner_count(), outer = part_.outer_count();
    begin(out);
    body.write_uniforms();
    out.line("const index line = {}, groups = (line + 31) / 32;", out.word("line", inner));
    out.open(fmt::format(
        "for (index unit = blockIdx.x; unit < {} * chunks * groups; unit += gridDim.x) {{",
        out.word("outer", outer)));
    out.line(
        "const index column = unit % groups * 32 + threadIdx.x % 32, chunk = unit / groups % "
        "chunks, front = unit / groups / chunks;");
    if (is_whole_ || std::ranges::any_of(rows_, [](const auto& row) { return row.has_value(); }))
      out.line("const index row = front * line + (column < line ? column : 0);");
    write_loads_of_rows(out, body);
    initial(out);
    out.line(
        "const index end = (chunk + 1) * chunk_length < length ? (chunk + 1) * chunk_length : "
        "length;");
    out.open(
        fmt::format("for (index j = chunk * chunk_length + threadIdx.x / 32; j < end && column < "
                    "line; j += {}) {{",
                    kWarps));
    out.line("const index i = (front * length + j) * line + column;");
    accumulate(out, body);
    out.close();
    body.forget(Level::element);
    for (const Local i : reductions_) {
      out.line("combine_groups<{}, 32>(r{}, {});", kWarps, i,
               reduction_of(plan_, part_, i).combining());
    }
    out.open("if (threadIdx.x < 32 && column < line) {");
    end_chunk(out, body, "front", "column");
    out.close();
    out.close();
    return finish(out, "columns", comment,
                  outer * std::max<std::int64_t>(part_.chunk_count, 1) * ((inner + 31) / 32));
  }

  // The same by vectors of columns, with lines ahead under way; of chunks.
  GeneratedKernel columns_of_vectors(const std::string& comment) {
    Emitter out(needs_wide_indices(plan_.tape, part_));
    Body body(plan_, part_, out);
    const std::int64_t inner = part_.inner_count(), outer = part_.outer_count();
    begin(out);
    body.write_uniforms();
    out.line("const index vectors = {} / {}, groups = (vectors + 31) / 32;",
             out.word("line", inner), width_);
    out.open(fmt::format(
        "for (index unit = blockIdx.x; unit < {} * chunks * groups; unit += gridDim.x) {{",
        out.word("outer", outer)));
    out.line(
        "const index k = unit % groups * 32 + threadIdx.x % 32, chunk = unit / groups % chunks, "
        "front = unit / groups / chunks;");
    write_loads_of_vectors(out, body);
    for (const Local i : reductions_) {
      const Reduction reduction = reduction_of(plan_, part_, i);
      out.line("{} r{}[{}];", reduction.type, i, width_);
      out.line("for (int w = 0; w < {}; ++w) r{}[w] = {};", width_, i, reduction.initial);
    }
    const int ahead = this->ahead();
    out.line("const index begin = front * length + chunk * chunk_length;");
    out.line("const index end = chunk + 1 < chunks ? begin + chunk_length : (front + 1) * length;");
    out.open(
        fmt::format("for (index first = begin + threadIdx.x / 32; first < end && k < vectors; "
                    "first += {}) {{",
                    ahead * kWarps));
    for (const Local i : loads_) {
      out.line(
          "auto x{} = load_ahead<{}, {}>({}, first * vectors + k, {} * vectors, end * vectors);", i,
          width_, ahead, loaded(out, i), kWarps);
      body.set(i, value_of(part_.body[i].dtype, fmt::format("x{}.first().at[w]", i)));
    }
    out.line("#pragma unroll 1");
    out.open(fmt::format("for (index at = first; at < end && at < first + {}; at += {}) {{",
                         ahead * kWarps, kWarps));
    for (std::size_t i = 0; i < stores_.size(); ++i)
      out.line("Vector<{}, {}> y{};", stored_type(part_.body[stores_[i].local].dtype), width_, i);
    out.line("{}", unroll(body));
    out.open(fmt::format("for (int w = 0; w < {}; ++w) {{", width_));
    out.line("const index i = (at * vectors + k) * {} + w;", width_);
    accumulate(
        out, body, [](std::size_t i) { return fmt::format("y{}.at[w]", i); }, "[w]");
    out.close();
    for (std::size_t i = 0; i < stores_.size(); ++i)
      out.line("store({}, at * vectors + k, y{});", stored(out, i), i);
    for (const Local i : loads_) out.line("x{}.next();", i);
    out.close();
    out.close();
    for (const Local i : reductions_) {
      out.line("combine_groups<{}, 32>(r{}, {});", kWarps, i,
               reduction_of(plan_, part_, i).combining());
    }
    out.open("if (threadIdx.x < 32 && k < vectors) {");
    out.line("const index line = vectors * {};", width_);
    Partials partials(plan_, part_, out);
    for (std::size_t k = 0; k < reductions_.size(); ++k) {
      const Local i = reductions_[k];
      out.line("Vector<{}, {}> s{};", reduction_of(plan_, part_, i).type, width_, i);
      out.line("for (int w = 0; w < {0}; ++w) s{1}.at[w] = r{1}[w];", width_, i);
      out.line("store({}, k, s{});", partials.line(k, "front"), i);
    }
    out.close();
    out.close();
    return finish(out, "columns", comment,
                  outer * part_.chunk_count * ((inner / width_ + 31) / 32));
  }
  // What elements load that is the same along their column, for each of a vector's.
  void write_loads_of_vectors(Emitter& out, Body& body) {
    std::vector<Local> loads;
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (rows_[i]) loads.push_back(i);
    }
    if (loads.empty()) return;
    for (const Local i : loads) out.line("{} v{}[{}];", value_type(part_.body[i].dtype), i, width_);
    out.line("#pragma unroll");
    out.open(fmt::format("for (int w = 0; w < {} && k < vectors; ++w) {{", width_));
    out.line("const index row = (front * vectors + k) * {} + w;", width_);
    Body::Position position{Level::row, "row", "r", {}};
    for (const Local i : loads) {
      out.line("v{}[w] = {};", i, body.element(*rows_[i], part_.body[i].dtype, position));
      body.set(i, fmt::format("v{}[w]", i));
    }
    out.close();
  }

  static GeneratedKernel finish(Emitter& out, std::string_view stem, const std::string& comment,
                                std::int64_t blocks) {
    GeneratedKernel kernel;
    kernel.geometry = {kThreads, std::max<std::int64_t>(blocks, 1), true};
    kernel.text = out.finish(stem, comment, kRowIncludes, kThreads);
    kernel.fields = out.take_fields();
    return kernel;
  }

  const plan::Plan& plan_;
  const Part& part_;
  bool is_whole_;
  std::vector<Local> reductions_;
  std::vector<Local> loads_;         // of elements, that move along the row
  std::vector<plan::Store> stores_;  // of elements
  int width_ = 1;
  std::vector<std::optional<View>> rows_;  // of each step: what it loads, if the same along a row
};

}  // namespace

std::vector<GeneratedKernel> generate_chunked(const plan::Plan& plan, const Part& part,
                                              bool is_aligned, const std::string& comment) {
  return Chunked(plan, part, is_aligned).write(comment);
}

}  // namespace tendon::cuda
