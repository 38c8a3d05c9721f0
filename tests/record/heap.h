// How often the test program and the library take memory from the heap on this thread. What the
// CUDA runtime takes, the emulated one foremost, a fake device and oneDNN's products are not
// counted. With a sanitizer, which has a heap of its own, nothing is: none.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace tendon::test {

std::optional<std::int64_t> heap_allocations_of(const std::function<void()>& run);

}  // namespace tendon::test
