// Indices out of range, which a kernel of gather or scatter_add meets when nobody waits for it. A
// run of such ops has a record, which its kernels lower to the first bad position
// (kernels/jit/index.cuh). It lies in memory of the host, so that a run that meets none copies
// nothing and waits for nothing; whoever has waited for the run looks.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/cuda/runtime.h"
#include "host/plan/backend.h"

namespace tendon::cuda {

// An op that takes indices, and the extent of the axis that they are of.
struct IndexedOp {
  Ref value;
  std::int64_t extent = 0;
};

// As in kernels/jit/index.cuh.
struct IndexFault {
  std::uint64_t low = ~std::uint64_t{0};
  std::uint64_t high = ~std::uint64_t{0};
};

// Memory that kernels and the host see, and the event behind the run whose it is.
struct IndexRecord {
  IndexRecord() = default;
  explicit IndexRecord(std::size_t count);

  std::unique_ptr<IndexFault, cudaError_t (*)(void*)> faults{nullptr, cudaFreeHost};
  std::size_t count = 0;
  EventHandle ended;
};

// What one run meets. From any number of threads at once.
class IndexCheck {
 public:
  // `numbers`: the tape of the run, which knows the places of its ops.
  IndexCheck(IndexRecord record, std::span<const IndexedOp> ops, const Tape& numbers);

  IndexFault* faults() const { return record_.faults.get(); }  // one an op, until the run has ended
  void record_end(cudaStream_t stream) const;
  void wait() const;

  enum class State : std::uint8_t { under_way, passed, failed };
  State look();
  // Throws ShapeError, as the CPU does, where the run is known to have failed.
  void check();
  bool has_thrown() const;
  // After the run has ended: for another run.
  std::optional<IndexRecord> take_record();

 private:
  struct Op {
    const char* name;
    Place place;
    std::int64_t extent;
  };
  mutable std::mutex mutex_;
  IndexRecord record_;
  std::vector<Op> ops_;
  State state_ = State::under_way;
  bool has_thrown_ = false;
  std::string message_;
};

// The checks of a device's runs.
class IndexChecks {
 public:
  // For a run that is about to be launched.
  std::shared_ptr<IndexCheck> begin(std::span<const IndexedOp> ops, const Tape& numbers);
  void launched(std::shared_ptr<IndexCheck> check, cudaStream_t stream);
  // The outcome of a run that reads what runs of `before` have computed; `own`: its check, or null.
  static std::shared_ptr<const plan::Outcome> outcome(
      std::shared_ptr<IndexCheck> own,
      std::span<const std::shared_ptr<const plan::Outcome>> before);
  // Throws what the first run met that failed and of which nobody was told. After a wait.
  void check_all();

 private:
  // Forgets what has ended. Requires the mutex.
  void look();

  std::mutex mutex_;
  std::deque<std::shared_ptr<IndexCheck>> under_way_;  // in the order of their launch
  std::shared_ptr<IndexCheck> untold_;                 // the first that failed
  std::vector<IndexRecord> spare_;
};

}  // namespace tendon::cuda
