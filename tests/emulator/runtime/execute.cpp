#include "runtime/execute.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/context.h"

namespace emulator {
namespace {

cudaError_t error_of(LaunchStatus status) {
  switch (status) {
    case LaunchStatus::done: return cudaSuccess;
    case LaunchStatus::illegal_address: return cudaErrorIllegalAddress;
    case LaunchStatus::misaligned_address: return cudaErrorMisalignedAddress;
    case LaunchStatus::illegal_instruction: return cudaErrorIllegalInstruction;
    case LaunchStatus::launch_failure: return cudaErrorLaunchFailure;
    case LaunchStatus::timeout: return cudaErrorLaunchTimeout;
    case LaunchStatus::assert_failed: return cudaErrorAssert;
  }
  return cudaErrorUnknown;
}

// What the running work did wrong. Where that left nothing to touch, the device fails.
void report_access(Context& context, const AccessFault& fault, bool is_usable) {
  Report report{};
  report.fault = fault.fault;
  report.text = std::string(name(fault.fault)) + ": " +
                context.order.describe(context.running->id) + "\n  " + fault.detail;
  reports().add(std::move(report));
  if (!is_usable) fail_device(context, context.running->device, cudaErrorIllegalAddress);
}

// Calls `visit(destination, source)` with the addresses of each row, until it gives false.
template <class Visit>
void for_each_row(Rows destination, Rows source, std::uint64_t row_bytes, std::uint64_t height,
                  std::uint64_t depth, const Visit& visit) {
  if (row_bytes == 0 || height == 0 || depth == 0) return;
  for (std::uint64_t slice = 0; slice < depth; ++slice) {
    for (std::uint64_t row = 0; row < height; ++row) {
      const auto at = [&](const Rows& rows) {
        return rows.begin + slice * rows.slice_pitch + row * rows.pitch;
      };
      if (!visit(at(destination), at(source))) return;
    }
  }
}

struct Execute {
  Context& context;
  const WorkPointer& work;

  void operator()(const Empty&) {}
  void operator()(const EventRecord&) {}  // the order of work is all there is to it
  void operator()(const EventWait&) {}
  void operator()(const Subgraph&) {}
  void operator()(const Conditional&) {}  // see graph_run.h

  void operator()(const KernelLaunch& launch) {
    const cudaError_t injected = context.fail_points.count(FailPoints::kKernel);
    if (injected != cudaSuccess) return fail_device(context, launch.device, injected);
    LaunchRecord record;
    record.kernel = name(*launch.kernel);
    record.grid = launch.grid;
    record.block = launch.block;
    record.shared_bytes =
        attributes(*launch.kernel).static_shared_bytes + launch.dynamic_shared_bytes;
    record.from_graph = work->from_graph;
    const DeviceCalls calls{.set_conditional = [&](std::uint64_t handle, std::uint32_t value) {
      context.conditions[handle] = value;
    }};
    const LaunchStatus status = execute({.kernel = launch.kernel,
                                         .grid = launch.grid,
                                         .block = launch.block,
                                         .dynamic_shared_bytes = launch.dynamic_shared_bytes,
                                         .parameters = launch.parameters,
                                         .work = work->id,
                                         .device = launch.device,
                                         .is_cooperative = launch.is_cooperative},
                                        context.memory, context.options, calls, record.counters);
    if (work->from_graph) ++context.calls.graph_kernels;
    context.total += record.counters;
    context.launches.push_back(std::move(record));
    if (status != LaunchStatus::done) fail_device(context, launch.device, error_of(status));
  }

  void operator()(const Copy& copy) {
    count(copy);
    if (!copy.staged.empty()) {
      const auto* from = copy.staged.data();
      for_each_row(copy.destination, {}, copy.width, copy.height, copy.depth,
                   [&](Address destination, Address) {
                     std::byte* to = touch(context, destination, copy.width, true);
                     if (to) std::memcpy(to, from, copy.width);
                     from += copy.width;
                     return to != nullptr;
                   });
      return;
    }
    const auto move = [&](std::uint64_t bytes) {
      return [&, bytes](Address destination, Address source) {
        const std::byte* from = touch(context, source, bytes, false);
        std::byte* to = from ? touch(context, destination, bytes, true) : nullptr;
        if (to) std::memmove(to, from, bytes);
        return to != nullptr;
      };
    };
    const bool is_dense =
        copy.span(copy.destination) == copy.bytes() && copy.span(copy.source) == copy.bytes();
    if (is_dense)
      for_each_row(copy.destination, copy.source, copy.bytes(), 1, 1, move(copy.bytes()));
    else
      for_each_row(copy.destination, copy.source, copy.width, copy.height, copy.depth,
                   move(copy.width));
  }

  void operator()(const Fill& fill) {
    ++context.calls.memsets;
    context.calls.memset_bytes += fill.bytes();
    for_each_row(fill.destination, {}, fill.row_bytes(), fill.height, fill.depth,
                 [&](Address destination, Address) {
                   std::byte* to = touch(context, destination, fill.row_bytes(), true);
                   if (!to) return false;
                   if (fill.element_bytes == 1) {
                     std::memset(to, static_cast<int>(fill.value), fill.width);
                     return true;
                   }
                   for (std::uint64_t i = 0; i < fill.width; ++i)
                     std::memcpy(to + i * fill.element_bytes, &fill.value, fill.element_bytes);
                   return true;
                 });
  }

  void operator()(const HostCall& call) {
    call_host([&] { call.function(call.data); });
  }

  void operator()(const StreamCallback& call) {
    const cudaError_t status = context.devices[static_cast<std::size_t>(work->device)].fault;
    call_host([&] { call.function(call.stream, status, call.data); });
  }

  void operator()(const LibraryCall& call) {
    ++context.calls.library_calls;
    thread_state().is_in_library = true;
    call.body->run(call.body->data);
    thread_state().is_in_library = false;
  }

  void operator()(const Allocate& allocate) {
    const Block* block = context.blocks.at(allocate.address);
    if (!block) return;  // cudaFree freed it before
    context.memory.set_life(allocate.address, Allocation::Life::live, work->id);
    // cudaFreeAsync did so, on a stream that nothing orders after this one: who uses it is told.
    if (block->freed_early_by != kHost) give_back(*block, block->freed_early_by);
  }

  void operator()(const Release& release) {
    Block* block = context.blocks.at(release.address);
    if (!block) return;
    const Allocation* allocation = context.memory.find(release.address);
    if (!allocation->is_live()) {
      block->freed_early_by = work->id;
      return;
    }
    check_users(*allocation);
    if (block->is_of_graph)
      context.memory.set_life(release.address, Allocation::Life::freed, work->id);
    else
      give_back(*block, work->id);
  }

 private:
  void give_back(const Block& block, WorkId by) {
    context.memory.free(block.begin, by);
    if (block.pool) block.pool->give_back(block.bytes);
    context.blocks.remove(block.begin);
  }

  // Work that used the memory and that nothing orders before this free of it.
  void check_users(const Allocation& allocation) {
    if (!context.memory.checks_order) return;
    WorkId known = kHost;
    for (const auto* users : {&allocation.shadow.writer, &allocation.shadow.reader}) {
      for (std::uint32_t word : *users) {
        const WorkId user = word & kMostWork;
        if (user == known || context.order.ordered(user, work->clock, work->enqueued_at)) {
          known = user;
          continue;
        }
        const AccessFault fault{Fault::unordered, allocation.begin, allocation.bytes,
                                std::to_string(allocation.bytes) + " bytes that " +
                                    context.order.describe(user) +
                                    " uses are freed, and no stream, event or wait orders the two"};
        return report_access(context, fault, true);
      }
    }
  }

  // Without the lock: it is the host's code. The memory of unfinished copies is protected, but for
  // copies that come after it.
  template <class Call>
  void call_host(const Call& call) {
    const WorkPointer kept = work;
    ++context.host_functions_running;
    context.guard.restore([&](WorkId copy) {
      const WorkPointer later = context.queue.find(copy);
      return later && context.order.ordered(work->id, later->clock, later->enqueued_at);
    });
    thread_state().is_in_host_function = true;
    context.mutex.unlock();
    call();
    context.mutex.lock();
    thread_state().is_in_host_function = false;
    --context.host_functions_running;
    context.progressed.notify_all();
  }

  void count(const Copy& copy) {
    CallCounters& calls = context.calls;
    const bool from_device = context.memory.is_device_address(copy.source.begin);
    const bool to_device = context.memory.is_device_address(copy.destination.begin);
    if (from_device && to_device) {
      ++calls.copies_on_device;
      calls.bytes_on_device += copy.bytes();
    } else if (to_device) {
      ++calls.copies_to_device;
      calls.bytes_to_device += copy.bytes();
    } else if (from_device) {
      ++calls.copies_to_host;
      calls.bytes_to_host += copy.bytes();
    }
  }
};

}  // namespace

void execute(Context& context, const Operation& operation, const WorkPointer& work) {
  if (work->is_dropped && !std::holds_alternative<StreamCallback>(operation)) return;
  std::visit(Execute{context, work}, operation);
}

std::byte* touch(Context& context, Address address, std::uint64_t bytes, bool is_write) {
  Memory& memory = context.memory;
  if (!memory.is_device_address(address) && !memory.find(address))
    return reinterpret_cast<std::byte*>(address);
  AccessFault fault{};
  const WorkId work = context.running->id;
  std::byte* view = is_write ? memory.write(address, bytes, work, &fault)
                             : memory.read(address, bytes, work, &fault);
  if (!view || !fault.detail.empty()) report_access(context, fault, view != nullptr);
  return view;
}

void protect_from_host(Context& context, const Operation& operation, const WorkPointer& work) {
  const auto* copy = std::get_if<Copy>(&operation);
  if (!copy) return;
  const auto protect = [&](const Rows& rows, bool is_written) {
    const Block* block = context.blocks.holding(rows.begin);
    if (block && (block->kind == Block::Kind::pinned || block->kind == Block::Kind::managed))
      context.guard.protect(work->id, rows.begin, copy->span(rows), is_written,
                            context.order.describe(work->id));
  };
  if (copy->staged.empty()) protect(copy->source, false);
  protect(copy->destination, true);
}

}  // namespace emulator
