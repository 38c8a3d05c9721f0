// What the loops written by hand share: glibc's vector functions, which GCC calls where a function
// is declared simd, and the division of a loop among threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#ifdef __x86_64__
extern "C" {
#pragma omp declare simd notinbranch
double exp(double) noexcept;
#pragma omp declare simd notinbranch
float expf(float) noexcept;
#pragma omp declare simd notinbranch
double log(double) noexcept;
#pragma omp declare simd notinbranch
float logf(float) noexcept;
#pragma omp declare simd notinbranch
double erf(double) noexcept;
#pragma omp declare simd notinbranch
float erff(float) noexcept;
}
#endif

namespace tendon::bench::by_hand::TENDON_BY_HAND {

inline double vector_exp(double x) { return ::exp(x); }
inline float vector_exp(float x) { return ::expf(x); }
inline double vector_log(double x) { return ::log(x); }
inline float vector_log(float x) { return ::logf(x); }
inline double vector_erf(double x) { return ::erf(x); }
inline float vector_erf(float x) { return ::erff(x); }

// Not inlined: GCC takes a loop that it sees run once for cold, and leaves it scalar.
template <class Body>
[[gnu::noinline]] void run_chunk(const Body& body, std::int64_t begin, std::int64_t end) {
  body(begin, end);
}

// Calls body(begin, end) for chunks of [0, size), on several threads where that pays.
template <class Body>
void over_chunks(std::int64_t size, const Body& body) {
  constexpr std::int64_t kChunk = 1024;
  if (size < 4 * kChunk) return run_chunk(body, 0, size);
  const std::int64_t chunks = (size + kChunk - 1) / kChunk;
#pragma omp parallel for schedule(static)
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    run_chunk(body, chunk * kChunk, std::min(size, (chunk + 1) * kChunk));
  }
}

}  // namespace tendon::bench::by_hand::TENDON_BY_HAND
