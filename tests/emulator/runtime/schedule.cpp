#include "runtime/schedule.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "runtime/context.h"

namespace emulator {

WorkPointer add_work(Context& context, NewWork made, std::span<const WorkPointer> after,
                     const Clock& base) {
  auto work = std::make_shared<Work>();
  work->device = made.device;
  work->from_graph = made.from_graph;
  work->chain = made.chain;
  work->enqueued_at = made.enqueued_at;
  work->run = std::move(made.run);
  work->clock = base;
  for (const WorkPointer& before : after) {
    if (before) work->clock.merge(before->clock);
  }
  work->id = context.order.add(work->chain, work->clock, made.description);
  context.queue.add(work, after);
  return work;
}

bool run_one(Context& context) {
  WorkPointer work = context.queue.take(context.random);
  if (!work) return false;
  context.guard.lift();  // it may touch any pinned memory
  // Host functions may let another thread in here, and so change what is running.
  const WorkPointer before = std::exchange(context.running, work);
  const bool has_ended = work->run(work);
  context.running = before;
  if (has_ended) {
    context.guard.release(work->id);
    context.queue.finish(work);
  }
  return true;
}

void wait_for(Context& context, const WorkPointer& work) {
  while (work && !work->is_done) {
    if (run_one(context)) continue;
    if (context.host_functions_running == 0) {
      std::fprintf(stderr, "emulator: a wait that can never end, for %s\n",
                   context.order.describe(work->id).c_str());
      std::abort();
    }
    context.guard.restore();
    context.progressed.wait(context.mutex);
  }
  context.guard.restore();
  note_done(context, work);
}

void note_done(Context& context, const WorkPointer& work) {
  if (work) context.order.host_waited(work->clock);
}

void fail_device(Context& context, int device, cudaError_t error) {
  cudaError_t& fault = context.devices[static_cast<std::size_t>(device)].fault;
  if (fault == cudaSuccess) fault = error;
  drop_work(context, device);
}

void drop_work(Context& context, int device) {
  context.queue.for_each_unfinished([&](const WorkPointer& work) {
    if (work->device == device) work->is_dropped = true;
  });
}

}  // namespace emulator
