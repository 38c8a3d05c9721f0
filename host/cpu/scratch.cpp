#include "host/cpu/scratch.h"

#include <utility>

namespace tendon::cpu {
namespace {

thread_local Scratch* instance = nullptr;
struct EndOfThread {
  EndOfThread() = default;
  EndOfThread(const EndOfThread&) = delete;
  EndOfThread& operator=(const EndOfThread&) = delete;
  ~EndOfThread() { delete std::exchange(instance, nullptr); }
};

}  // namespace

Scratch& scratch() {
  if (instance == nullptr) {
    thread_local EndOfThread end;
    static_cast<void>(end);
    instance = new Scratch;
  }
  return *instance;
}

}  // namespace tendon::cpu
