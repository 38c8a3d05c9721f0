#include "host/cuda/column_results.h"

namespace tendon::cuda {

using plan::Level;
using plan::Local;

void ColumnResults::begin(const RowElements& row, const std::string& row_count) {
  for (const Local i : reductions_)
    out_.line("{} c{}[{}];", reduction_of(plan_, part_, i).type, i, row.elements);
  out_.line("#pragma unroll");
  out_.open(fmt::format("for (int e = 0; e < {}; ++e) {{", row.elements));
  for (const Local i : reductions_)
    out_.line("c{}[e] = {};", i, reduction_of(plan_, part_, i).initial);
  out_.close();
  const std::string chunk_length = out_.word("chunk", part_.chunk_length);
  out_.line("const index chunk = blockIdx.x, first = chunk * {};", chunk_length);
  out_.line("const index end = first + {0} < {1} ? first + {0} : {1};", chunk_length, row_count);
}

void ColumnResults::accumulate(Local reduction, const std::string& value) {
  out_.line("c{0}[e] = {1}(c{0}[e], {2});", reduction,
            reduction_of(plan_, part_, reduction).combine, value);
}

std::vector<ColumnResults::Line> ColumnResults::lines() {
  std::vector<Line> lines;
  if (part_.chunk_count > 1) {
    out_.line("const index line = length;");
    Partials partials(plan_, part_, out_);
    for (std::size_t k = 0; k < reductions_.size(); ++k) {
      lines.push_back({reductions_[k], reduction_of(plan_, part_, reductions_[k]).type,
                       partials.line(k, ""), std::nullopt});
    }
    return lines;
  }
  for (const plan::Store& store : part_.stores) {
    const plan::Instruction& step = part_.body[store.local];
    if (step.level != Level::column) continue;
    lines.push_back({store.local, std::string(stored_type(step.dtype)),
                     out_.address(store.value, step.dtype, true), step.dtype});
  }
  return lines;
}

void ColumnResults::finish(const RowElements& row) {
  if (row.groups > 1) {
    for (const Local i : reductions_) {
      out_.line("combine_groups<{}, {}>(c{}, {});", row.groups, row.threads, i,
                reduction_of(plan_, part_, i).combining());
    }
    out_.line("if (threadIdx.x >= {}) return;", row.threads);
  }
  const std::vector<Line> lines = this->lines();
  for (std::size_t k = 0; k < lines.size(); ++k)
    out_.line("{}* const into{} = {};", lines[k].type, k, lines[k].address);
  row.open(out_, RowElements::Index::in_row, [&] {
    for (std::size_t k = 0; k < lines.size(); ++k)
      out_.line("Vector<{}, {}> s{};", lines[k].type, row.width, k);
  });
  for (std::size_t k = 0; k < lines.size(); ++k) {
    const std::string value = fmt::format("c{}[e]", lines[k].reduction);
    out_.line("{} = {};",
              row.width > 1 ? fmt::format("s{}.at[e - v]", k) : fmt::format("into{}[j]", k),
              lines[k].stored ? stored_as(*lines[k].stored, value) : value);
  }
  row.close(out_, [&] {
    for (std::size_t k = 0; k < lines.size(); ++k) out_.line("store(into{0}, k, s{0});", k);
  });
}

}  // namespace tendon::cuda
