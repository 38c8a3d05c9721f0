// The one way in which the CPU back end uses more than one core.
#pragma once

#include <cstdint>

namespace tendon::cpu {

// How many threads a run may use: TENDON_THREADS, or the cores that there are.
int thread_count();

// Calls body(context, begin, end) for ranges that together make [0, count), on up to
// thread_count() threads, the caller's among them; each gets at least `least`, and returns when all
// have. From several threads at once. What body throws, the first of it, is thrown on.
void parallel_for(std::int64_t count, std::int64_t least,
                  void (*body)(const void* context, std::int64_t begin, std::int64_t end),
                  const void* context);

template <class Body>
void parallel_for(std::int64_t count, std::int64_t least, const Body& body) {
  parallel_for(
      count, least,
      [](const void* context, std::int64_t begin, std::int64_t end) {
        (*static_cast<const Body*>(context))(begin, end);
      },
      &body);
}

}  // namespace tendon::cpu
