#include "host/cpu/parallel.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "host/support/text.h"

namespace tendon::cpu {
namespace {

constexpr int kMostThreads = 4096;

int threads_asked_for() {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const char* given = std::getenv("TENDON_THREADS");
  if (given == nullptr || *given == 0) return cores;
  int asked = 0;
  const char* const end = given + std::strlen(given);
  const auto [parsed, error] = std::from_chars(given, end, asked);
  if (error == std::errc{} && parsed == end && asked >= 1 && asked <= kMostThreads) return asked;
  fmt::print(
      stderr,
      "tendon: TENDON_THREADS is '{}'; it must be a number from 1 to {}. Taking all {} cores.\n",
      given, kMostThreads, cores);
  return cores;
}

}  // namespace

int thread_count() {
  static const int count = threads_asked_for();
  return count;
}

void parallel_for(std::int64_t count, std::int64_t least,
                  void (*body)(const void* context, std::int64_t begin, std::int64_t end),
                  const void* context) {
  const std::int64_t most = least <= 0 ? count : count / least;
  const auto threads = static_cast<int>(std::min<std::int64_t>(thread_count(), most));
  if (threads <= 1) {
    if (count > 0) body(context, 0, count);
    return;
  }
  std::exception_ptr thrown;
  std::mutex mutex;
  const auto part = [&](int thread) {
    try {
      body(context, count * thread / threads, count * (thread + 1) / threads);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!thrown) thrown = std::current_exception();
    }
  };
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; ++thread) part(thread);
#else
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(part, thread);
  part(0);
  others.clear();  // waits
#endif
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tendon::cpu
