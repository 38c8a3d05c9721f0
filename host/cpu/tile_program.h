// A plan made ready for the tile executor. A body becomes steps over numbered tiles: each local of
// the plan has a tile of the thread's scratch, or lies in memory where it can be used as it is.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "host/cpu/contract.h"
#include "host/cpu/loops.h"
#include "host/plan/backend.h"

namespace tendon::cpu {

using TileId = std::uint32_t;

struct Tile {
  plan::Level level = plan::Level::element;
  std::uint32_t element_bytes = 0;
  std::int64_t offset = 0;  // in the thread's scratch; of uniform ones in the part's numbers
};

// A loop over a tile's elements, or one of the few other things that happen to tiles.
struct Step {
  enum class Kind : std::uint8_t { loop, load, number, generate, expand, reduce };
  Kind kind = Kind::loop;
  plan::Level level = plan::Level::element;
  TileId operands[3] = {};
  TileId result = 0;
  Loop loop = nullptr;
  RowLoop row_loop = nullptr;
  double parameter = 0;
  Op op = Op::input;         // of a loop that computes an op,
  DType dtype = DType::f32;  // on operands of this dtype
  Ref value;                 // of number and generate: the tape's op
  std::uint32_t load = 0;    // of load: its entry in PreparedPart::loads
};

struct Load {
  plan::View view;
  std::uint32_t element_bytes = 0;
  bool is_row_major = false;  // can be used where it lies
};

struct TileStore {
  TileId tile = 0;
  Ref value;
  plan::Level level = plan::Level::element;
  std::uint32_t element_bytes = 0;
  bool is_direct = false;  // the step that makes the tile may write to the value's memory
};

// Neighbouring elements that are reduced before they are added to an accumulator. A tile has whole
// ones of them, so that a sum's order does not depend on the size of the tile.
inline constexpr std::int64_t kFoldedElements = 256;

// A reduction whose elements come tile by tile: of rows that are not resident, or of columns.
struct Accumulation {
  Op op = Op::reduce_sum;
  TileId from = 0;
  TileId into = 0;               // the result of a row, or column
  DType dtype = DType::f32;      // of what is reduced
  DType sum_dtype = DType::f32;  // of the accumulator
  RowLoop row_loop = nullptr;
  AccumulateLoop accumulate = nullptr;
  AccumulateLoop combine = nullptr;
  std::vector<Step> finish;  // from the accumulator, in the tile `sum`, to `into`
  TileId sum = 0;
};

struct PreparedPart {
  const plan::Part* part = nullptr;
  std::vector<Tile> tiles;
  std::uint64_t serial = 0;  // never given twice: a thread keeps the part's uniform tiles by it
  std::int64_t uniform_bytes = 0;
  std::int64_t scratch_bytes = 0;
  std::int64_t tile_elements = 0;  // of a tile at most; of resident rows, whole rows
  std::int64_t tile_rows = 0;
  std::int64_t tile_columns = 0;
  std::vector<Load> loads;
  std::vector<Step> once;   // uniform values, before a thread's first tile
  bool once_loads = false;  // some of them from memory
  std::vector<Step> each;   // for each tile
  std::vector<TileStore> stores;
  std::vector<Accumulation> accumulations;
  plan::Chunks chunks;  // of those; the plan's depend on what else the part computes
  std::int64_t partials_bytes = 0;
  std::vector<Step> at_end;  // of rows or columns, when every accumulation is done
  std::vector<TileStore> end_stores;
};

struct PreparedContraction {
  const plan::Contraction* contraction = nullptr;
  std::unique_ptr<Contractor> contractor;  // none: the product is empty
  std::vector<std::int64_t> a_offsets;     // elements, one for each call of the contractor
  std::vector<std::int64_t> b_offsets;
  std::int64_t result_step = 0;
};

// A stage made ready: its bodies, a product, or an op that is computed whole.
using PreparedStage =
    std::variant<std::vector<PreparedPart>, PreparedContraction, const plan::Irregular*>;

class TileProgram final : public plan::Program {
 public:
  explicit TileProgram(plan::Plan plan);
  const std::vector<PreparedStage>& stages() const { return stages_; }

 private:
  std::vector<PreparedStage> stages_;
};

}  // namespace tendon::cpu
