// The log of what a thread computes while a tape of it is alive, without values: op, operands,
// place in the caller's source. Tapes and the gradients they return share it; explanations are made
// from it, also after the tape and the tensors are gone.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "host/support/pool.h"

namespace tendon::explain {

// Unique in the process: the thread's number in the upper bits, its count of nodes in the lower
// 40. The ids of a thread ascend in the order of the program.
enum class NodeId : std::uint64_t {};
inline constexpr int kSequenceBits = 40;

constexpr std::uint64_t thread_of(NodeId id) {
  return static_cast<std::uint64_t>(id) >> kSequenceBits;
}

enum class Event : std::uint8_t {
  op,
  data,       // a tensor made from the caller's values
  read,       // a variable's value as a tensor; the operand is the assign it came from
  assign,     // a variable's new value (its first as well)
  host_read,  // the operand's value went to the caller
};

// The name under which a backward pass is recorded. Entries are compared with its address.
inline constexpr char kGradientCall[] = "gradient";

// Frees the ids that an entry has for itself. An entry whose ids lie in its chunk has a count of 0.
struct FreeIds {
  std::uint32_t count = 0;
  void operator()(NodeId* ids) const noexcept;
};

// What is said of an event, beside its operands. `note` holds the variable's cell for read and
// assign, and a hash of the values for data and host_read (0: not taken).
struct Facts {
  NodeId id{};
  Event event = Event::op;
  DType dtype = DType::f32;
  Op op = Op::input;
  const char* called = nullptr;  // the function that the user called, if it made more than one op
  Place place;
  std::uint64_t note = 0;
};

struct Entry : Facts {
  static constexpr int kInline = 3;

  std::uint32_t operand_count = 0;
  NodeId few[kInline] = {};
  std::unique_ptr<NodeId[], FreeIds> many;

  std::span<const NodeId> operands() const { return {many ? many.get() : few, operand_count}; }
  std::span<NodeId> operands() { return {many ? many.get() : few, operand_count}; }
  // Makes room for operands: in `room` if that is not null and they are many.
  void set_operand_count(std::size_t count, NodeId* room = nullptr);
};

inline constexpr std::uint64_t kChunkEntries = 1024;
inline constexpr std::uint64_t kChunkIds = 2048;

struct Chunk {
  explicit Chunk(std::uint64_t first_position);
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk();

  std::uint64_t first;  // the position of its first entry
  // Only the log reads these: how much of what follows is in use.
  std::uint64_t count = 0;
  std::uint64_t id_count = 0;
  union {
    Entry entries[kChunkEntries];
  };
  NodeId ids[kChunkIds];  // of entries with many operands, while there is room
};

// The entries of a thread at the positions from `begin` up to `end`. They never change, so any
// thread may read them.
struct Log {
  support::PoolVector<std::shared_ptr<const Chunk>> chunks;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t size() const { return end - begin; }
  const Entry& operator[](std::uint64_t index) const {
    const std::uint64_t at = begin + index - chunks.front()->first;
    return chunks[at / kChunkEntries]->entries[at % kChunkEntries];
  }
};

// Where a thread stands: the id that its next node will have, and the position of its next entry.
struct Moment {
  std::uint64_t id = 0;
  std::uint64_t position = 0;
};

class ThreadLog {
 public:
  ThreadLog();
  Moment now() const { return {next_id_, next_position_}; }
  std::uint64_t next() const { return next_id_; }
  NodeId new_id() { return NodeId{next_id_++}; }
  // Appends an entry, which the caller fills in.
  Entry& append(std::size_t operand_count);
  void append(const Facts& facts, std::span<const NodeId> operands);
  Log since(std::uint64_t position) const;
  // Frees the entries before the position, except where a Log holds them.
  void keep_from(std::uint64_t position);

 private:
  std::uint64_t next_id_;
  std::uint64_t next_position_ = 0;
  std::deque<std::shared_ptr<Chunk>, support::PoolAllocator<std::shared_ptr<Chunk>>> chunks_;
};

// Memory of the logs of all threads, and of the tapes and gradients that hold parts of them.
std::int64_t log_bytes();

}  // namespace tendon::explain
