#include "host/cpu/tile_executor.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "host/cpu/addresses.h"
#include "host/cpu/compute.h"
#include "host/cpu/generate.h"
#include "host/cpu/parallel.h"
#include "host/cpu/read.h"
#include "host/cpu/scratch.h"
#include "host/cpu/visit.h"
#include "host/support/overloads.h"

namespace tendon::cpu {
namespace {

using plan::Level;

// Elements times steps that a thread should have before another is worth waking.
constexpr std::int64_t kLeastWork = 256 << 10;

std::int64_t padded(std::int64_t count) {
  return (count + kLoopPadding - 1) / kLoopPadding * kLoopPadding;
}

// What a step works on: ranges of the part's rows, elements and columns.
struct Extent {
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t first_element = 0;
  std::int64_t elements = 0;
  std::int64_t first_column = 0;
  std::int64_t columns = 0;
};

// One thread's run of a part.
class PartRun {
 public:
  // `partials`: the part's, of all threads.
  PartRun(const PreparedPart& part, const Tape& numbers, const Addresses& addresses, char* partials)
      : part_(part),
        numbers_(numbers),
        addresses_(addresses),
        partials_(partials),
        row_length_(part.part->row_length()),
        row_count_(part.part->rows().size()),
        element_count_(part.part->space.size()),
        kept_(scratch().of(part)),
        scratch_(scratch().tiles(part.scratch_bytes)),
        pointers_(kept_.pointers) {
    if (pointers_.empty() || kept_.scratch != scratch_) {
      char* const uniform = kept_.uniforms.of(part.uniform_bytes);
      kept_.scratch = scratch_;
      pointers_.clear();
      for (const Tile& tile : part.tiles) {
        pointers_.push_back((tile.level == Level::uniform ? uniform : scratch_) + tile.offset);
      }
    }
    make_uniforms();
  }

  void run_tile(const Extent& extent) {
    for (const TileStore& store : part_.stores) begin_store(store, extent);
    run(part_.each, extent);
    for (const TileStore& store : part_.stores) end_store(store, extent);
  }

  // Resident rows [first, first + count).
  void run_rows(std::int64_t first, std::int64_t count) {
    run_tile({first, count, first * row_length_, count * row_length_});
  }

  // A chunk of resident rows, and of their columns' reductions.
  void run_chunk_of_rows(std::int64_t chunk) {
    begin_sums(0, chunk, 0, row_length_);
    const std::int64_t begin = chunk * part_.chunks.length;
    const std::int64_t end = std::min(begin + part_.chunks.length, row_count_);
    for (std::int64_t at = begin; at < end; at += part_.tile_rows) {
      const std::int64_t count = std::min(part_.tile_rows, end - at);
      run_rows(at, count);
      for (std::size_t i = 0; i < part_.accumulations.size(); ++i)
        accumulate_lines(part_.accumulations[i], partial(i, 0, chunk, 0), count, row_length_);
    }
  }

  // Chunk `chunk` of the rows (outer, columns [first, last) of the inner ones).
  void run_chunk(std::int64_t outer, std::int64_t chunk, std::int64_t first, std::int64_t last) {
    const std::int64_t inner = part_.part->inner_count();
    const std::int64_t width = last - first;
    begin_sums(outer, chunk, first, width);
    const std::int64_t begin = chunk * part_.chunks.length;
    const std::int64_t end = std::min(begin + part_.chunks.length, row_length_);
    // As many of a row's elements at once as fit in a tile.
    const std::int64_t step =
        inner == 1 ? part_.tile_elements
                   : std::max<std::int64_t>(width == inner ? part_.tile_elements / inner : 1, 1);
    for (std::int64_t at = begin; at < end; at += step) {
      const std::int64_t count = std::min(step, end - at);
      const std::int64_t first_element = (outer * row_length_ + at) * inner + first;
      run_tile({0, 0, first_element, count * width});
      for (std::size_t i = 0; i < part_.accumulations.size(); ++i) {
        accumulate(part_.accumulations[i], partial(i, outer, chunk, first), count, width);
      }
    }
  }

  // What follows the reductions in chunks, for rows, or columns, [first, first + count).
  void finish(std::int64_t first, std::int64_t count) {
    const std::int64_t length = part_.part->line_length();
    for (std::size_t i = 0; i < part_.accumulations.size(); ++i) {
      const Accumulation& a = part_.accumulations[i];
      const auto bytes = static_cast<std::int64_t>(size_bytes(a.sum_dtype));
      char* sum = pointers_[a.sum];
      for (std::int64_t row = first; row < first + count;) {
        const std::int64_t column = row % length;
        const std::int64_t width = std::min(length - column, first + count - row);
        for (std::int64_t chunk = 0; chunk < part_.chunks.count; ++chunk) {
          const char* from = partial(i, row / length, chunk, column);
          if (chunk == 0) {
            std::memcpy(sum, from, static_cast<std::size_t>(width * bytes));
          } else {
            a.combine(from, sum, width);
          }
        }
        row += width;
        sum += width * bytes;
      }
    }
    const Extent extent =
        part_.part->is_resident ? Extent{0, 0, 0, 0, first, count} : Extent{first, count, 0, 0};
    for (const TileStore& store : part_.end_stores) begin_store(store, extent);
    run(part_.at_end, extent);
    for (const TileStore& store : part_.end_stores) end_store(store, extent);
  }

 private:
  static std::int64_t count_of(Level level, const Extent& extent) {
    return level == Level::row      ? extent.rows
           : level == Level::column ? extent.columns
                                    : extent.elements;
  }
  static std::int64_t first_of(Level level, const Extent& extent) {
    return level == Level::row      ? extent.first_row
           : level == Level::column ? extent.first_column
                                    : extent.first_element;
  }

  // Numbers are as they were in most runs: their tiles are filled anew only where they are not.
  void make_uniforms() {
    if (part_.once.empty()) return;
    const std::int64_t widest = std::max(part_.tile_elements, part_.tile_rows);
    std::vector<double>& last = kept_.numbers;
    std::size_t next = 0;
    bool changed = false;
    for (const Step& step : part_.once) {
      if (step.kind == Step::Kind::number) {
        const double number = numbers_.attributes(step.value).number;
        if (next == last.size()) {
          last.push_back(number);
        } else if (std::bit_cast<std::uint64_t>(last[next]) ==
                   std::bit_cast<std::uint64_t>(number)) {
          ++next;
          continue;
        }
        last[next++] = number;
        changed = true;
        this->number(step, number, widest);
      } else if (step.kind == Step::Kind::load || changed || part_.once_loads) {
        run(step, {0, widest, 0, widest});
      }
    }
  }

  void run(const std::vector<Step>& steps, const Extent& extent) {
    for (const Step& step : steps) run(step, extent);
  }
  void run(const Step& step, const Extent& extent) {
    if (step.kind == Step::Kind::loop) {
      step.loop(pointers_[step.operands[0]], pointers_[step.operands[1]],
                pointers_[step.operands[2]], pointers_[step.result], count_of(step.level, extent),
                step.parameter);
    } else {
      run_other(step, extent);
    }
  }
  void run_other(const Step& step, const Extent& extent) {
    const std::int64_t count = count_of(step.level, extent);
    char* into = pointers_[step.result];
    switch (step.kind) {
      case Step::Kind::loop:
      case Step::Kind::number: return;
      case Step::Kind::load: return load(step, extent);
      case Step::Kind::generate:
        return generate(numbers_.op(step.value), numbers_.attributes(step.value),
                        numbers_.dtype(step.value), numbers_.shape(step.value),
                        first_of(step.level, extent), count, into);
      case Step::Kind::reduce:
        return step.row_loop(pointers_[step.operands[0]], into, extent.rows, row_length_);
      case Step::Kind::expand: {
        const std::size_t bytes = part_.tiles[step.result].element_bytes;
        const char* from = pointers_[step.operands[0]];
        for (std::int64_t row = 0; row < extent.rows; ++row) {
          fill(from, bytes, row_length_, into);
          from += bytes;
          into += static_cast<std::int64_t>(bytes) * row_length_;
        }
        return;
      }
    }
  }

  void load(const Step& step, const Extent& extent) {
    const Load& load = part_.loads[step.load];
    const std::int64_t first = first_of(step.level, extent);
    const std::int64_t count = count_of(step.level, extent);
    if (Tally* tally = addresses_.tally()) {
      tally->read(load.view, first, step.level == Level::uniform ? 1 : count);
    }
    if (step.level == Level::uniform) {
      const plan::Piece& piece = load.view.pieces[0];
      return fill(addresses_[piece.base] + piece.offset * load.element_bytes, load.element_bytes,
                  count, pointers_[step.result]);
    }
    char* own = scratch_ + part_.tiles[step.result].offset;
    pointers_[step.result] = own;
    if (load.is_row_major) {
      char* from = addresses_[load.view.pieces[0].base] + first * load.element_bytes;
      // Loops read whole vectors: the last ones of all are copied, for what lies behind is not
      // ours.
      const std::int64_t all = step.level == Level::row ? row_count_ : element_count_;
      if (first + padded(count) <= all) {
        pointers_[step.result] = from;
      } else {
        std::memcpy(own, from, static_cast<std::size_t>(count) * load.element_bytes);
      }
      return;
    }
    const void* bases[32];
    for (std::size_t i = 0; i < load.view.pieces.size(); ++i) {
      bases[i] = addresses_[load.view.pieces[i].base];
    }
    read(load.view, {bases, load.view.pieces.size()}, load.element_bytes, first, count, own);
  }

  void number(const Step& step, double given, std::int64_t count) {
    visit(numbers_.dtype(step.value), [&]<class T>() {
      const T value = from_number<T>(given);
      if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
        std::fill_n(reinterpret_cast<float*>(pointers_[step.result]), count,
                    static_cast<float>(value));
      } else {
        std::fill_n(reinterpret_cast<T*>(pointers_[step.result]), count, value);
      }
    });
  }

  char* target(const TileStore& store, const Extent& extent) const {
    return addresses_[store.value] + first_of(store.level, extent) * store.element_bytes;
  }
  // Loops write whole vectors: only a tile that ends with one is made in its place.
  static bool is_whole(const TileStore& store, const Extent& extent) {
    return store.is_direct && count_of(store.level, extent) % kLoopPadding == 0;
  }
  void begin_store(const TileStore& store, const Extent& extent) {
    pointers_[store.tile] = is_whole(store, extent) ? target(store, extent)
                            : store.is_direct       ? scratch_ + part_.tiles[store.tile].offset
                                                    : pointers_[store.tile];
  }
  void end_store(const TileStore& store, const Extent& extent) {
    const std::int64_t count = count_of(store.level, extent);
    if (Tally* tally = addresses_.tally()) tally->wrote(store.value, count);
    if (count == 0 || is_whole(store, extent)) return;
    std::memcpy(target(store, extent), pointers_[store.tile],
                static_cast<std::size_t>(count) * store.element_bytes);
  }

  // The result of a chunk for place `column` of the outer line, of reduction i; those of the next
  // places follow it.
  char* partial(std::size_t i, std::int64_t outer, std::int64_t chunk, std::int64_t column) const {
    const plan::Part& part = *part_.part;
    const std::int64_t line =
        (static_cast<std::int64_t>(i) * part.outer_line_count() + outer) * part_.chunks.count +
        chunk;
    const auto bytes = static_cast<std::int64_t>(size_bytes(part_.accumulations[i].sum_dtype));
    return partials_ + line * part.line_length() * 8 + column * bytes;
  }
  void begin_sums(std::int64_t outer, std::int64_t chunk, std::int64_t first, std::int64_t width) {
    for (std::size_t i = 0; i < part_.accumulations.size(); ++i)
      begin_sum(part_.accumulations[i], partial(i, outer, chunk, first), width);
  }
  static void begin_sum(const Accumulation& a, char* into, std::int64_t width) {
    visit(a.sum_dtype, [&]<class T>() {
      T first{};
      if constexpr (!std::is_same_v<T, half> && !std::is_same_v<T, bfloat16>) {
        using Limits = std::numeric_limits<T>;
        const bool is_endless = Limits::has_infinity;
        if (a.op == Op::reduce_max) {
          first = is_endless ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
        } else if (a.op == Op::reduce_min) {
          first = is_endless ? Limits::infinity() : Limits::max();
        }
      }
      std::fill_n(reinterpret_cast<T*>(into), width, first);
    });
  }
  void accumulate(const Accumulation& a, char* into, std::int64_t count, std::int64_t width) {
    if (part_.part->inner_count() == 1) {
      fold(a, pointers_[a.from], into, count);
    } else {
      accumulate_lines(a, into, count, width);
    }
  }
  // `count` neighbours: kFoldedElements at a time, those that are left last.
  static void fold(const Accumulation& a, const char* from, char* into, std::int64_t count) {
    constexpr std::int64_t kAtOnce = 8;
    const auto bytes = static_cast<std::int64_t>(size_bytes(a.dtype));
    alignas(8) char folded[kAtOnce * 8];
    while (count > 0) {
      const std::int64_t length = std::min(count, kFoldedElements);
      const std::int64_t rows = std::min(count / length, kAtOnce);
      a.row_loop(from, folded, rows, length);
      for (std::int64_t i = 0; i < rows; ++i) a.accumulate(folded + i * bytes, into, 1);
      from += rows * length * bytes;
      count -= rows * length;
    }
  }
  void accumulate_lines(const Accumulation& a, char* into, std::int64_t count,
                        std::int64_t width) const {
    const auto bytes = static_cast<std::int64_t>(size_bytes(a.dtype));
    for (std::int64_t line = 0; line < count; ++line)
      a.accumulate(pointers_[a.from] + line * width * bytes, into, width);
  }

  const PreparedPart& part_;
  const Tape& numbers_;
  const Addresses& addresses_;
  char* partials_;
  std::int64_t row_length_;
  std::int64_t row_count_;
  std::int64_t element_count_;
  Kept& kept_;
  char* scratch_;
  std::vector<char*>& pointers_;
};

// How many of `units`, which together have so many elements, a thread should have at least.
std::int64_t least_units(const PreparedPart& part, std::int64_t units, std::int64_t elements) {
  const auto steps = static_cast<std::int64_t>(part.each.size() + part.at_end.size()) + 1;
  const std::int64_t work =
      std::max<std::int64_t>(elements * steps / std::max<std::int64_t>(units, 1), 1);
  return std::max<std::int64_t>(kLeastWork / work, 1);
}

// Runs `each(run, unit)` for each unit, which have so many elements together, on a few threads.
template <class Each>
void run_units(const PreparedPart& part, const Tape& numbers, const Addresses& addresses,
               char* partials, std::int64_t units, std::int64_t elements, Each&& each) {
  parallel_for(units, least_units(part, units, elements),
               [&](std::int64_t begin, std::int64_t end) {
                 PartRun run(part, numbers, addresses, partials);
                 for (std::int64_t unit = begin; unit < end; ++unit) each(run, unit);
               });
}

void run_part(const PreparedPart& part, const Tape& numbers, const Addresses& addresses) {
  const plan::Part& planned = *part.part;
  const std::int64_t elements = planned.space.size();
  const std::int64_t rows = planned.rows().size();
  char* const partials =
      part.partials_bytes > 0 ? scratch().partials(part.partials_bytes) : nullptr;
  const auto run = [&](std::int64_t units, std::int64_t work, auto&& each) {
    run_units(part, numbers, addresses, partials, units, work, each);
  };
  // Ranges of `all`, each of so many at most.
  const auto run_ranges = [&](std::int64_t all, std::int64_t most, std::int64_t work, auto&& each) {
    run((all + most - 1) / most, work, [&](PartRun& of_thread, std::int64_t unit) {
      each(of_thread, unit * most, std::min(most, all - unit * most));
    });
  };
  const auto finish = [](PartRun& of_thread, std::int64_t first, std::int64_t count) {
    of_thread.finish(first, count);
  };
  if (rows == 0 || (!planned.reduces() && elements == 0)) return;
  if (!planned.reduces()) {
    run_ranges(elements, part.tile_elements, elements,
               [](PartRun& of_thread, std::int64_t first, std::int64_t count) {
                 of_thread.run_tile({0, 0, first, count});
               });
  } else if (planned.is_resident && !part.accumulations.empty()) {
    run(part.chunks.count, elements,
        [](PartRun& of_thread, std::int64_t chunk) { of_thread.run_chunk_of_rows(chunk); });
    const std::int64_t columns = planned.row_length();
    run_ranges(columns, part.tile_columns, columns * part.chunks.count, finish);
  } else if (planned.is_resident) {
    run_ranges(rows, part.tile_rows, elements,
               [](PartRun& of_thread, std::int64_t first, std::int64_t count) {
                 of_thread.run_rows(first, count);
               });
  } else {
    const std::int64_t inner = planned.inner_count();
    const std::int64_t pieces =
        inner == 1 ? 1 : (inner + part.tile_elements - 1) / part.tile_elements;
    const std::int64_t width = pieces == 1 ? inner : part.tile_elements;
    run(planned.outer_count() * part.chunks.count * pieces, elements,
        [&](PartRun& of_thread, std::int64_t unit) {
          const std::int64_t first = unit % pieces * width;
          const std::int64_t chunk = unit / pieces % part.chunks.count;
          const std::int64_t outer = unit / pieces / part.chunks.count;
          of_thread.run_chunk(outer, chunk, first, std::min(first + width, inner));
        });
    run_ranges(rows, part.tile_rows, rows * part.chunks.count, finish);
  }
}

// A product over an inner extent of 0: the bias alone.
template <class T>
void fill_product(const plan::Contraction& c, const Shape& shape, const T* bias, T* into) {
  const std::int64_t columns = shape[shape.rank() - 1];
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    const T value = bias == nullptr ? T{} : T{} + bias[i % columns];
    into[i] = c.has_relu && value < 0 ? T{} : value;
  }
}

void run_contraction(const PreparedContraction& prepared, const Tape& tape,
                     const Addresses& addresses) {
  const plan::Contraction& c = *prepared.contraction;
  const Shape& shape = tape.shape(c.product);
  if (shape.size() == 0) return;
  if (Tally* tally = addresses.tally()) {
    for (const plan::View* view : {&c.a, &c.b}) tally->read(*view, 0, view->shape.size());
    if (c.bias) tally->read(*c.bias, 0, shape.size());
    tally->wrote(c.result, shape.size());
  }
  const auto bytes = static_cast<std::int64_t>(size_bytes(tape.dtype(c.product)));
  const auto at = [&](const plan::View& view) {
    return addresses[view.pieces[0].base] + view.pieces[0].offset * bytes;
  };
  const char* bias = c.bias ? at(*c.bias) : nullptr;
  char* into = addresses[c.result];
  if (!prepared.contractor) {
    visit(tape.dtype(c.product), [&]<class T>() {
      if constexpr (std::is_floating_point_v<T>) {
        fill_product(c, shape, reinterpret_cast<const T*>(bias), reinterpret_cast<T*>(into));
      }
    });
    return;
  }
  const char* a = addresses[c.a.pieces[0].base];
  const char* b = addresses[c.b.pieces[0].base];
  for (std::size_t i = 0; i < prepared.a_offsets.size(); ++i) {
    prepared.contractor->run(a + prepared.a_offsets[i] * bytes, b + prepared.b_offsets[i] * bytes,
                             bias,
                             into + static_cast<std::int64_t>(i) * prepared.result_step * bytes);
  }
}

void run_irregular(const plan::Irregular& irregular, const Tape& numbers,
                   const Addresses& addresses) {
  const Ref op = irregular.op;
  const auto operands = numbers.operands(op);
  std::vector<Array>& arrays = scratch().arrays;  // kept: a run takes nothing from the heap
  arrays.clear();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    arrays.push_back(
        {numbers.dtype(operands[i]), numbers.shape(operands[i]), addresses[irregular.operands[i]]});
  }
  if (Tally* tally = addresses.tally()) {
    for (const Ref operand : irregular.operands) tally->read(operand);
    tally->wrote(op, numbers.shape(op).size());
  }
  compute({numbers.op(op),
           arrays,
           numbers.attributes(op),
           {numbers.dtype(op), numbers.shape(op), addresses[op]},
           {},
           numbers.place(op)});
}

// The arena of a run.
class Arena {
 public:
  Arena(Memory& memory, std::int64_t bytes, Place place)
      : memory_(memory), bytes_(static_cast<std::size_t>(bytes)) {
    if (bytes_ > 0) data_ = memory_.allocate(bytes_, "a plan's arena", place);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    if (data_ != nullptr) memory_.deallocate(data_, bytes_);
  }
  void* data() const { return data_; }

 private:
  Memory& memory_;
  std::size_t bytes_;
  void* data_ = nullptr;
};

}  // namespace

void execute(const TileProgram& program, const Tape& numbers, std::span<const void* const> inputs,
             std::span<void* const> outputs, Memory& memory, Tally* tally, plan::Trace* trace) {
  const plan::Trace::Time begin = trace != nullptr ? plan::Trace::now() : plan::Trace::Time();
  const plan::Plan& plan = program.plan();
  const Arena arena(memory, plan.arena_bytes, {});
  const Addresses addresses(plan, inputs, outputs, arena.data(), tally);
  const auto run_stage = support::Overloads{
      [&](const std::vector<PreparedPart>& parts) {
        for (const PreparedPart& part : parts) run_part(part, numbers, addresses);
      },
      [&](const PreparedContraction& prepared) { run_contraction(prepared, numbers, addresses); },
      [&](const plan::Irregular* irregular) { run_irregular(*irregular, numbers, addresses); },
  };
  for (std::size_t i = 0; i < program.stages().size(); ++i) {
    const plan::Trace::Time stage_begin = trace != nullptr ? plan::Trace::now() : begin;
    std::visit(run_stage, program.stages()[i]);
    if (tally != nullptr) tally->end_stage();
    if (trace != nullptr) trace->stage(program, i, stage_begin, plan::Trace::now());
  }
  for (const plan::Copy& copy : plan.copies) {
    if (tally != nullptr) {
      tally->read(copy.value);
      tally->end_stage();
      tally->wrote(copy.value, plan.tape.shape(copy.value).size());
    }
    const auto bytes = static_cast<std::size_t>(plan.tape.bytes(copy.value));
    if (bytes > 0) std::memcpy(outputs[copy.output], addresses[copy.value], bytes);
  }
  if (trace != nullptr) trace->plan(program, begin, plan::Trace::now());
}

}  // namespace tendon::cpu
