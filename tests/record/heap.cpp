#include "tests/record/heap.h"

#include <dlfcn.h>
#include <execinfo.h>

#include <cstdlib>
#include <new>
#include <string_view>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

std::optional<std::int64_t> tendon::test::heap_allocations_of(const std::function<void()>& run) {
  run();
  return std::nullopt;
}

#else

namespace {

thread_local bool is_counting = false;
thread_local std::int64_t allocations = 0;

bool is_called_by_another_library() {
  void* callers[64];
  const int count = backtrace(callers, 64);
  for (int i = 0; i < count; ++i) {
    Dl_info at{};
    if (dladdr(callers[i], &at) == 0 || at.dli_fname == nullptr) continue;
    const std::string_view file = at.dli_fname;
    for (const char* name : {"libcuda", "libcublasLt", "libdnnl", "fake_cuda"}) {
      if (file.find(name) != std::string_view::npos) return true;
    }
  }
  return false;
}

}  // namespace

void* operator new(std::size_t bytes) {
  if (is_counting) {
    is_counting = false;  // backtrace may allocate
    if (!is_called_by_another_library()) ++allocations;
    is_counting = true;
  }
  if (void* block = std::malloc(bytes)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace tendon::test {

std::optional<std::int64_t> heap_allocations_of(const std::function<void()>& run) {
  allocations = 0;
  is_counting = true;
  run();
  is_counting = false;
  return allocations;
}

}  // namespace tendon::test

#endif
