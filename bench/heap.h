// How often the program and the library have taken memory from the heap: operator new of
// tendon-bench counts.
#pragma once

#include <cstdint>

namespace tendon::bench {

std::int64_t heap_allocations();

}  // namespace tendon::bench
