#include "runtime/blocks.h"

#include <iterator>

namespace emulator {

Block* Blocks::at(Address begin) {
  auto found = blocks_.find(begin);
  return found == blocks_.end() ? nullptr : &found->second;
}

Block* Blocks::holding(Address address) {
  auto after = blocks_.upper_bound(address);
  if (after == blocks_.begin()) return nullptr;
  Block& block = std::prev(after)->second;
  return address - block.begin < block.bytes ? &block : nullptr;
}

}  // namespace emulator
