// Random numbers that are the same for a seed on every machine (splitmix64; Steele, Lea and Flood,
// "Fast splittable pseudorandom number generators", 2014).
#pragma once

#include <cstdint>

namespace emulator {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // From 0 to count - 1. The bias is below 2^-32 for the counts of work there are.
  std::uint64_t below(std::uint64_t count) { return next() % count; }

 private:
  std::uint64_t state_;
};

}  // namespace emulator
