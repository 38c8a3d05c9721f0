// Plan: the stages that compute a tape's targets, in the order they run, and where their values
// lie. What a back end makes ready to run. It knows nothing of any device.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "host/plan/device_traits.h"
#include "host/plan/view.h"

namespace tendon::plan {

// Where in a body a value lives: one for the whole part, one for each row, one for each element,
// one for each column: for each place in a row, of all rows.
enum class Level : std::uint8_t { uniform, row, element, column };

using Local = std::uint32_t;  // a body's value: the index of the instruction that makes it

// One step of a body.
struct Instruction {
  enum class Kind : std::uint8_t {
    number,    // the constant's, taken when the plan runs
    load,      // through `view`, whose shape is that of the level
    generate,  // iota, uniform: of the element's row-major position
    compute,   // an elementwise op of locals of the same level or uniform
    expand,    // a row's value, for each of its elements
    reduce,    // at the level row over a row's elements, at the level column over a column's
  };
  Kind kind = Kind::load;
  Level level = Level::element;
  DType dtype = DType::f32;  // of the local
  Ref value;                 // of the tape: the op; of load, one that is read
  std::uint32_t operand_count = 0;
  Local operands[3] = {};
  View view = {};
};

// A local that is written to memory, in row-major order.
struct Store {
  Local local = 0;
  Ref value;
};

// A fused body over one iteration space. With `reduced` axes (neighbours, [first, first + count)),
// each index of the others is a row.
struct Part {
  Shape space;
  int first_reduced = 0;
  int reduced_count = 0;
  // Whether a row's elements are at hand after a reduction of them; else reductions come last. Only
  // resident rows, none of them behind the reduced axes, have reductions of columns, whose results
  // are stored and not used again.
  bool is_resident = false;
  // True if the elements of a resident row are kept from one pass over it to the next. Else each
  // pass reads them again, so that nothing may take their place in between.
  bool keeps_rows = false;
  std::vector<Instruction> body;  // operands first
  std::vector<Store> stores;
  // A reduction of rows that are not resident is done in chunks of so many of a row's elements, one
  // of columns in chunks of so many rows; the results are put together in order. They lie in the
  // arena, 8 bytes each, in lines of neighbours: for each such reduction, outer line, chunk.
  std::int64_t chunk_length = 0;
  std::int64_t chunk_count = 0;
  std::int64_t partials_offset = 0;

  bool reduces() const { return reduced_count > 0; }
  bool reduces_columns() const;
  Shape rows() const;                // the space without what is reduced
  std::int64_t row_length() const;   // elements of a row
  std::int64_t inner_count() const;  // rows that lie side by side: behind the reduced axes
  std::int64_t outer_count() const;  // rows that lie apart: in front of the reduced axes
  std::vector<Local> chunked_reductions() const;
  std::int64_t line_length() const;  // of partial results: rows behind the reduced axes, or columns
  std::int64_t outer_line_count() const;
  std::int64_t partials_bytes() const;
  Shape shape(Level level) const;
};

// A fused body without reductions.
struct Pointwise {
  Part part;
};

// A fused body that reduces rows, columns or both.
struct Reduce {
  Part part;
};

// Two or more fused bodies, none of which reduces or reads another's results.
struct Multi {
  std::vector<Part> parts;
};

// A matrix product over the last two axes, with what the libraries do beside it.
struct Contraction {
  Ref product;
  View a;                    // of shape (leading axes of the result..., m, k)
  View b;                    // (..., k, n)
  std::optional<View> bias;  // of the result's shape, the same for each row
  bool has_relu = false;
  Ref result;  // the last op of them
};

// An op that is computed whole.
struct Irregular {
  Ref op;
  std::vector<Ref> operands;  // one an operand of the op, row-major
};

// One launch. host/plan/stage.h has what all alternatives have in common.
using Stage = std::variant<Pointwise, Reduce, Multi, Contraction, Irregular>;

// Memory of a value.
enum class Space : std::uint8_t { none, input, output, literal, arena };
struct Location {
  Space space = Space::none;
  std::uint32_t index = 0;  // of the input or output
  std::int64_t offset = 0;  // in the arena, in bytes
};

struct Copy {  // of a value to one more output
  Ref value;
  std::uint32_t output = 0;
};

// What fusion did, without a clock: attempts to add an op to a stage, and operands that were looked
// for in one.
struct Effort {
  std::int64_t joins = 0;
  std::int64_t resolves = 0;
};

struct Plan {
  Tape tape;  // its inputs are the plan's inputs, its targets the plan's outputs
  std::vector<Stage> stages;
  std::vector<Ref> targets;         // the value in memory that each target is
  std::vector<Location> locations;  // one a value of the tape; none: it is not in memory
  std::vector<Copy> copies;         // done last
  std::int64_t arena_bytes = 0;
  std::int64_t op_count = 0;  // tape ops that executing it computes
  Effort effort;
};

// The chunks of each row: so many of so many elements, the last one of what is left. Of rows of
// `row` elements, `outer` of them apart and `inner` side by side; where some are side by side, a
// chunk has `least` elements at least. By the shape and the traits alone, so that the order of a
// sum depends neither on the machine nor on what else a stage computes.
struct Chunks {
  std::int64_t length = 1;
  std::int64_t count = 1;
};
Chunks chunks_of(const DeviceTraits& traits, std::int64_t row, std::int64_t inner,
                 std::int64_t outer, std::int64_t least);

// Fuses what the targets depend on into stages and places them in memory; nothing else is planned.
Plan make_plan(Tape tape, const DeviceTraits& traits);

std::int64_t count_ops(const Plan& plan);

// What a stage costs, and a line that says what it does.
struct StageCost {
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
  std::int64_t flops = 0;
  std::string line;
};
StageCost cost(const Tape& tape, const Stage& stage);

// What executing it costs, with a launch a stage. Bytes are counted a stage: each element that it
// touches once.
PlanSummary summarize(const Plan& plan);

// The stages, for a person: one line each, with their steps below where `with_bodies`.
std::string text(const Plan& plan, bool with_bodies);

}  // namespace tendon::plan
