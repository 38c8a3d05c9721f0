// Reductions of columns in a kernel that keeps rows: each block takes a chunk of rows, and a thread
// has a result for each of its elements' columns in registers, `c…`.
#pragma once

#include <string>
#include <vector>

#include "host/cuda/generate_rows.h"
#include "host/cuda/row_elements.h"

namespace tendon::cuda {

class ColumnResults {
 public:
  ColumnResults(const plan::Plan& plan, const plan::Part& part, Emitter& out)
      : plan_(plan), part_(part), out_(out), reductions_(part.chunked_reductions()) {}
  bool empty() const { return reductions_.empty(); }

  // Their declarations, and the rows of the block's chunk: from `first` up to `end`.
  void begin(const RowElements& row, const std::string& row_count);
  // A line for element `e`.
  void accumulate(plan::Local reduction, const std::string& value);
  // Behind the loop: those of the block's groups together, to the arena, or to where they are
  // stored where there is one chunk.
  void finish(const RowElements& row);

 private:
  // Where a chunk's results go.
  struct Line {
    plan::Local reduction;
    std::string type, address;
    std::optional<DType> stored;  // none: in the arena, as it is in registers
  };
  std::vector<Line> lines();

  const plan::Plan& plan_;
  const plan::Part& part_;
  Emitter& out_;
  std::vector<plan::Local> reductions_;
};

}  // namespace tendon::cuda
