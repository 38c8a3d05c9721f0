// The memory of the emulated devices: allocations, and for every byte whether it was written and
// which work touched it last.
//
// A device's addresses lie in a range that the host cannot touch, as on a real device; what they
// hold lies in a view of the same size elsewhere. Pinned and managed host memory is its own view.
// Between two allocations is a gap, and addresses of freed memory are not given out again.
//
// Not thread-safe: the runtime holds one lock around all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "machine/report.h"
#include "machine/zeroed.h"

namespace emulator {

using Address = std::uint64_t;

// A piece of work on a stream: a launch, a copy, a fill, a call of a library. 0 is the host.
using WorkId = std::uint32_t;
inline constexpr WorkId kHost = 0;
inline constexpr WorkId kMostWork = (1u << 28) - 1;

enum class MemoryKind { device, pinned, managed, constant };  // constant: a module's .const

// Who touched the words of an allocation last, to tell unordered work from ordered. One record a
// 4-byte word: the work's number and, above it, the 4 bits of the bytes it touched.
struct Shadow {
  ZeroedVector<std::uint64_t> written;  // a bit a byte
  ZeroedVector<std::uint8_t> width;     // of the elements last stored: 1, 2, 4 or 8 bytes
  ZeroedVector<std::uint32_t> writer, reader;
  ZeroedVector<std::uint32_t> other_reader;  // that the last does not follow; empty where none was
};

struct Allocation {
  Address begin = 0;
  std::uint64_t bytes = 0;
  MemoryKind kind = MemoryKind::device;
  int device = 0;
  std::byte* view = nullptr;  // where the host side of the emulator reads and writes it
  std::string label;          // "cudaMalloc", or a variable's name
  bool is_owned = false;      // host memory that Memory mapped itself
  enum class Life { reserved, live, freed };  // reserved: for work that allocates it
  Life life = Life::live;
  WorkId by = 0;  // what allocates it, where it is reserved, or has freed it
  Shadow shadow;
  bool is_live() const { return life == Life::live; }
  Address end() const { return begin + bytes; }
};

// What a piece of work says when it touches memory that it may not.
struct AccessFault {
  Fault fault;
  Address address;  // of the first byte at fault
  std::uint64_t bytes;
  std::string detail;  // "4 bytes at 0x7f00 are read, 400 bytes into the 400 bytes of cudaMalloc"
};

// How an access is made.
struct Manner {
  std::uint32_t element_bytes = 0;  // of one element of a vector; 0: copies, which have none
  // Gives nullptr where anything is wrong, and leaves that to be found again by narrower accesses.
  bool only_if_sound = false;
};

// Bytes that an access touched for the first time in its work.
struct Touched {
  std::uint32_t first = 0;
};

class Memory {
 public:
  // `ordered(a, b)`: whether work `a` is sure to have ended before work `b` begins.
  using Ordered = std::function<bool(WorkId a, WorkId b)>;
  // `describe(work)`: "kernel scale on stream 2" for messages.
  using Describe = std::function<std::string(WorkId)>;

  Memory(int device_count, std::uint64_t device_bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void set_order(Ordered ordered, Describe describe);

  // Address 0 where the device has not that much left. Aligned to 512 bytes; filled with a pattern.
  // Zero bytes take one.
  Address allocate(int device, std::uint64_t bytes, MemoryKind kind, std::string label);
  // Puts existing host memory under the emulator's care (registered or pinned by other means).
  void adopt(void* host, std::uint64_t bytes, std::string label);
  // What was freed stays known, for messages. False where nothing live begins there.
  bool free(Address begin, WorkId by);
  // Stream-ordered allocation: reserved at the call, live from the work on.
  void set_life(Address begin, Allocation::Life life, WorkId by);
  void forget(Address begin);  // adopted memory

  // The allocation that holds the address, freed ones too; nullptr where none does.
  Allocation* find(Address address);
  // The live one.
  Allocation* live(Address address);
  // Whether an address lies where a device's addresses do, allocated or not.
  bool is_device_address(Address address) const;
  std::uint64_t used_bytes(int device) const;
  std::uint64_t total_bytes(int device) const;

  // The one gate for every access, of kernels and of copies. Checks bounds, life, that what is read
  // was written, and the order of work; records the access. Gives the view, or nullptr with *fault
  // set where the memory cannot be touched at all; faults that still leave memory to touch
  // (unwritten, unordered) are set too, with a view.
  std::byte* read(Address address, std::uint64_t bytes, WorkId work, AccessFault* fault,
                  Touched* touched = nullptr, Manner manner = {});
  std::byte* write(Address address, std::uint64_t bytes, WorkId work, AccessFault* fault,
                   Touched* touched = nullptr, Manner manner = {});

  // Off switches, for speed.
  bool checks_writes = true;  // reads of unwritten memory
  bool checks_order = true;   // unordered work

 private:
  struct Range;
  Allocation* nearest(Address address);
  std::string missed(Address address) const;
  std::byte* access(Address, std::uint64_t, WorkId, bool is_write, AccessFault*, Touched*, Manner);
  // False where it stopped at a fault, as `only_if_sound` asks for.
  bool record(Allocation&, std::uint64_t offset, std::uint64_t bytes, WorkId, bool is_write,
              AccessFault*, Touched*, bool only_if_sound);
  // The last question of ordered_ about one of a word's three, and its answer.
  struct Answer {
    WorkId before = 0, work = 0;
    bool is_ordered = true;
  };
  bool is_ordered(WorkId before, WorkId work, Answer& last);
  std::vector<Range> ranges_;                                   // a device each
  std::map<Address, std::unique_ptr<Allocation>> allocations_;  // by begin, freed ones too
  Allocation* last_ = nullptr;
  Ordered ordered_;
  Describe describe_;
  Answer of_writer_, of_reader_, of_other_reader_;
};

}  // namespace emulator
