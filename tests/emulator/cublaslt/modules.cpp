#include "cublaslt/modules.h"

#include <mutex>
#include <set>
#include <tuple>

namespace emulator::cublaslt {

void load_kernels(int device, const Problem& problem, const Algorithm& algorithm) {
  const Operation& operation = problem.operation;
  const auto kind =
      std::tuple(device, algorithm.id, algorithm.compute_type, algorithm.a_type, algorithm.d_type,
                 operation.transpose_a, operation.transpose_b, operation.epilogue);
  static std::mutex mutex;
  static std::set<std::remove_const_t<decltype(kind)>> loaded;
  const std::scoped_lock lock(mutex);
  if (loaded.contains(kind)) return;
  if (const int error = emulatorLoadModule(); error != cudaSuccess)
    throw refusal(CUBLAS_STATUS_INTERNAL_ERROR, "loading the kernels gave error ", error);
  loaded.insert(kind);
}

}  // namespace emulator::cublaslt
