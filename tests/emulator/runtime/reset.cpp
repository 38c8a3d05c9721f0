#include "runtime/reset.h"

#include <vector>

#include "runtime/capture.h"
#include "runtime/status.h"

namespace emulator {
namespace {

// Work that will do nothing still has to end, so that what it orders can run.
void end_dropped_work(Context& context, int device) {
  std::vector<WorkPointer> left;
  context.queue.for_each_unfinished([&](const WorkPointer& work) {
    if (work->device == device) left.push_back(work);
  });
  for (const WorkPointer& work : left) wait_for(context, work);
}

}  // namespace

void reset_device(Context& context, Device& device) {
  const int index = device.index;
  drop_work(context, index);
  end_dropped_work(context, index);

  std::vector<Stream*> streams;
  context.streams.for_each([&](Stream& stream) {
    if (stream.device == index) streams.push_back(&stream);
  });
  for (Stream* stream : streams) {
    forget_captures(context, *stream);
    context.streams.destroy(stream);
  }
  std::vector<Event*> events;
  context.events.for_each([&](Event& event) {
    if (event.device == index) events.push_back(&event);
  });
  for (Event* event : events) context.events.destroy(event);

  std::vector<Address> blocks;
  context.blocks.for_each([&](const Block& block) {
    if (block.device == index && block.kind != Block::Kind::registered)
      blocks.push_back(block.begin);
  });
  for (Address begin : blocks) {
    context.memory.set_life(begin, Allocation::Life::live, kHost);  // where its work was dropped
    context.memory.free(begin, kHost);
    context.blocks.remove(begin);
  }
  context.libraries.for_each([&](Library& library) { library.modules.erase(index); });
  context.pools.for_each([&](Pool& pool) {
    if (pool.device == index) pool.used = pool.reserved = 0;
  });
  device.retired_streams.clear();
  device.peers.clear();
  device.limits.clear();
  device.pool = device.default_pool;
  device.fault = cudaSuccess;
}

void reset_findings(Context& context) {
  for (Device& device : context.devices) {
    if (device.fault == cudaSuccess) continue;
    end_dropped_work(context, device.index);
    device.fault = cudaSuccess;
  }
  thread_state().last_error = cudaSuccess;
  reports().clear();
  forget_found();
  context.findings.clear();
  context.calls = {};
  context.total = {};
  context.launches.clear();
}

}  // namespace emulator
