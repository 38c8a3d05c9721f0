#include "host/support/pool.h"

#include <tendon/list.h>

#include <array>
#include <bit>
#include <new>
#include <utility>

namespace tendon::support {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

// Classes: multiples of 32 bytes up to 512, powers of two up to 1 MiB.
constexpr std::size_t kSmallStep = 32;
constexpr std::size_t kSmallMost = 512;
constexpr std::size_t kSmallClasses = kSmallMost / kSmallStep;
constexpr std::size_t kLargest = std::size_t{1} << 20;
constexpr std::size_t kClasses = kSmallClasses + 11;
constexpr std::size_t kKeptBytes = std::size_t{16}
                                   << 20;  // a class of a thread keeps no more than this

std::size_t class_of(std::size_t bytes) {
  if (bytes <= kSmallMost) return (bytes + kSmallStep - 1) / kSmallStep - (bytes == 0 ? 0 : 1);
  return kSmallClasses + static_cast<std::size_t>(std::bit_width((bytes - 1) / kSmallMost)) - 1;
}
std::size_t class_bytes(std::size_t index) {
  if (index < kSmallClasses) return (index + 1) * kSmallStep;
  return kSmallMost << (index - kSmallClasses + 1);
}

struct Block {
  Block* next;
};

struct Cache {
  std::array<Block*, kClasses> free{};
  std::array<std::size_t, kClasses> bytes{};
  ~Cache();
};
// The state outlives the cache's destructor, since objects may be freed later still at a thread's
// exit.
thread_local bool gone = false;
// Found without a call in every op: a pointer fits into what the loader keeps free for libraries
// that are opened late.
[[gnu::tls_model("initial-exec")]] thread_local Cache* alive = nullptr;

Cache::~Cache() {
  gone = true;
  alive = nullptr;
  for (Block* block : free) {
    while (block != nullptr) ::operator delete(std::exchange(block, block->next));
  }
}

Cache* new_cache() {
  if (gone) return nullptr;
  thread_local Cache instance;
  alive = &instance;
  return alive;
}

Cache* cache() { return alive != nullptr ? alive : new_cache(); }

}  // namespace

void* pool_allocate(std::size_t bytes) {
  if (!kPooled || bytes > kLargest) return ::operator new(bytes);
  const std::size_t index = class_of(bytes);
  if (Cache* kept = cache(); kept != nullptr && kept->free[index] != nullptr) {
    Block* block = kept->free[index];
    kept->free[index] = block->next;
    kept->bytes[index] -= class_bytes(index);
    return block;
  }
  return ::operator new(class_bytes(index));
}

void pool_free(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
  if (kPooled && bytes <= kLargest) {
    const std::size_t index = class_of(bytes);
    Cache* kept = cache();
    if (kept != nullptr && kept->bytes[index] < kKeptBytes) {
      kept->free[index] = new (block) Block{kept->free[index]};
      kept->bytes[index] += class_bytes(index);
      return;
    }
  }
  ::operator delete(block);
}

}  // namespace tendon::support

void* tendon::detail::take_memory(std::size_t bytes) { return support::pool_allocate(bytes); }
void tendon::detail::give_memory(void* block, std::size_t bytes) noexcept {
  support::pool_free(block, bytes);
}
