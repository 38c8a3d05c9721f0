#include "host/cuda/index_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/support/text.h"

namespace tendon::cuda {
namespace {

// A caller who never waits waits once there are so many: what is known of them takes memory.
constexpr std::size_t kMostUnderWay = 1024;

class RunOutcome final : public plan::Outcome {
 public:
  explicit RunOutcome(std::vector<std::shared_ptr<IndexCheck>> checks)
      : checks_(std::move(checks)) {}
  void check() const override {
    for (const std::shared_ptr<IndexCheck>& check : checks_) check->check();
  }
  const std::vector<std::shared_ptr<IndexCheck>>& checks() const { return checks_; }

 private:
  std::vector<std::shared_ptr<IndexCheck>> checks_;
};

}  // namespace

IndexRecord::IndexRecord(std::size_t of_count) : count(of_count) {
  void* memory = nullptr;
  TENDON_CUDA_CHECK(cudaHostAlloc(&memory, count * sizeof(IndexFault), cudaHostAllocMapped));
  faults.reset(static_cast<IndexFault*>(memory));
  std::fill_n(faults.get(), count, IndexFault());
  TENDON_CUDA_CHECK(cudaEventCreateWithFlags(ended.put(), cudaEventDisableTiming));
}

IndexCheck::IndexCheck(IndexRecord record, std::span<const IndexedOp> ops, const Tape& numbers)
    : record_(std::move(record)) {
  for (const IndexedOp& op : ops)
    ops_.push_back({name(numbers.op(op.value)), numbers.place(op.value), op.extent});
}

void IndexCheck::record_end(cudaStream_t stream) const {
  const cudaError_t status = cudaEventRecord(record_.ended.get(), stream);
  if (status == cudaSuccess) return;
  // Nothing else tells when the run no longer writes to the record.
  forget(cudaStreamSynchronize(stream));
  fail(status, "cudaEventRecord", "a run that checks indices");
}

void IndexCheck::wait() const { TENDON_CUDA_CHECK(cudaEventSynchronize(record_.ended.get())); }

IndexCheck::State IndexCheck::look() {
  const std::scoped_lock lock(mutex_);
  if (state_ != State::under_way) return state_;
  const cudaError_t status = cudaEventQuery(record_.ended.get());
  if (status == cudaErrorNotReady) {
    forget(status);
    return state_;
  }
  tendon::cuda::check(status, "cudaEventQuery");
  state_ = State::passed;
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    IndexFault& fault = record_.faults.get()[i];
    if ((fault.low & fault.high) == ~std::uint64_t{0}) continue;
    if (state_ == State::passed) {
      const auto index = static_cast<std::int64_t>(fault.high << 32 | (fault.low & 0xffff'ffffu));
      message_ = fmt::format("{}{}: index {} at position {} is out of range for an extent of {}",
                             ops_[i].name, support::at(ops_[i].place), index, fault.low >> 32,
                             ops_[i].extent);
    }
    state_ = State::failed;
    fault = IndexFault();
  }
  return state_;
}

void IndexCheck::check() {
  if (look() != State::failed) return;
  const std::scoped_lock lock(mutex_);
  has_thrown_ = true;
  throw ShapeError(message_);
}

bool IndexCheck::has_thrown() const {
  const std::scoped_lock lock(mutex_);
  return has_thrown_;
}

std::optional<IndexRecord> IndexCheck::take_record() {
  const std::scoped_lock lock(mutex_);
  if (state_ == State::under_way || !record_.faults) return std::nullopt;
  return std::move(record_);
}

std::shared_ptr<IndexCheck> IndexChecks::begin(std::span<const IndexedOp> ops,
                                               const Tape& numbers) {
  const std::scoped_lock lock(mutex_);
  look();
  if (under_way_.size() >= kMostUnderWay) {
    under_way_.front()->wait();
    look();
  }
  const auto spare = std::ranges::find_if(
      spare_, [&](const IndexRecord& record) { return record.count >= ops.size(); });
  IndexRecord record;
  if (spare == spare_.end()) {
    record = IndexRecord(ops.size());
  } else {
    record = std::move(*spare);
    spare_.erase(spare);
  }
  return std::make_shared<IndexCheck>(std::move(record), ops, numbers);
}

void IndexChecks::launched(std::shared_ptr<IndexCheck> check, cudaStream_t stream) {
  check->record_end(stream);
  const std::scoped_lock lock(mutex_);
  under_way_.push_back(std::move(check));
}

void IndexChecks::look() {
  std::erase_if(under_way_, [&](const std::shared_ptr<IndexCheck>& check) {
    const IndexCheck::State state = check->look();
    if (state == IndexCheck::State::under_way) return false;
    if (std::optional<IndexRecord> record = check->take_record())
      spare_.push_back(std::move(*record));
    if (state == IndexCheck::State::failed && !untold_) untold_ = check;
    return true;
  });
  if (untold_ && untold_->has_thrown()) untold_.reset();
}

std::shared_ptr<const plan::Outcome> IndexChecks::outcome(
    std::shared_ptr<IndexCheck> own, std::span<const std::shared_ptr<const plan::Outcome>> before) {
  std::vector<std::shared_ptr<IndexCheck>> checks;
  for (const std::shared_ptr<const plan::Outcome>& earlier : before) {
    for (const auto& check : static_cast<const RunOutcome&>(*earlier).checks()) {
      if (check->look() != IndexCheck::State::passed &&
          std::ranges::find(checks, check) == checks.end())
        checks.push_back(check);
    }
  }
  if (own) checks.push_back(std::move(own));
  if (checks.empty()) return nullptr;
  return std::make_shared<RunOutcome>(std::move(checks));
}

void IndexChecks::check_all() {
  std::shared_ptr<IndexCheck> failed;
  {
    const std::scoped_lock lock(mutex_);
    look();
    failed = std::move(untold_);
    untold_ = nullptr;
  }
  if (failed) failed->check();
}

}  // namespace tendon::cuda
