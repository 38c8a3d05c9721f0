// Streams: making them, asking about them, waiting for them, and functions of the host on them.
#include <algorithm>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/idle.h"

using namespace emulator;

namespace {

void create(Context& state, cudaStream_t* stream, unsigned flags, int priority) {
  require(stream != nullptr);
  require((flags & ~static_cast<unsigned>(cudaStreamNonBlocking)) == 0);
  *stream = &make_stream(state, thread_state().device, flags,
                         std::clamp(priority, kGreatestPriority, kLeastPriority));
}

}  // namespace

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return call(__func__, [&](Context& state) { create(state, stream, cudaStreamDefault, 0); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call(__func__, [&](Context& state) { create(state, stream, flags, 0); });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return call(__func__, [&](Context& state) { create(state, stream, flags, priority); });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    require(stream != nullptr && stream != cudaStreamLegacy && stream != cudaStreamPerThread,
            cudaErrorInvalidResourceHandle);
    Stream& found = stream_of(state, stream);
    forget_captures(state, found);
    destroy_stream(state, found);
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    const Stream& found = stream_of(state, stream);
    require_not_captured(state, found);
    wait_for_stream(state, found);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    Stream& found = stream_of(state, stream);
    require_not_captured(state, found);
    // Asking moves time on, so that a program that only ever asks comes to an end.
    run_one(state);
    state.guard.restore();
    require(!found.tail || found.tail->is_done, cudaErrorNotReady);
    note_done(state, found.tail);
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(flags == cudaEventWaitDefault || flags == cudaEventWaitExternal);
    Stream& found = stream_of(state, stream);
    const Event& awaited = event_of(state, event);
    if (flags == cudaEventWaitExternal && found.capture) {
      capture(state, found, EventWait{event});
    } else if (found.capture || awaited.capture) {
      capture_wait(found, awaited);
    } else if (awaited.work) {
      require_no_implicit_capture(state, found);
      const WorkPointer also[] = {awaited.work};
      enqueue(
          state, found, "event wait", [](const WorkPointer&) { return true; }, also);
    }
  });
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  return call(__func__, [&](Context& state) {
    require(flags != nullptr);
    *flags = stream_of(state, stream).flags;
  });
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  return call(__func__, [&](Context& state) {
    require(priority != nullptr);
    *priority = stream_of(state, stream).priority;
  });
}

cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  return call(__func__, [&](Context& state) {
    require(device != nullptr);
    *device = stream_of(state, stream).device;
  });
}

cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
  return call(__func__, [&](Context& state) {
    require(id != nullptr);
    const Stream& found = stream_of(state, stream);
    // The default streams of several devices differ; others count from 1 in the whole process.
    constexpr unsigned long long kDefaultStream = 1ull << 32;
    *id = found.is_legacy ? kDefaultStream + static_cast<unsigned>(found.device) : found.number;
  });
}

cudaError_t cudaStreamGetAttribute(cudaStream_t stream, cudaLaunchAttributeID attribute,
                                   cudaLaunchAttributeValue* value) {
  return call(__func__, [&](Context& state) {
    require(value != nullptr);
    const Stream& found = stream_of(state, stream);
    *value = {};
    if (attribute == cudaStreamAttributePriority)
      value->priority = found.priority;
    else if (attribute == cudaStreamAttributeSynchronizationPolicy)
      value->syncPolicy = cudaSyncPolicyAuto;
    else
      require(attribute == cudaStreamAttributeAccessPolicyWindow ||
              attribute == cudaStreamAttributeMemSyncDomain ||
              attribute == cudaStreamAttributeMemSyncDomainMap);
  });
}

cudaError_t cudaStreamSetAttribute(cudaStream_t stream, cudaLaunchAttributeID attribute,
                                   const cudaLaunchAttributeValue* value) {
  return call(__func__, [&](Context& state) {
    require(value != nullptr);
    Stream& found = stream_of(state, stream);
    // All but the priority are hints.
    if (attribute == cudaStreamAttributePriority)
      found.priority = std::clamp(value->priority, kGreatestPriority, kLeastPriority);
  });
}

cudaError_t cudaStreamCopyAttributes(cudaStream_t destination, cudaStream_t source) {
  return call(__func__, [&](Context& state) {
    stream_of(state, destination).priority = stream_of(state, source).priority;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return call(__func__, [&](Context& state) {
    require(function != nullptr);
    watch_idle_host(state);
    submit(state, stream_of(state, stream), HostCall{function, data});
  });
}

cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t function, void* data,
                                  unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(function != nullptr && flags == 0);
    Stream& found = stream_of(state, stream);
    require_not_captured(state, found);  // documented: cannot be captured
    watch_idle_host(state);
    submit(state, found, StreamCallback{function, stream, data});
  });
}

cudaError_t cudaStreamAttachMemAsync(cudaStream_t stream, void* memory, size_t, unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(flags == cudaMemAttachGlobal || flags == cudaMemAttachHost ||
            flags == cudaMemAttachSingle);
    const Allocation* allocation = state.memory.live(reinterpret_cast<Address>(memory));
    require(allocation && allocation->kind == MemoryKind::managed);
    submit(state, stream_of(state, stream), Empty{});  // every stream reaches managed memory
  });
}
