#include "host/plan/plan.h"

#include <algorithm>

#include "host/plan/arena.h"
#include "host/plan/backend.h"
#include "host/plan/fuse.h"
#include "host/plan/stage.h"

namespace tendon::plan {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

bool reduces_16_bits(const Part& part) {
  return std::ranges::any_of(part.body, [&](const Instruction& step) {
    return step.kind == Instruction::Kind::reduce &&
           size_bytes(part.body[step.operands[0]].dtype) == 2;
  });
}

// A chunk's result is written and read again: of 16 bits, a chunk has twice as many elements.
void cut_into_chunks(Part& part, const DeviceTraits& traits) {
  const Chunks chunks = chunks_of(traits, part.row_length(), part.inner_count(), part.outer_count(),
                                  traits.min_lines * (reduces_16_bits(part) ? 2 : 1));
  part.chunk_length = chunks.length;
  part.chunk_count = chunks.count;
}

bool can_keep_rows(const Part& part, const DeviceTraits& traits) {
  const bool is_of_f64 = std::ranges::any_of(part.body, [](const Instruction& step) {
    return step.level == Level::element && step.dtype == DType::f64;
  });
  return part.is_resident && part.row_length() <= (is_of_f64 ? traits.resident_row_elements_f64
                                                             : traits.resident_row_elements);
}

// Bytes that move for each element of the part, and for each column of a chunk of its rows: results
// that are written and read again, and what each row loads the same of.
struct MovedBytes {
  std::int64_t of_element = 0, of_column = 0;
};
MovedBytes moved_bytes(const Tape& tape, const Part& part) {
  MovedBytes bytes;
  for (const Instruction& step : part.body) {
    const auto width = static_cast<std::int64_t>(size_bytes(step.dtype));
    if (step.level == Level::column) bytes.of_column += 2 * std::max<std::int64_t>(width, 4);
    if (step.level != Level::element || step.kind != Instruction::Kind::load) continue;
    const bool moves_with_row = std::ranges::any_of(step.view.pieces, [&](const Piece& piece) {
      return tape.shape(piece.base).size() > part.row_length();
    });
    (moves_with_row ? bytes.of_element : bytes.of_column) += width;
  }
  for (const Store& store : part.stores) {
    const Instruction& step = part.body[store.local];
    if (step.level == Level::element)
      bytes.of_element += static_cast<std::int64_t>(size_bytes(step.dtype));
  }
  return bytes;
}

// As many as keep a device busy; but where there is more to move than its cache holds, so few that
// the columns' results hardly count.
void cut_rows_into_chunks(const Tape& tape, Part& part, const DeviceTraits& traits) {
  const std::int64_t rows = part.rows().size();
  const MovedBytes moved = moved_bytes(tape, part);
  std::int64_t count = divide_up(part.space.size(), traits.row_chunk_elements);
  if (part.space.size() * moved.of_element > traits.cache_bytes) {
    const std::int64_t cheap =
        rows * moved.of_element / (traits.column_traffic_ratio * moved.of_column);
    const std::int64_t cached = traits.cached_column_bytes / (part.row_length() * moved.of_column);
    count = std::min(count, std::max(cheap, cached));
  }
  count =
      std::clamp<std::int64_t>(count, 1, std::clamp<std::int64_t>(rows, 1, traits.max_row_chunks));
  part.chunk_length = std::max<std::int64_t>(divide_up(rows, count), 1);
  part.chunk_count = std::max<std::int64_t>(divide_up(rows, part.chunk_length), 1);
}

}  // namespace

Shape Part::rows() const {
  Shape rows;
  for (int i = 0; i < space.rank(); ++i) {
    if (i < first_reduced || i >= first_reduced + reduced_count) rows.push_back(space[i]);
  }
  return rows;
}
std::int64_t Part::row_length() const {
  std::int64_t length = 1;
  for (int i = first_reduced; i < first_reduced + reduced_count; ++i) length *= space[i];
  return length;
}
std::int64_t Part::inner_count() const {
  std::int64_t count = 1;
  for (int i = first_reduced + reduced_count; i < space.rank(); ++i) count *= space[i];
  return count;
}
std::int64_t Part::outer_count() const {
  std::int64_t count = 1;
  for (int i = 0; i < first_reduced; ++i) count *= space[i];
  return count;
}
bool Part::reduces_columns() const { return is_resident && !chunked_reductions().empty(); }
std::vector<Local> Part::chunked_reductions() const {
  std::vector<Local> reductions;
  for (Local i = 0; i < body.size(); ++i) {
    if (body[i].kind == Instruction::Kind::reduce &&
        (!is_resident || body[i].level == Level::column))
      reductions.push_back(i);
  }
  return reductions;
}
std::int64_t Part::line_length() const { return is_resident ? row_length() : inner_count(); }
std::int64_t Part::outer_line_count() const { return is_resident ? 1 : outer_count(); }
std::int64_t Part::partials_bytes() const {
  const auto reductions = static_cast<std::int64_t>(chunked_reductions().size());
  return reductions * outer_line_count() * chunk_count * line_length() * 8;
}
Shape Part::shape(Level level) const {
  switch (level) {
    case Level::uniform: return {};
    case Level::row: return rows();
    case Level::element: return space;
    case Level::column: {
      Shape columns;
      for (int i = 0; i < reduced_count; ++i) columns.push_back(space[first_reduced + i]);
      return columns;
    }
  }
  __builtin_unreachable();
}

Chunks chunks_of(const DeviceTraits& traits, std::int64_t row, std::int64_t inner,
                 std::int64_t outer, std::int64_t least) {
  std::int64_t most = std::clamp<std::int64_t>(
      traits.max_partials / std::max<std::int64_t>(outer, 1), 1, traits.max_chunks);
  const bool lie_apart = inner == 1;
  if (!lie_apart) most = std::clamp<std::int64_t>(row / least, 1, most);
  const std::int64_t wanted =
      std::clamp<std::int64_t>(divide_up(row * inner, traits.chunk_elements), 1, most);
  std::int64_t length = std::max<std::int64_t>(divide_up(row, wanted), 1);
  if (lie_apart && wanted > 1)
    length = divide_up(length, traits.chunk_multiple) * traits.chunk_multiple;
  return {length, std::max<std::int64_t>(divide_up(row, length), 1)};
}

const std::vector<StageCost>& Program::costs() const {
  std::call_once(costs_found_, [this] {
    for (const Stage& stage : plan_.stages) costs_.push_back(cost(plan_.tape, stage));
  });
  return costs_;
}

PlanSummary Program::summary() const {
  PlanSummary summary = summarize(plan_);
  summary.launches = launch_count();
  return summary;
}

Plan make_plan(Tape tape, const DeviceTraits& traits) {
  Plan plan;
  Fused fused = fuse(tape, traits);
  plan.stages = std::move(fused.stages);
  plan.targets = std::move(fused.targets);
  plan.effort = fused.effort;
  plan.tape = std::move(tape);
  for (Stage& stage : plan.stages) {
    for (Part& part : bodies(stage)) {
      part.keeps_rows = can_keep_rows(part, traits);
      if (part.reduces() && !part.is_resident) cut_into_chunks(part, traits);
      if (part.reduces_columns()) cut_rows_into_chunks(plan.tape, part, traits);
    }
  }
  arrange(plan);
  plan.op_count = count_ops(plan);
  return plan;
}

}  // namespace tendon::plan
