// What the program allocated, and by which call: the runtime's own list.
//
// Memory knows which bytes work may touch; memory that is allocated in stream order is the
// program's before that, from the call on, and until the call that frees it.
#pragma once

#include <cstdint>
#include <map>

#include "machine/memory.h"
#include "runtime/pool.h"

namespace emulator {

struct Block {
  enum class Kind { device, pooled, pinned, managed, registered };
  Address begin = 0;
  std::uint64_t bytes = 0;
  Kind kind = Kind::device;
  int device = 0;
  unsigned flags = 0;             // of cudaHostAlloc, cudaHostRegister or cudaMallocManaged
  Pool* pool = nullptr;           // null where the pool is destroyed
  bool is_of_graph = false;       // of an allocation node: its address serves every launch
  bool is_taken = false;          // by a launch of that graph, and not freed since
  WorkId freed_early_by = kHost;  // cudaFreeAsync, which ran before the allocation did
  bool is_free_enqueued = false;  // cudaFreeAsync was called
  bool is_host() const { return kind == Kind::pinned || kind == Kind::registered; }
};

class Blocks {
 public:
  void add(const Block& block) { blocks_[block.begin] = block; }
  void remove(Address begin) { blocks_.erase(begin); }
  // The one that begins there; null where none does.
  Block* at(Address begin);
  // The one that holds the address.
  Block* holding(Address address);

  template <class Visit>
  void for_each(Visit visit) {
    for (auto& [begin, block] : blocks_) visit(block);
  }

 private:
  std::map<Address, Block> blocks_;
};

}  // namespace emulator
