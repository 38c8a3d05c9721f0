// Copies.
#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/copies.h"

using namespace emulator;

namespace {

Copy rows_copy(Context& state, void* destination, std::size_t destination_pitch, const void* source,
               std::size_t source_pitch, std::size_t width, std::size_t height,
               cudaMemcpyKind kind) {
  Copy copy;
  copy.destination = {reinterpret_cast<Address>(destination), destination_pitch, 0};
  copy.source = {reinterpret_cast<Address>(source), source_pitch, 0};
  copy.width = width;
  copy.height = height;
  copy.kind = kind;
  require(width <= destination_pitch && width <= source_pitch, cudaErrorInvalidPitchValue);
  return checked(state, copy);
}

void check_devices(Context& state, int destination, int source) {
  for (int device : {destination, source})
    require(device >= 0 && static_cast<std::size_t>(device) < state.devices.size(),
            cudaErrorInvalidDevice);
}

cudaMemcpy3DParms parameters_of(Context& state, const cudaMemcpy3DPeerParms* peers) {
  require(peers != nullptr);
  check_devices(state, peers->dstDevice, peers->srcDevice);
  cudaMemcpy3DParms parameters{};
  parameters.srcArray = peers->srcArray;
  parameters.srcPos = peers->srcPos;
  parameters.srcPtr = peers->srcPtr;
  parameters.dstArray = peers->dstArray;
  parameters.dstPos = peers->dstPos;
  parameters.dstPtr = peers->dstPtr;
  parameters.extent = peers->extent;
  parameters.kind = cudaMemcpyDefault;
  return parameters;
}

}  // namespace

cudaError_t cudaMemcpy(void* destination, const void* source, size_t bytes, cudaMemcpyKind kind) {
  return call(__func__, [&](Context& state) {
    copy_now(state, stream_of(state, nullptr), row_copy(state, destination, source, bytes, kind));
  });
}

cudaError_t cudaMemcpyAsync(void* destination, const void* source, size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    copy_async(state, stream_of(state, stream), row_copy(state, destination, source, bytes, kind));
  });
}

cudaError_t cudaMemcpyPeer(void* destination, int to, const void* source, int from, size_t bytes) {
  return call(__func__, [&](Context& state) {
    check_devices(state, to, from);
    copy_now(state, stream_of(state, nullptr),
             row_copy(state, destination, source, bytes, cudaMemcpyDefault));
  });
}

cudaError_t cudaMemcpyPeerAsync(void* destination, int to, const void* source, int from,
                                size_t bytes, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    check_devices(state, to, from);
    copy_async(state, stream_of(state, stream),
               row_copy(state, destination, source, bytes, cudaMemcpyDefault));
  });
}

cudaError_t cudaMemcpy2D(void* destination, size_t destination_pitch, const void* source,
                         size_t source_pitch, size_t width, size_t height, cudaMemcpyKind kind) {
  return call(__func__, [&](Context& state) {
    copy_now(state, stream_of(state, nullptr),
             rows_copy(state, destination, destination_pitch, source, source_pitch, width, height,
                       kind));
  });
}

cudaError_t cudaMemcpy2DAsync(void* destination, size_t destination_pitch, const void* source,
                              size_t source_pitch, size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    copy_async(state, stream_of(state, stream),
               rows_copy(state, destination, destination_pitch, source, source_pitch, width, height,
                         kind));
  });
}

cudaError_t cudaMemcpy3D(const cudaMemcpy3DParms* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    copy_now(state, stream_of(state, nullptr), copy_of(state, *parameters));
  });
}

cudaError_t cudaMemcpy3DAsync(const cudaMemcpy3DParms* parameters, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    copy_async(state, stream_of(state, stream), copy_of(state, *parameters));
  });
}

cudaError_t cudaMemcpy3DPeer(const cudaMemcpy3DPeerParms* parameters) {
  return call(__func__, [&](Context& state) {
    copy_now(state, stream_of(state, nullptr), copy_of(state, parameters_of(state, parameters)));
  });
}

cudaError_t cudaMemcpy3DPeerAsync(const cudaMemcpy3DPeerParms* parameters, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    copy_async(state, stream_of(state, stream), copy_of(state, parameters_of(state, parameters)));
  });
}
