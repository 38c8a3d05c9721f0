// DeviceTraits: what the planner knows of a kind of device. Each back end has one constant of them.
// They are never read from the hardware: they decide how sums are cut into chunks, so the bits of a
// result would depend on the machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tendon::plan {

struct DeviceTraits {
  // Elements that a row may have to stay resident while it is reduced.
  std::int64_t resident_row_elements;
  // The same for a row of f64 whose elements are kept from one pass over it to the next.
  std::int64_t resident_row_elements_f64;

  // Bytes of a row of column results, which stays beside a resident row.
  std::int64_t column_row_bytes;
  // Column results that stay beside a resident row, at most.
  std::size_t column_reductions;

  // Elements that make a chunk of a reduction worth its cost.
  std::int64_t chunk_elements;
  // Chunks of a row or column, at most.
  std::int64_t max_chunks;
  // Chunks of all rows that lie apart together, at most.
  std::int64_t max_partials;
  // Rows that lie apart are cut at multiples of this, so that a chunk begins where a row does: in
  // front of whole vectors and whole cache lines.
  std::int64_t chunk_multiple;
  // Elements of each row in a chunk, at least, where rows lie side by side.
  std::int64_t min_lines;

  // Elements of the resident rows that make a chunk of a reduction of columns.
  std::int64_t row_chunk_elements;
  // Chunks of resident rows, at most.
  std::int64_t max_row_chunks;
  // Bytes that stay in a second-level cache.
  std::int64_t cache_bytes;
  // Where the rows are more than cache_bytes: bytes of column results that may be moved in any
  // case.
  std::int64_t cached_column_bytes;
  // Where the rows are more than cache_bytes: a chunk moves at least this many times the bytes of
  // its column results.
  std::int64_t column_traffic_ratio;

  // The cost of a value that is computed again rather than stored and loaded, in additions, at
  // most.
  int recompute_budget;
  // Instructions of a body, at most: a longer one gains nothing, and its values no longer stay
  // near.
  std::size_t max_body;

  bool operator==(const DeviceTraits&) const = default;
};

}  // namespace tendon::plan
