// How often the test program and the library take memory from the heap on this thread. What the
// CUDA runtime takes, the emulated one foremost, is not counted.
#pragma once

#include <cstdint>
#include <functional>

namespace tendon::cuda {

std::int64_t heap_allocations_of(const std::function<void()>& run);

}  // namespace tendon::cuda
