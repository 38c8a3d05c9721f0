#include "host/explain/log.h"

#include <algorithm>
#include <atomic>

namespace tendon::explain {

Chunk::~Chunk() {
  std::shared_ptr<Chunk> rest = std::move(next);
  while (rest && rest.use_count() == 1) {
    std::shared_ptr<Chunk> after = std::move(rest->next);
    rest = std::move(after);
  }
}

ThreadLog::ThreadLog() {
  static std::atomic<std::uint64_t> threads = 0;
  next_ = (threads.fetch_add(1) << kSequenceBits) + 1;  // no id is 0
}

void ThreadLog::new_chunk() {
  auto chunk = std::allocate_shared<Chunk>(support::PoolAllocator<Chunk>());
  chunk->first = next_;
  if (current_) current_->next = chunk;
  previous_ = std::move(current_);
  current_ = std::move(chunk);
}

NodeId ThreadLog::append(Event event, Op op, DType dtype, std::span<const NodeId> operands,
                         Place place, std::uint64_t note, const char* called) {
  if (!current_ || next_ - current_->first == kChunkEntries) new_chunk();
  Entry& entry = current_->entries[next_ - current_->first];
  entry.event = event;
  entry.op = op;
  entry.dtype = dtype;
  entry.operand_count = static_cast<std::uint32_t>(operands.size());
  entry.called = called;
  entry.place = place;
  entry.note = note;
  NodeId* into = entry.few;
  if (operands.size() > Entry::kInline) {
    entry.many = std::make_unique<NodeId[]>(operands.size());
    into = entry.many.get();
  }
  std::ranges::copy(operands, into);
  return NodeId{next_++};
}

}  // namespace tendon::explain
