// Stands in for libtendon_cuda.so where only the ways to a device are tested, not a device: values
// are computed on the CPU, but lie at addresses that the host cannot read, and whoever hands in an
// address of another device is told so.
#include <fmt/format.h>
#include <tendon/error.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/cpu/cpu_backend.h"
#include "host/cuda/entry.h"

namespace {

using tendon::Counters;
using tendon::Error;
using tendon::Place;
using tendon::Stream;
using tendon::Tape;
using tendon::plan::Outcome;
using tendon::plan::Plan;
using tendon::plan::Program;

class FakeDevice final : public tendon::plan::Backend {
 public:
  // Such addresses are no addresses of a processor's; each device has its own.
  explicit FakeDevice(int device)
      : mark_(std::uintptr_t{0x40U + static_cast<unsigned>(device)} << 56) {}

  void* allocate(std::size_t bytes, const char* op, Place place) override {
    void* memory = host_.allocate(bytes, op, place);
    std::memset(memory, 0xA5, bytes);  // what was not written is seen
    const std::scoped_lock lock(mutex_);
    const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(memory) | mark_;
    blocks_.emplace(address, bytes);
    counters_.bytes_allocated += static_cast<std::int64_t>(bytes);
    counters_.peak_bytes = std::max(counters_.peak_bytes, counters_.bytes_allocated);
    return reinterpret_cast<void*>(address);
  }
  void deallocate(void* memory, std::size_t bytes) noexcept override {
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    const std::scoped_lock lock(mutex_);
    if (blocks_.erase(address) == 0) std::abort();
    counters_.bytes_allocated -= static_cast<std::int64_t>(bytes);
    host_.deallocate(reinterpret_cast<void*>(address ^ mark_), bytes);
  }
  void empty_cache() override { host_.empty_cache(); }
  void set_allocator(tendon::Allocator) override {
    throw tendon::DeviceError("this device takes no allocator");
  }
  void copy_from_host(void* destination, const void* source, std::size_t bytes) override {
    host_.copy_from_host(on_host(destination, bytes), source, bytes);
  }
  void copy_to_host(void* destination, const void* source, std::size_t bytes) override {
    host_.copy_to_host(destination, on_host(source, bytes), bytes);
  }

  std::vector<std::uint64_t> needed_backward(const tendon::kernels::Adjacency& graph,
                                             std::uint32_t word_count,
                                             std::span<const tendon::kernels::SourceNode> sources,
                                             std::span<const std::uint32_t> targets) override {
    return host_.needed_backward(graph, word_count, sources, targets);
  }

  const tendon::plan::DeviceTraits& traits() const noexcept override { return host_.traits(); }
  std::unique_ptr<Program> prepare(Plan plan) override { return host_.prepare(std::move(plan)); }
  std::shared_ptr<const Outcome> execute(
      const Program& program, const Tape& numbers, std::span<const void* const> inputs,
      std::span<void* const> outputs, Stream stream,
      std::span<const std::shared_ptr<const Outcome>> before) override {
    std::vector<const void*> from;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      from.push_back(on_host(inputs[i], size_of(numbers, numbers.inputs()[i])));
    std::vector<void*> into;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      into.push_back(on_host(outputs[i], size_of(numbers, numbers.targets()[i])));
    std::shared_ptr<const Outcome> outcome =
        host_.execute(program, numbers, from, into, stream, before);
    const std::scoped_lock lock(mutex_);
    ++counters_.runs;
    counters_.launches += static_cast<std::int64_t>(program.plan().stages.size());
    counters_.ops += program.plan().op_count;
    return outcome;
  }
  void synchronize() override {}
  std::string elsewhere(const void*) const override { return {}; }

  void count_plan_built() noexcept override { count(&Counters::plans_built); }
  void count_plan_found() noexcept override { count(&Counters::plans_found); }
  void count_host_read() noexcept override { count(&Counters::host_reads); }
  Counters counters() const noexcept override {
    const std::scoped_lock lock(mutex_);
    return counters_;
  }

 private:
  static std::size_t size_of(const Tape& tape, tendon::Ref value) {
    return static_cast<std::size_t>(tape.bytes(value));
  }

  void count(std::int64_t Counters::*what) noexcept {
    const std::scoped_lock lock(mutex_);
    ++(counters_.*what);
  }

  template <class T>
  T* on_host(T* memory, std::size_t bytes) const {
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    const std::scoped_lock lock(mutex_);
    auto block = blocks_.upper_bound(address);
    if (block == blocks_.begin() || (--block, address + bytes > block->first + block->second)) {
      throw Error(fmt::format("{} bytes at {:#x} are not the device's", bytes, address));
    }
    return reinterpret_cast<T*>(address ^ mark_);
  }

  tendon::plan::Backend& host_ = tendon::cpu::backend();
  std::uintptr_t mark_;
  mutable std::mutex mutex_;
  std::map<std::uintptr_t, std::size_t> blocks_;  // address and size
  Counters counters_;
};

// A number that a test sets from outside.
int set(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

}  // namespace

int tendon_cuda_version() { return set("TENDON_FAKE_CUDA_VERSION", tendon::cuda::kCudaVersion); }

int tendon_cuda_device_count(tendon::cuda::Refusal& refusal) {
  refusal = {"the fake driver is too old", 35};
  return set("TENDON_FAKE_CUDA_DEVICES", 2);
}

tendon::plan::Backend* tendon_cuda_backend(int device, tendon::cuda::Refusal& refusal) {
  if (device == set("TENDON_FAKE_CUDA_BROKEN", -1)) {
    refusal.why = "the fake device is broken";
    return nullptr;
  }
  static const auto* devices = [] {  // never destroyed, as the header says
    auto* made = new std::vector<std::unique_ptr<FakeDevice>>;
    for (int i = 0; i < 8; ++i) made->push_back(std::make_unique<FakeDevice>(i));
    return made;
  }();
  return (*devices)[static_cast<std::size_t>(device)].get();
}
