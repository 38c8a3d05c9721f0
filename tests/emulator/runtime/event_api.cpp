// Events: recording them, waiting for them, asking whether they happened.
#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"

using namespace emulator;

namespace {

void create(Context& state, cudaEvent_t* event, unsigned flags) {
  constexpr unsigned kKnown =
      cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess;
  require(event != nullptr && (flags & ~kKnown) == 0);
  require((flags & cudaEventInterprocess) == 0 || (flags & cudaEventDisableTiming) != 0);
  *event = state.events.make();
  (*event)->device = thread_state().device;
  (*event)->flags = flags;
}

void record(Context& state, cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  require(flags == cudaEventRecordDefault || flags == cudaEventRecordExternal);
  Event& recorded = event_of(state, event);
  Stream& found = stream_of(state, stream);
  require(recorded.device == found.device, cudaErrorInvalidResourceHandle);
  if (found.capture) {
    if (flags == cudaEventRecordExternal)
      capture(state, found, EventRecord{event});
    else
      capture_record(found, recorded);
    return;
  }
  require_no_implicit_capture(state, found);
  set_recorded(recorded,
               enqueue(state, found, "event record", [](const WorkPointer&) { return true; }));
}

}  // namespace

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return call(__func__, [&](Context& state) { create(state, event, cudaEventDefault); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return call(__func__, [&](Context& state) { create(state, event, flags); });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call(__func__, [&](Context& state) { state.events.destroy(&event_of(state, event)); });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call(__func__,
              [&](Context& state) { record(state, event, stream, cudaEventRecordDefault); });
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return call(__func__, [&](Context& state) { record(state, event, stream, flags); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call(__func__, [&](Context& state) {
    const Event& awaited = event_of(state, event);
    require(!awaited.capture, cudaErrorCapturedEvent);
    ++state.calls.synchronizations;
    wait_for(state, awaited.work);
    trim_pools(state);
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call(__func__, [&](Context& state) {
    const Event& asked = event_of(state, event);
    require(!asked.capture, cudaErrorCapturedEvent);
    run_one(state);  // as cudaStreamQuery does
    state.guard.restore();
    require(!asked.work || asked.work->is_done, cudaErrorNotReady);
    note_done(state, asked.work);
  });
}

// No time passes here that would say anything of a device: the figure is a microsecond for each
// piece of work that ended between the two events. It grows with the work, and is the same on every
// run with the same seed.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return call(__func__, [&](Context& state) {
    require(milliseconds != nullptr);
    const Event &first = event_of(state, start), &last = event_of(state, end);
    for (const Event* event : {&first, &last}) {
      require((event->flags & cudaEventDisableTiming) == 0 && event->is_recorded,
              cudaErrorInvalidResourceHandle);
      require(!event->capture, cudaErrorCapturedEvent);
      require(event->work->is_done, cudaErrorNotReady);
    }
    *milliseconds = 1e-3f * (static_cast<float>(last.work->ended_count) -
                             static_cast<float>(first.work->ended_count));
  });
}
