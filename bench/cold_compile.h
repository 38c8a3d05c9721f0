// What it takes to compile kernels of many heavy ops, with nothing in the cache.
#pragma once

namespace tendon::bench {

// Its name as a row.
inline constexpr const char* kColdCompile = "cold compile";

// Prints a line a body: seconds of a processor for each kernel, and the bytes of the largest.
void print_cold_compiles();

}  // namespace tendon::bench
