#include "host/explain/log.h"

#include <algorithm>
#include <atomic>

namespace tendon::explain {

ThreadLog::ThreadLog() {
  static std::atomic<std::uint64_t> threads = 0;
  next_ = (threads.fetch_add(1) << kSequenceBits) + 1;  // no id is 0
}

void ThreadLog::new_chunk() {
  while (chunks_.size() > 1 && chunks_[1]->first + kChunkEntries <= keep_from_) chunks_.pop_front();
  chunks_.push_back(std::allocate_shared<Chunk>(support::PoolAllocator<Chunk>()));
  chunks_.back()->first = next_;
}

Log ThreadLog::since(std::uint64_t begin) const {
  Log log;
  log.end = next_;
  for (const std::shared_ptr<Chunk>& chunk : chunks_) {
    if (chunk->first + 2 * kChunkEntries > begin) log.chunks.push_back(chunk);
  }
  return log;
}

NodeId ThreadLog::append(Event event, Op op, DType dtype, std::span<const NodeId> operands,
                         Place place, std::uint64_t note, const char* called) {
  if (chunks_.empty() || next_ - chunks_.back()->first == kChunkEntries) new_chunk();
  Entry& entry = chunks_.back()->entries[next_ - chunks_.back()->first];
  entry.event = event;
  entry.op = op;
  entry.dtype = dtype;
  entry.operand_count = static_cast<std::uint32_t>(operands.size());
  entry.called = called;
  entry.place = place;
  entry.note = note;
  NodeId* into = entry.few;
  if (operands.size() > Entry::kInline) {
    into = static_cast<NodeId*>(support::pool_allocate(operands.size_bytes()));
    entry.many = {into, FreeIds{entry.operand_count}};
  }
  std::ranges::copy(operands, into);
  return NodeId{next_++};
}

}  // namespace tendon::explain
