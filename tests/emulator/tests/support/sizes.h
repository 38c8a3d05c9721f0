// The sizes that algorithms over arrays are tried with.
#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace emulator_test {

// Nothing, one, around warps, blocks and the tiles of CUB's algorithms, and a few at random up to
// `most`, which is the last.
inline std::vector<std::size_t> array_sizes(std::mt19937_64& random, std::size_t most) {
  std::vector<std::size_t> sizes{0, 1, 2, 31, 32, 33, 255, 256, 257, 1023, 1025, 4095, 4096, 4097};
  std::uniform_int_distribution<std::size_t> any(4098, most);
  for (int i = 0; i < 2; ++i) sizes.push_back(any(random));
  sizes.push_back(most);
  return sizes;
}

}  // namespace emulator_test
