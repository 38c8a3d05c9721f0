#include "runtime/copies.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"

namespace emulator {
namespace {

bool is_device(Context& context, Address address) {
  return context.memory.is_device_address(address);
}

// Memory that the runtime knows must hold all of the span; what the program freed holds nothing.
void check_span(Context& context, Address begin, std::uint64_t bytes) {
  if (const Block* block = context.blocks.holding(begin)) {
    require(bytes <= block->begin + block->bytes - begin && !block->is_free_enqueued);
    return;
  }
  if (const Allocation* allocation = context.memory.live(begin)) {  // a module's variable
    require(bytes <= allocation->end() - begin);
    return;
  }
  require(!is_device(context, begin) && begin != 0);
}

void check_kind(Context& context, const Copy& copy) {
  const Address to = copy.destination.begin, from = copy.source.begin;
  switch (copy.kind) {
    case cudaMemcpyDefault: return;
    case cudaMemcpyHostToHost: return require(!is_device(context, to) && !is_device(context, from));
    case cudaMemcpyHostToDevice:
      return require(!is_pageable(context, to) && !is_device(context, from));
    case cudaMemcpyDeviceToHost:
      return require(!is_device(context, to) && !is_pageable(context, from));
    case cudaMemcpyDeviceToDevice:
      return require(!is_pageable(context, to) && !is_pageable(context, from));
  }
  throw Failure{cudaErrorInvalidMemcpyDirection};
}

// The source's bytes as they are now: the program may reuse its memory after the call.
void stage(Copy& copy) {
  copy.staged.resize(copy.bytes());
  std::byte* to = copy.staged.data();
  for (std::uint64_t slice = 0; slice < copy.depth; ++slice) {
    for (std::uint64_t row = 0; row < copy.height; ++row, to += copy.width)
      std::memcpy(
          to,
          reinterpret_cast<const std::byte*>(copy.source.begin + slice * copy.source.slice_pitch +
                                             row * copy.source.pitch),
          copy.width);
  }
}

}  // namespace

bool is_pageable(Context& context, Address address) {
  return !is_device(context, address) && !context.memory.find(address);
}

Copy checked(Context& context, Copy copy) {
  require(copy.kind >= cudaMemcpyHostToHost && copy.kind <= cudaMemcpyDefault,
          cudaErrorInvalidMemcpyDirection);
  if (copy.bytes() == 0) return copy;
  const auto fits = [&](const Rows& rows) { return copy.height == 1 || rows.pitch >= copy.width; };
  require(fits(copy.destination) && fits(copy.source), cudaErrorInvalidPitchValue);
  check_span(context, copy.destination.begin, copy.span(copy.destination));
  check_span(context, copy.source.begin, copy.span(copy.source));
  check_kind(context, copy);
  return copy;
}

Copy row_copy(Context& context, void* destination, const void* source, std::size_t bytes,
              cudaMemcpyKind kind) {
  Copy copy;
  copy.destination = {reinterpret_cast<Address>(destination), bytes, bytes};
  copy.source = {reinterpret_cast<Address>(source), bytes, bytes};
  copy.width = bytes;
  copy.kind = kind;
  return checked(context, std::move(copy));
}

Copy copy_of(Context& context, const cudaMemcpy3DParms& parameters) {
  require_emulated(!parameters.srcArray && !parameters.dstArray, "a copy of arrays");
  const auto rows = [](const cudaPitchedPtr& memory, const cudaPos& at) {
    const std::uint64_t slice_pitch = memory.pitch * memory.ysize;
    return Rows{
        reinterpret_cast<Address>(memory.ptr) + at.z * slice_pitch + at.y * memory.pitch + at.x,
        memory.pitch, slice_pitch};
  };
  const cudaExtent& extent = parameters.extent;
  Copy copy;
  copy.destination = rows(parameters.dstPtr, parameters.dstPos);
  copy.source = rows(parameters.srcPtr, parameters.srcPos);
  copy.width = extent.width;
  copy.height = extent.height;
  copy.depth = extent.depth;
  copy.kind = parameters.kind;
  return checked(context, std::move(copy));
}

cudaMemcpy3DParms parameters_of(const Copy& copy) {
  const auto pitched = [&](const Rows& rows) {
    return cudaPitchedPtr{.ptr = reinterpret_cast<void*>(rows.begin),
                          .pitch = rows.pitch,
                          .xsize = copy.width,
                          .ysize = rows.pitch == 0 ? 0 : rows.slice_pitch / rows.pitch};
  };
  cudaMemcpy3DParms parameters{};
  parameters.dstPtr = pitched(copy.destination);
  parameters.srcPtr = pitched(copy.source);
  parameters.extent = {copy.width, copy.height, copy.depth};
  parameters.kind = copy.kind;
  return parameters;
}

Fill checked(Context& context, Fill fill) {
  require(fill.element_bytes == 1 || fill.element_bytes == 2 || fill.element_bytes == 4);
  if (fill.bytes() == 0) return fill;
  require(fill.height == 1 || fill.destination.pitch >= fill.row_bytes(),
          cudaErrorInvalidPitchValue);
  require(fill.destination.begin % fill.element_bytes == 0);
  require(!is_pageable(context, fill.destination.begin));
  check_span(context, fill.destination.begin, fill.span());
  return fill;
}

Fill fill_of(Context& context, const cudaMemsetParams& parameters) {
  require(parameters.width != 0 && parameters.height != 0);
  Fill fill;
  fill.destination = {reinterpret_cast<Address>(parameters.dst), parameters.pitch,
                      parameters.pitch * parameters.height};
  fill.value = parameters.value;
  fill.element_bytes = parameters.elementSize;
  fill.width = parameters.width;
  fill.height = parameters.height;
  return checked(context, fill);
}

cudaMemsetParams parameters_of(const Fill& fill) {
  return {.dst = reinterpret_cast<void*>(fill.destination.begin),
          .pitch = fill.destination.pitch,
          .value = fill.value,
          .elementSize = fill.element_bytes,
          .width = fill.width,
          .height = fill.height};
}

void copy_async(Context& context, Stream& stream, Copy copy) {
  const bool from_pageable = is_pageable(context, copy.source.begin);
  const bool from_host = !is_device(context, copy.source.begin);
  const bool to_pageable = is_pageable(context, copy.destination.begin);
  const bool to_host = !is_device(context, copy.destination.begin);
  // A graph's node reads and writes the memory itself, when it runs.
  if (stream.capture || copy.bytes() == 0) return submit(context, stream, std::move(copy));
  // Documented: returns when it is done where it goes from the host to the host, or to pageable
  // memory. Managed memory counts as the device's, if only the kind does not say otherwise.
  const bool is_within_host =
      from_host && to_host && (copy.kind == cudaMemcpyHostToHost || from_pageable || to_pageable);
  if (from_pageable && !to_pageable) stage(copy);
  submit(context, stream, std::move(copy));
  if (to_pageable || (is_within_host && !from_pageable)) wait_for_stream(context, stream);
}

void copy_now(Context& context, Stream& stream, Copy copy) {
  require_no_unsafe_capture(context);
  require_not_captured(context, stream);
  const bool is_on_device =
      is_device(context, copy.source.begin) && is_device(context, copy.destination.begin);
  submit(context, stream, std::move(copy));
  // Documented: a copy on the device does not wait. One from pageable memory need not wait for its
  // end either, by the documentation, but for the source to be staged; here it does, as so much of
  // the world's code relies on.
  if (!is_on_device) wait_for_stream(context, stream);
}

void fill_async(Context& context, Stream& stream, const Fill& fill) {
  submit(context, stream, fill);
}

void fill_now(Context& context, Stream& stream, const Fill& fill) {
  require_no_unsafe_capture(context);
  require_not_captured(context, stream);
  submit(context, stream, fill);
  if (!is_device(context, fill.destination.begin)) wait_for_stream(context, stream);
}

}  // namespace emulator
