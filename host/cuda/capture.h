// Captures what a library enqueues into a graph. A capture is lost where another thread waits for
// the whole device meanwhile, which nobody can keep callers from; then it is made again.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "host/cuda/runtime.h"

namespace tendon::cuda {

// The capture was lost to another thread's call. What it has put into the graph is still there.
class CaptureLost : public DeviceError {
 public:
  explicit CaptureLost(const std::string& what);
};

// Adds what `enqueue` puts on the stream to the graph, after those nodes, and returns the last
// nodes of it. The capture is relaxed: a library that loads a module or allocates inside of it does
// no harm, and neither does another thread that allocates. `what` is for errors. Throws
// CaptureLost, and what `enqueue` throws.
std::vector<cudaGraphNode_t> capture(cudaGraph_t graph, std::span<const cudaGraphNode_t> after,
                                     const std::string& what,
                                     const std::function<void(cudaStream_t)>& enqueue);

// Of a thread that waits for the device over and over, some call falls between two captures.
inline constexpr int kMostCaptures = 16;

// Runs the action, which captures into a graph that it makes; once more wherever a capture was
// lost, and at most kMostCaptures times.
template <class Action>
void with_captures_again(const Action& action) {
  for (int count = 1;; ++count) {
    try {
      return action();
    } catch (const CaptureLost& lost) {
      if (count < kMostCaptures) continue;
      throw DeviceError(fmt::format("{}; it was tried {} times", lost.what(), count), lost.code());
    }
  }
}

}  // namespace tendon::cuda
