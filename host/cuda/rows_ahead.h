// Loads of rows to come in a kernel that keeps rows: while one is computed, the vectors of the next
// are on their way to shared memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/cuda/emitter.h"
#include "host/cuda/row_elements.h"

namespace tendon::cuda {

class RowsAhead {
 public:
  // Of the loads those that can be fetched, as many rows as `shared_bytes` of a block have room
  // for: none where that is not two.
  RowsAhead(const plan::Part& part, Emitter& out, const RowElements& row,
            const std::vector<plan::Local>& loads, std::int64_t shared_bytes);
  bool empty() const { return loads_.empty(); }
  const std::vector<plan::Local>& loads() const { return loads_; }
  bool has(plan::Local load) const;

  // In front of the loop over the rows from `first` up to `end`, `step` apart; and its head.
  void open_rows(std::string_view first, std::string_view end, std::string_view step);
  // A row's vector of a load, in a loop over them.
  std::string vector(plan::Local load) const;
  // At the end of a row: its places are free for the one that comes so many later.
  void fetch_next();

 private:
  const plan::Part& part_;
  Emitter& out_;
  const RowElements& row_;
  std::vector<plan::Local> loads_;
  std::int64_t rows_ = 0;  // that are fetched before the first is taken
};

}  // namespace tendon::cuda
