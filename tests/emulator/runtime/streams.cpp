#include "runtime/streams.h"

#include <utility>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/execute.h"

namespace emulator {
namespace {

Device& device_of(Context& context, const Stream& stream) {
  return context.devices[static_cast<std::size_t>(stream.device)];
}

// The device's streams but the default one, and those that were destroyed before their work was
// done.
template <class Visit>
void for_each_stream(Context& context, int device, Visit visit) {
  context.streams.for_each([&](const Stream& stream) {
    if (stream.device == device) visit(stream);
  });
  for (const Stream& stream : context.devices[static_cast<std::size_t>(device)].retired_streams)
    visit(stream);
}

// The default stream's work comes after that of the other streams, and theirs after its.
void add_implicit(Context& context, const Stream& stream, std::vector<WorkPointer>& after) {
  if (stream.is_legacy) {
    for_each_stream(context, stream.device, [&](const Stream& other) {
      if ((other.flags & cudaStreamNonBlocking) == 0) after.push_back(other.tail);
    });
  } else if ((stream.flags & cudaStreamNonBlocking) == 0) {
    after.push_back(device_of(context, stream).legacy_stream->tail);
  }
}

}  // namespace

Stream& stream_of(Context& context, cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy)
    return *current_device(context).legacy_stream;
  if (handle == cudaStreamPerThread) {
    Stream*& stream = thread_state().default_streams[thread_state().device];
    if (!stream || !context.streams.holds(stream))
      stream = &make_stream(context, thread_state().device, cudaStreamDefault, 0);
    return *stream;
  }
  require(context.streams.holds(handle), cudaErrorInvalidResourceHandle);
  return *handle;
}

Event& event_of(Context& context, cudaEvent_t handle) {
  require(context.events.holds(handle), cudaErrorInvalidResourceHandle);
  return *handle;
}

void set_recorded(Event& event, const WorkPointer& work) {
  event.is_recorded = true;
  event.work = work;
  event.capture = nullptr;
  event.captured.clear();
}

Stream& make_stream(Context& context, int device, unsigned flags, int priority) {
  static unsigned long long stream_count = 0;
  Stream& stream = *context.streams.make();
  stream.device = device;
  stream.flags = flags;
  stream.priority = priority;
  stream.number = ++stream_count;
  stream.chain = context.order.new_chain();
  return stream;
}

std::string describe(const Stream& stream) {
  std::string text =
      stream.is_legacy ? "the default stream" : "stream " + std::to_string(stream.number);
  if (stream.device != 0) text += " of device " + std::to_string(stream.device);
  return text;
}

WorkPointer enqueue(Context& context, Stream& stream, const std::string& description, Run run,
                    std::span<const WorkPointer> also) {
  std::vector<WorkPointer> after(also.begin(), also.end());
  after.push_back(stream.tail);
  add_implicit(context, stream, after);
  stream.tail = add_work(context,
                         {.device = stream.device,
                          .chain = stream.chain,
                          .description = description + " on " + describe(stream),
                          .run = std::move(run),
                          .enqueued_at = context.order.now()},
                         after);
  return stream.tail;
}

WorkPointer enqueue(Context& context, Stream& stream, OperationPointer operation) {
  const WorkPointer work = enqueue(context, stream, describe(*operation),
                                   [&context, operation](const WorkPointer& self) {
                                     execute(context, *operation, self);
                                     return true;
                                   });
  protect_from_host(context, *operation, work);
  return work;
}

void submit(Context& context, Stream& stream, Operation operation) {
  if (stream.capture) {
    capture(context, stream, std::move(operation));
    return;
  }
  require_no_implicit_capture(context, stream);
  enqueue(context, stream, std::make_shared<const Operation>(std::move(operation)));
}

void trim_pools(Context& context) {
  context.pools.for_each([](Pool& pool) { pool.trim(pool.release_threshold); });
}

void wait_for_stream(Context& context, const Stream& stream) {
  ++context.calls.synchronizations;
  std::vector<WorkPointer> last{stream.tail};
  if (stream.is_legacy) add_implicit(context, stream, last);
  for (const WorkPointer& work : last) wait_for(context, work);
  trim_pools(context);
}

void wait_for_device(Context& context, int index) {
  ++context.calls.synchronizations;
  Device& device = context.devices[static_cast<std::size_t>(index)];
  std::vector<WorkPointer> last{device.legacy_stream->tail};
  for_each_stream(context, index, [&](const Stream& stream) { last.push_back(stream.tail); });
  for (const WorkPointer& work : last) wait_for(context, work);
  device.retired_streams.clear();
  trim_pools(context);
}

void destroy_stream(Context& context, Stream& stream) {
  std::vector<Stream>& retired = device_of(context, stream).retired_streams;
  const auto is_known_done = [&](const Stream& old) {
    return !old.tail || (old.tail->is_done && context.order.has_waited(old.tail->id));
  };
  std::erase_if(retired, is_known_done);
  if (!is_known_done(stream)) retired.push_back(stream);
  context.streams.destroy(&stream);
}

}  // namespace emulator
