#include "host/cpu/tile_program.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <span>

#include "host/cpu/device_traits.h"
#include "host/cpu/visit.h"
#include "host/ops/op_row.h"
#include "host/support/overloads.h"

namespace tendon::cpu {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;

// What a thread's tiles may take together, so that they stay in the first-level cache.
constexpr std::int64_t kScratchBytes = 24 << 10;
constexpr std::int64_t kFewestElements = 128;
constexpr std::int64_t kMostElements = 2048;

std::int64_t padded(std::int64_t count) {
  return (count + kLoopPadding - 1) / kLoopPadding * kLoopPadding;
}
std::uint32_t bytes_of(DType dtype) { return static_cast<std::uint32_t>(size_bytes(dtype)); }
bool is_16_bit(DType dtype) { return arithmetic(dtype) != dtype; }

// Turns a part's body into steps and gives their tiles places in the scratch.
class Preparation {
 public:
  Preparation(const plan::Plan& plan, const plan::Part& part)
      : plan_(plan), tape_(plan.tape), part_(part), tile_of_(part.body.size()) {
    static std::atomic<std::uint64_t> last = 0;
    prepared_.part = &part;
    prepared_.serial = last.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  PreparedPart prepare() {
    const bool streams = part_.reduces() && !part_.is_resident;
    for (Local local = 0; local < part_.body.size(); ++local) {
      const Instruction& step = part_.body[local];
      if (step.kind == Instruction::Kind::reduce && (streams || step.level == Level::column)) {
        accumulate(local);
      } else {
        into_ = step.level == Level::uniform          ? &prepared_.once
                : streams && step.level == Level::row ? &prepared_.at_end
                                                      : &prepared_.each;
        add(local);
      }
    }
    for (const plan::Store& store : part_.stores) add(store);
    cut_into_chunks();
    make_pairs(prepared_.each);
    find_direct_stores(prepared_.each, prepared_.stores);
    find_direct_stores(prepared_.at_end, prepared_.end_stores);
    prepared_.once_loads =
        std::ranges::find(prepared_.once, Step::Kind::load, &Step::kind) != prepared_.once.end();
    place_tiles();
    return std::move(prepared_);
  }

 private:
  TileId new_tile(Level level, std::uint32_t element_bytes) {
    prepared_.tiles.push_back({level, element_bytes, 0});
    return static_cast<TileId>(prepared_.tiles.size() - 1);
  }
  // A tile of a dtype as it is computed with: the 16-bit ones as the f32 of the same value.
  TileId new_tile(Level level, DType dtype) { return new_tile(level, bytes_of(arithmetic(dtype))); }

  TileId loop(Level level, Loop function, std::initializer_list<TileId> operands, TileId result,
              double parameter = 0) {
    Step step{.kind = Step::Kind::loop,
              .level = level,
              .result = result,
              .loop = function,
              .parameter = parameter};
    std::ranges::copy(operands, step.operands);
    into_->push_back(step);
    return result;
  }
  TileId cast(Level level, DType from, DType to, TileId operand) {
    return loop(level, loops().cast(from, to), {operand}, new_tile(level, bytes_of(to)));
  }
  TileId round(Level level, DType dtype, TileId operand) {
    if (!is_16_bit(dtype)) return operand;
    return loop(level, loops().round(dtype), {operand}, new_tile(level, DType::f32));
  }

  void add(Local local) {
    const Instruction& step = part_.body[local];
    TileId& tile = tile_of_[local];
    switch (step.kind) {
      case Instruction::Kind::number:
        tile = new_tile(step.level, step.dtype);
        into_->push_back(
            {.kind = Step::Kind::number, .level = step.level, .result = tile, .value = step.value});
        return;
      case Instruction::Kind::load: tile = add_load(step); return;
      case Instruction::Kind::generate: {
        const TileId raw = new_tile(step.level, bytes_of(step.dtype));
        into_->push_back({.kind = Step::Kind::generate,
                          .level = step.level,
                          .result = raw,
                          .value = step.value});
        tile = is_16_bit(step.dtype) ? cast(step.level, step.dtype, DType::f32, raw) : raw;
        return;
      }
      case Instruction::Kind::compute: tile = compute(step); return;
      case Instruction::Kind::expand:
        tile = new_tile(step.level, step.dtype);
        into_->push_back({.kind = Step::Kind::expand,
                          .level = step.level,
                          .operands = {tile_of_[step.operands[0]]},
                          .result = tile});
        return;
      case Instruction::Kind::reduce: {
        const DType from = part_.body[step.operands[0]].dtype;
        const TileId made = new_tile(step.level, step.dtype);
        into_->push_back({.kind = Step::Kind::reduce,
                          .level = step.level,
                          .operands = {tile_of_[step.operands[0]]},
                          .result = made,
                          .row_loop = loops().reduce(tape_.op(step.value), arithmetic(from))});
        tile = round(step.level, step.dtype, made);
        return;
      }
    }
  }

  TileId add_load(const Instruction& step) {
    const std::uint32_t bytes = bytes_of(step.dtype);
    const TileId raw = new_tile(step.level, bytes);
    prepared_.loads.push_back(
        {step.view, bytes, step.level != Level::uniform && plan::is_row_major(step.view)});
    into_->push_back({.kind = Step::Kind::load,
                      .level = step.level,
                      .result = raw,
                      .load = static_cast<std::uint32_t>(prepared_.loads.size() - 1)});
    return is_16_bit(step.dtype) ? cast(step.level, step.dtype, DType::f32, raw) : raw;
  }
  TileId compute(const Instruction& step) {
    const Op op = tape_.op(step.value);
    const DType operand = part_.body[step.operands[op == Op::where ? 1 : 0]].dtype;
    const TileId a = tile_of_[step.operands[0]];
    if (op == Op::cast) return compute_cast(step, operand, a);
    const Loop function = loops().pointwise(op, arithmetic(operand));
    const TileId result = new_tile(step.level, step.dtype);
    loop(step.level, function,
         {a, tile_of_[step.operands[step.operand_count > 1 ? 1 : 0]],
          tile_of_[step.operands[step.operand_count > 2 ? 2 : 0]]},
         result, tape_.attributes(step.value).number);
    into_->back().op = op;
    into_->back().dtype = arithmetic(operand);
    return op == Op::where ? result : round(step.level, step.dtype, result);
  }
  TileId compute_cast(const Instruction& step, DType from, TileId a) {
    // Through f32, other numbers would be rounded twice.
    if (is_16_bit(step.dtype) && arithmetic(from) != DType::f32) {
      return cast(step.level, step.dtype, DType::f32, cast(step.level, from, step.dtype, a));
    }
    const DType to = arithmetic(step.dtype);
    const TileId made = arithmetic(from) == to ? a : cast(step.level, arithmetic(from), to, a);
    return round(step.level, step.dtype, made);
  }

  // A reduction over elements that come in tiles: each tile is reduced into the chunk's results.
  void accumulate(Local local) {
    const Instruction& step = part_.body[local];
    const Op op = tape_.op(step.value);
    const DType from = arithmetic(part_.body[step.operands[0]].dtype);
    const bool is_sum = op == Op::reduce_sum;
    Accumulation made;
    made.op = op;
    made.from = tile_of_[step.operands[0]];
    made.dtype = from;
    made.sum_dtype = !is_sum ? from : is_floating(from) ? DType::f64 : DType::i64;
    made.row_loop = loops().reduce(op, from);
    made.accumulate = loops().accumulate(op, from);
    made.combine = loops().accumulate(op, made.sum_dtype);
    made.sum = new_tile(step.level, bytes_of(made.sum_dtype));
    into_ = &made.finish;
    const TileId narrow =
        made.sum_dtype == from ? made.sum : cast(step.level, made.sum_dtype, from, made.sum);
    made.into = round(step.level, step.dtype, narrow);
    tile_of_[local] = made.into;
    std::ranges::copy(made.finish, std::back_inserter(prepared_.at_end));
    made.finish.clear();
    prepared_.accumulations.push_back(std::move(made));
  }
  void cut_into_chunks() {
    const std::int64_t row = part_.row_length();
    prepared_.chunks =
        part_.is_resident ? plan::chunks_of(kTraits, part_.rows().size(), row, 1, kTraits.min_lines)
                          : plan::chunks_of(kTraits, row, part_.inner_count(), part_.outer_count(),
                                            kTraits.min_lines);
    prepared_.partials_bytes = static_cast<std::int64_t>(prepared_.accumulations.size()) *
                               part_.outer_line_count() * prepared_.chunks.count *
                               part_.line_length() * 8;
  }

  void add(const plan::Store& store) {
    const Instruction& step = part_.body[store.local];
    const bool streams = part_.reduces() && !part_.is_resident;
    TileId tile = tile_of_[store.local];
    const bool is_row = part_.reduces() && step.level != Level::element &&
                        tape_.shape(store.value).size() == part_.rows().size() &&
                        part_.space.size() != part_.rows().size();
    const bool is_column = step.level == Level::column;
    const Level level = is_column ? Level::column : is_row ? Level::row : Level::element;
    const bool at_end = is_column || (streams && is_row);
    into_ = at_end ? &prepared_.at_end : &prepared_.each;
    if (is_16_bit(step.dtype)) {
      const TileId raw = new_tile(level, bytes_of(step.dtype));
      tile = loop(level, loops().cast(DType::f32, step.dtype), {tile}, raw);
    }
    (at_end ? prepared_.end_stores : prepared_.stores)
        .push_back({tile, store.value, level, bytes_of(step.dtype), false});
  }
  // An op whose only reader is another becomes one loop with it, where there is such a loop: its
  // values stay in registers.
  void make_pairs(std::vector<Step>& steps) {
    std::vector<int> reads(prepared_.tiles.size());
    const auto count_reads = [&](const std::vector<Step>& list) {
      for (const Step& step : list) {
        const std::size_t count = operand_count(step);
        for (std::size_t i = 0; i < count; ++i) ++reads[step.operands[i]];
      }
    };
    count_reads(prepared_.each);
    count_reads(prepared_.at_end);
    for (const TileStore& store : prepared_.stores) reads[store.tile] += 2;
    for (const Accumulation& accumulation : prepared_.accumulations) {
      reads[accumulation.from] += 2;
    }
    std::vector<Step*> maker(prepared_.tiles.size());
    for (Step& step : steps) {
      maker[step.result] = &step;
      if (step.op == Op::input || ops::row(step.op).arity != 2) continue;
      for (const bool is_second : {false, true}) {
        Step* first = maker[step.operands[is_second ? 1 : 0]];
        if (first == nullptr || first->op == Op::input || first->level != step.level ||
            first->dtype != step.dtype || reads[first->result] != 1) {
          continue;
        }
        const Loop pair = loops().pair(first->op, step.op, is_second, step.dtype);
        if (pair == nullptr) continue;
        const TileId other = step.operands[is_second ? 0 : 1];
        step.loop = pair;
        step.op = Op::input;  // not one op any more
        step.operands[0] = first->operands[0];
        step.operands[1] = first->operands[1];
        step.operands[2] = other;
        first->loop = nullptr;
        break;
      }
    }
    std::erase_if(steps, [](const Step& step) {
      return step.kind == Step::Kind::loop && step.loop == nullptr;
    });
  }
  static std::size_t operand_count(const Step& step) {
    switch (step.kind) {
      case Step::Kind::loop:
        return step.op == Op::input ? 3 : static_cast<std::size_t>(ops::row(step.op).arity);
      case Step::Kind::expand:
      case Step::Kind::reduce: return 1;
      default: return 0;
    }
  }

  // A tile that one loop makes can be made where it is stored, unless what a load reads lies there.
  void find_direct_stores(const std::vector<Step>& steps, std::vector<TileStore>& stores) {
    for (TileStore& store : stores) {
      const bool is_made_by_loop = std::ranges::any_of(steps, [&](const Step& step) {
        return step.result == store.tile && step.kind == Step::Kind::loop;
      });
      const bool is_stored_once = std::ranges::count(stores, store.tile, &TileStore::tile) == 1;
      store.is_direct = is_made_by_loop && is_stored_once && !overlaps_a_load(store.value);
    }
  }
  bool overlaps_a_load(Ref stored) const {
    const plan::Location& at = plan_.locations[stored.id];
    if (at.space != plan::Space::arena) return false;
    for (const Load& load : prepared_.loads) {
      for (const plan::Piece& piece : load.view.pieces) {
        const plan::Location& read = plan_.locations[piece.base.id];
        if (read.space == plan::Space::arena && read.offset < at.offset + tape_.bytes(stored) &&
            at.offset < read.offset + tape_.bytes(piece.base)) {
          return true;
        }
      }
    }
    return false;
  }

  // Tiles that are not needed at the same time share memory.
  void place_tiles() {
    std::vector<std::int64_t> slot_of(prepared_.tiles.size(), -1);
    std::vector<Slot> slots;
    for (const std::vector<Step>* steps : {&prepared_.once, &prepared_.each, &prepared_.at_end}) {
      place_tiles(*steps, steps == &prepared_.once, slot_of, slots);
    }
    // Element slots want all of it; rows and columns are few.
    std::int64_t bytes_of_an_element = 0;
    for (const Slot& slot : slots) {
      if (slot.level != Level::row && slot.level != Level::column)
        bytes_of_an_element += slot.element_bytes;
    }
    choose_tile(std::max<std::int64_t>(bytes_of_an_element, 1));
    std::vector<std::int64_t> offsets;
    const std::int64_t widest = std::max(prepared_.tile_elements, prepared_.tile_rows);
    for (const Slot& slot : slots) {
      const bool is_uniform = slot.level == Level::uniform;
      std::int64_t& end = is_uniform ? prepared_.uniform_bytes : prepared_.scratch_bytes;
      const std::int64_t count = is_uniform                    ? widest
                                 : slot.level == Level::row    ? prepared_.tile_rows
                                 : slot.level == Level::column ? prepared_.tile_columns
                                                               : prepared_.tile_elements;
      offsets.push_back(end);
      end += (padded(count) * slot.element_bytes + 63) / 64 * 64;
    }
    for (std::size_t i = 0; i < prepared_.tiles.size(); ++i) {
      if (slot_of[i] >= 0)
        prepared_.tiles[i].offset = offsets[static_cast<std::size_t>(slot_of[i])];
    }
  }
  struct Slot {
    Level level;
    std::uint32_t element_bytes;
  };
  void place_tiles(const std::vector<Step>& steps, bool is_kept, std::vector<std::int64_t>& slot_of,
                   std::vector<Slot>& slots) {
    constexpr std::size_t kToTheEnd = ~std::size_t{0};
    std::vector<std::size_t> last_use(prepared_.tiles.size(), 0);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      for (const TileId operand : steps[i].operands) last_use[operand] = i;
    }
    for (const auto* stores : {&prepared_.stores, &prepared_.end_stores}) {
      for (const TileStore& store : *stores) last_use[store.tile] = kToTheEnd;
    }
    for (const Accumulation& accumulation : prepared_.accumulations) {
      last_use[accumulation.from] = kToTheEnd;
      last_use[accumulation.sum] = kToTheEnd;
      if (slot_of[accumulation.sum] < 0) {
        slot_of[accumulation.sum] = static_cast<std::int64_t>(slots.size());
        const Tile& sum = prepared_.tiles[accumulation.sum];
        slots.push_back({sum.level, sum.element_bytes});
      }
    }
    std::map<std::pair<Level, std::uint32_t>, std::vector<std::int64_t>> free;
    std::vector<bool> is_mine(prepared_.tiles.size());
    const auto release = [&](const Step& step, std::size_t at, bool same_size) {
      for (const TileId operand : step.operands) {
        const Tile& tile = prepared_.tiles[operand];
        const bool fits = tile.element_bytes == prepared_.tiles[step.result].element_bytes &&
                          step.kind == Step::Kind::loop;
        if (!is_mine[operand] || last_use[operand] != at || fits != same_size) continue;
        is_mine[operand] = false;
        free[{tile.level, tile.element_bytes}].push_back(slot_of[operand]);
      }
    };
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      const Tile& tile = prepared_.tiles[step.result];
      // A loop may write over an operand of the same size.
      if (!is_kept) release(step, i, true);
      auto& list = free[{tile.level, tile.element_bytes}];
      if (is_kept || list.empty()) {
        slot_of[step.result] = static_cast<std::int64_t>(slots.size());
        slots.push_back({tile.level, tile.element_bytes});
      } else {
        slot_of[step.result] = list.back();
        list.pop_back();
      }
      is_mine[step.result] = !is_kept;
      if (!is_kept) release(step, i, false);
    }
  }

  void choose_tile(std::int64_t bytes_of_an_element) {
    const std::int64_t fitting =
        std::clamp(kScratchBytes / bytes_of_an_element / 64 * 64, kFewestElements, kMostElements);
    const std::int64_t size = part_.space.size();
    const std::int64_t length = part_.row_length();
    if (!part_.reduces()) {
      prepared_.tile_elements = std::min(fitting, padded(size));
      prepared_.tile_rows = 0;
    } else if (part_.is_resident) {
      const std::int64_t rows = part_.rows().size();
      std::int64_t tile_rows =
          std::max<std::int64_t>(fitting / std::max<std::int64_t>(length, 1), 1);
      // So many rows that a tile is of whole vectors can be read and written where they lie.
      const std::int64_t even = length == 0 ? 1 : kLoopPadding / std::gcd(kLoopPadding, length);
      if (tile_rows > even) tile_rows = tile_rows / even * even;
      if (tile_rows < even && even * length <= kMostElements) tile_rows = even;
      prepared_.tile_rows = std::max<std::int64_t>(std::min(tile_rows, rows), 1);
      prepared_.tile_elements = prepared_.tile_rows * length;
      prepared_.tile_columns = part_.reduces_columns() ? std::min(length, kMostElements) : 0;
    } else {
      prepared_.tile_elements =
          part_.inner_count() > 1
              ? fitting
              : std::max(fitting / kFoldedElements * kFoldedElements, kFoldedElements);
      prepared_.tile_rows = fitting;
    }
  }

  const plan::Plan& plan_;
  const Tape& tape_;
  const plan::Part& part_;
  PreparedPart prepared_;
  std::vector<TileId> tile_of_;
  std::vector<Step>* into_ = nullptr;
};

PreparedContraction prepare(const plan::Contraction& c, const Tape& tape) {
  PreparedContraction prepared;
  prepared.contraction = &c;
  const Shape& shape = tape.shape(c.product);
  const int rank = shape.rank();
  const auto m_axis = static_cast<std::size_t>(rank - 2);
  const auto n_axis = static_cast<std::size_t>(rank - 1);
  if (shape.size() == 0) return prepared;
  Contraction product;
  product.dtype = tape.dtype(c.product);
  product.m = shape[rank - 2];
  product.n = shape[rank - 1];
  product.k = c.a.shape[rank - 1];
  product.has_bias = c.bias.has_value();
  if (product.k == 0) return prepared;
  const plan::Piece& a = c.a.pieces[0];
  const plan::Piece& b = c.b.pieces[0];
  // Libraries take a stride of 1 on an axis of extent 1 to mean what it means elsewhere.
  const auto stride = [](const plan::View& view, std::size_t axis, std::size_t other) {
    const std::int64_t step = view.pieces[0].strides[axis];
    if (view.shape[static_cast<int>(axis)] != 1) return step;
    const std::int64_t beside = view.pieces[0].strides[other];
    const std::int64_t extent = view.shape[static_cast<int>(other)];
    return extent == 1 || beside == 1 ? std::max<std::int64_t>(extent, 1) : std::int64_t{1};
  };
  product.a = {0, stride(c.a, m_axis, n_axis), stride(c.a, n_axis, m_axis)};
  product.b = {0, stride(c.b, m_axis, n_axis), stride(c.b, n_axis, m_axis)};
  // Leading axes that lie as one become the library's batch, from the innermost.
  int outer = rank - 2;
  bool is_first = true;
  while (outer > 0) {
    const auto axis = static_cast<std::size_t>(outer - 1);
    const std::int64_t extent = shape[outer - 1];
    if (extent != 1) {
      if (is_first) {
        product.a.batch_stride = a.strides[axis];
        product.b.batch_stride = b.strides[axis];
      } else if (a.strides[axis] != product.a.batch_stride * product.batch ||
                 b.strides[axis] != product.b.batch_stride * product.batch) {
        break;
      }
      is_first = false;
      product.batch *= extent;
    }
    --outer;
  }
  if (c.has_relu) product.activation = Op::relu;
  std::int64_t calls = 1;
  for (int i = 0; i < outer; ++i) calls *= shape[i];
  for (std::int64_t call = 0; call < calls; ++call) {
    std::int64_t left = call;
    std::int64_t at_a = a.offset;
    std::int64_t at_b = b.offset;
    for (int i = outer; i-- > 0;) {
      const auto axis = static_cast<std::size_t>(i);
      at_a += left % shape[i] * a.strides[axis];
      at_b += left % shape[i] * b.strides[axis];
      left /= shape[i];
    }
    prepared.a_offsets.push_back(at_a);
    prepared.b_offsets.push_back(at_b);
  }
  prepared.result_step = product.batch * product.m * product.n;
  prepared.contractor = make_contractor(product);
  return prepared;
}

}  // namespace

TileProgram::TileProgram(plan::Plan plan) : Program(std::move(plan)) {
  const auto prepare_bodies = [this](std::span<const plan::Part> parts) -> PreparedStage {
    std::vector<PreparedPart> prepared;
    for (const plan::Part& part : parts) {
      prepared.push_back(Preparation(this->plan(), part).prepare());
    }
    return prepared;
  };
  const auto prepare_stage = support::Overloads{
      [&](const plan::Pointwise& stage) {
        return prepare_bodies({&stage.part, 1});
      },
      [&](const plan::Reduce& stage) {
        return prepare_bodies({&stage.part, 1});
      },
      [&](const plan::Multi& stage) { return prepare_bodies(stage.parts); },
      [&](const plan::Contraction& contraction) -> PreparedStage {
        return prepare(contraction, this->plan().tape);
      },
      [](const plan::Irregular& irregular) -> PreparedStage { return &irregular; },
  };
  for (const plan::Stage& stage : this->plan().stages) {
    stages_.push_back(std::visit(prepare_stage, stage));
  }
}

}  // namespace tendon::cpu
