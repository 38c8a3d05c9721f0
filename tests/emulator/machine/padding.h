// Tells the padding of structs from bytes that a program forgot to write.
//
// A kernel writes a struct member by member and leaves the padding unwritten; a copy, or a load of
// whole words, then reads it. The types are not known, but the widths of the stores are: a compiler
// pads only up to the alignment of a wider member. Unwritten bytes are padding where
//   - a written byte lies before them,
//   - they end at a multiple of the width of the store behind them, or of the widest store in the
//     64 bytes before them, whichever is wider,
//   - they are fewer than that width, and not all that the access reads, but for a vector of single
//     bytes, as which nvcc copies the padding at a struct's end.
// A width is that of one element, at most 8 bytes: a float4 counts as four stores of 4. So a
// forgotten element between others of its type is always found, and one that is narrower than what
// follows it may not be.
#pragma once

#include <cstdint>

#include "machine/memory.h"

namespace emulator {

// The first byte of [begin, end) of an allocation that nothing has written and that is no padding,
// as an offset; `end` where there is none. `is_of_bytes`: the access is a vector of single bytes.
std::uint64_t first_unwritten(const Allocation& allocation, std::uint64_t begin, std::uint64_t end,
                              bool is_of_bytes);

}  // namespace emulator
