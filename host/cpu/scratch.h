// What a thread keeps for the runs to come: memory for its tiles, and what is the same in most
// runs.
#pragma once

#include <cstdint>
#include <new>
#include <unordered_map>
#include <vector>

#include "host/cpu/compute.h"
#include "host/cpu/tile_program.h"

namespace tendon::cpu {

// Memory that only grows.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { ::operator delete (data_, std::align_val_t{64}); }
  char* of(std::int64_t bytes) {
    if (bytes > capacity_) {
      ::operator delete (data_, std::align_val_t{64});
      data_ = nullptr;
      capacity_ = 0;
      data_ = static_cast<char*>(
          ::operator new (static_cast<std::size_t>(bytes), std::align_val_t{64}));
      capacity_ = bytes;
    }
    return data_;
  }

 private:
  char* data_ = nullptr;
  std::int64_t capacity_ = 0;
};

// What a thread keeps of a part.
struct Kept {
  Block uniforms;               // its uniform tiles, as they were filled last
  std::vector<double> numbers;  // of its number steps, in their order
  std::vector<char*> pointers;  // where its tiles lie
  char* scratch = nullptr;      // for which the pointers hold
};

// What a thread keeps from run to run.
class Scratch {
 public:
  std::vector<Array> arrays;  // of an irregular op's operands
  char* tiles(std::int64_t bytes) { return tiles_.of(bytes); }
  // Results of a part's chunks, for the threads that run it together. Lives to the next call.
  char* partials(std::int64_t bytes) { return partials_.of(bytes); }
  // The operands of a product in another layout.
  char* left(std::int64_t bytes) { return left_.of(bytes); }
  char* right(std::int64_t bytes) { return right_.of(bytes); }
  Kept& of(const PreparedPart& part) {
    const auto found = kept_.find(part.serial);
    if (found != kept_.end()) return found->second;
    if (kept_bytes_ > kMostKeptBytes) {
      kept_.clear();
      kept_bytes_ = 0;
    }
    kept_bytes_ +=
        part.uniform_bytes + static_cast<std::int64_t>(part.tiles.size() * sizeof(char*));
    return kept_[part.serial];
  }

 private:
  static constexpr std::int64_t kMostKeptBytes = 4 << 20;
  Block tiles_, partials_, left_, right_;
  std::unordered_map<std::uint64_t, Kept> kept_;
  std::int64_t kept_bytes_ = 0;
};

// Deleted at the thread's end. What computes later still, a static's destructor, gets a new one,
// which is not.
Scratch& scratch();

}  // namespace tendon::cpu
