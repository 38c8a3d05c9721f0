#include "host/cpu/cpu_backend.h"

#include <tendon/error.h>

#include <atomic>
#include <cstring>

#include "host/cpu/device_traits.h"
#include "host/cpu/memory.h"
#include "host/cpu/reachability.h"
#include "host/cpu/tile_executor.h"

namespace tendon::cpu {
namespace {

class CpuBackend final : public plan::Backend {
 public:
  void* allocate(std::size_t bytes, const char* op, Place place) override {
    return memory_.allocate(bytes, op, place);
  }
  void deallocate(void* memory, std::size_t bytes) noexcept override {
    memory_.deallocate(memory, bytes);
  }
  void empty_cache() override { memory_.free_kept(); }
  void set_allocator(Allocator) override {
    throw DeviceError("the CPU's memory comes from the heap");
  }
  void copy_from_host(void* destination, const void* source, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(destination, source, bytes);
  }
  void copy_to_host(void* destination, const void* source, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(destination, source, bytes);
  }
  std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                             std::uint32_t word_count,
                                             std::span<const kernels::SourceNode> sources,
                                             std::span<const std::uint32_t> targets) override {
    return cpu::needed_backward(graph, word_count, sources, targets);
  }
  const plan::DeviceTraits& traits() const noexcept override { return kTraits; }
  std::unique_ptr<plan::Program> prepare(plan::Plan plan) override {
    return std::make_unique<TileProgram>(std::move(plan));
  }
  std::shared_ptr<const plan::Outcome> execute(
      const plan::Program& program, const Tape& numbers, std::span<const void* const> inputs,
      std::span<void* const> outputs, Stream,
      std::span<const std::shared_ptr<const plan::Outcome>>) override {
    cpu::execute(static_cast<const TileProgram&>(program), numbers, inputs, outputs, memory_,
                 nullptr, trace_);
    runs_.fetch_add(1, std::memory_order_relaxed);
    launches_.fetch_add(static_cast<std::int64_t>(program.plan().stages.size()),
                        std::memory_order_relaxed);
    ops_.fetch_add(program.plan().op_count, std::memory_order_relaxed);
    return nullptr;
  }
  void synchronize() override {}
  std::string elsewhere(const void*) const override { return {}; }
  void count_plan_built() noexcept override {
    plans_built_.fetch_add(1, std::memory_order_relaxed);
  }
  void count_plan_found() noexcept override {
    plans_found_.fetch_add(1, std::memory_order_relaxed);
  }
  void count_host_read() noexcept override { host_reads_.fetch_add(1, std::memory_order_relaxed); }
  Counters counters() const noexcept override {
    Counters counters;
    counters.runs = runs_.load(std::memory_order_relaxed);
    counters.ops = ops_.load(std::memory_order_relaxed);
    counters.launches = launches_.load(std::memory_order_relaxed);
    counters.plans_built = plans_built_.load(std::memory_order_relaxed);
    counters.plans_found = plans_found_.load(std::memory_order_relaxed);
    counters.host_reads = host_reads_.load(std::memory_order_relaxed);
    counters.bytes_allocated = memory_.in_use_bytes();
    counters.bytes_kept = memory_.kept_bytes();
    counters.peak_bytes = memory_.peak_bytes();
    return counters;
  }

 private:
  Memory memory_;
  plan::Trace* trace_ = plan::Trace::from_environment();
  std::atomic<std::int64_t> runs_ = 0;
  std::atomic<std::int64_t> ops_ = 0;
  std::atomic<std::int64_t> launches_ = 0;
  std::atomic<std::int64_t> plans_built_ = 0;
  std::atomic<std::int64_t> plans_found_ = 0;
  std::atomic<std::int64_t> host_reads_ = 0;
};

}  // namespace

plan::Backend& backend() {
  static auto* instance = new CpuBackend;  // never destroyed: values may outlive every static
  return *instance;
}

}  // namespace tendon::cpu
