// The log of what a thread has computed, without values: op, operands, place in the caller's
// source. Tapes of the thread, and the gradients they return, share it; explanations are made from
// it, also after the tape and the tensors are gone.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "host/support/pool.h"

namespace tendon::explain {

// Unique in the process: the thread's number in the upper bits, its count of events in the lower
// 40, so the ids of a thread ascend in the order of the program.
enum class NodeId : std::uint64_t {};
inline constexpr int kSequenceBits = 40;

constexpr std::uint64_t thread_of(NodeId id) {
  return static_cast<std::uint64_t>(id) >> kSequenceBits;
}

enum class Event : std::uint8_t {
  op,
  data,       // a tensor made from the caller's values
  read,       // a variable's value, while a tape recorded; the operand is the assign it came from
  assign,     // a variable's new value (its first as well)
  host_read,  // the operand's value went to the caller
};

// Of ids that an entry has for itself: so many. Others lie in the entry's chunk: 0.
struct FreeIds {
  std::uint32_t count = 0;
  void operator()(NodeId* ids) const noexcept {
    if (count > 0) support::pool_free(ids, count * sizeof(NodeId));
  }
};

// What an entry holds beside its operands: for read and assign the variable's cell; for data and
// host_read a hash of the values (0: not taken).
struct Entry {
  static constexpr int kInline = 3;

  Event event = Event::op;
  Op op = Op::input;
  DType dtype = DType::f32;
  std::uint32_t operand_count = 0;
  const char* called =
      nullptr;  // the function that the user called, where it made more than one op
  Place place;
  std::uint64_t note = 0;
  NodeId few[kInline] = {};
  std::unique_ptr<NodeId[], FreeIds> many;

  std::span<const NodeId> operands() const { return {many ? many.get() : few, operand_count}; }
};

inline constexpr std::uint64_t kChunkEntries = 1024;
inline constexpr std::uint64_t kChunkIds = 2048;

struct Chunk {
  explicit Chunk(std::uint64_t first_id) : first(first_id) {}
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() { std::destroy_n(entries, count); }

  std::uint64_t first;  // the id of its first entry
  // For the log alone: how much is in use of what follows.
  std::uint64_t count = 0;
  std::uint64_t id_count = 0;
  union {
    Entry entries[kChunkEntries];
  };
  NodeId ids[kChunkIds];  // of entries with many operands, while there is room
};

// A stretch of a thread's log: consecutive chunks, up to the entry before `end`. Entries in it
// never change, so it may be read on any thread.
struct Log {
  support::PoolVector<std::shared_ptr<const Chunk>> chunks;
  std::uint64_t end = 0;
};

class ThreadLog {
 public:
  ThreadLog();
  // The id of the new entry.
  NodeId append(Event event, Op op, DType dtype, std::span<const NodeId> operands, Place place,
                std::uint64_t note = 0, const char* called = nullptr);
  // What came from `begin` on, and a chunk from before, which tells of what came just before a
  // tape; as far as it is kept.
  Log since(std::uint64_t begin) const;
  // Entries from this one on are kept, and a chunk from before; older ones are left to the Logs
  // that hold them.
  void keep_from(std::uint64_t id) { keep_from_ = id; }
  std::uint64_t next() const { return next_; }  // the id that the next entry will have

 private:
  void new_chunk();
  std::uint64_t next_;
  std::uint64_t keep_from_ = 0;
  std::deque<std::shared_ptr<Chunk>, support::PoolAllocator<std::shared_ptr<Chunk>>> chunks_;
};

}  // namespace tendon::explain
