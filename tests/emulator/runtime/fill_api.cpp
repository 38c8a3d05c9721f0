// Fills.
#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/copies.h"

using namespace emulator;

namespace {

// Of bytes: `value` counts modulo 256, as in memset.
Fill bytes_fill(Context& state, void* memory, std::size_t pitch, int value, std::size_t width,
                std::size_t height, std::size_t depth = 1, std::size_t slice_pitch = 0) {
  Fill fill;
  fill.destination = {reinterpret_cast<Address>(memory), pitch, slice_pitch};
  fill.value = static_cast<unsigned char>(value);
  fill.width = width;
  fill.height = height;
  fill.depth = depth;
  return checked(state, fill);
}

Fill bytes_fill(Context& state, const cudaPitchedPtr& memory, int value, const cudaExtent& extent) {
  return bytes_fill(state, memory.ptr, memory.pitch, value, extent.width, extent.height,
                    extent.depth, memory.pitch * memory.ysize);
}

}  // namespace

cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return call(__func__, [&](Context& state) {
    fill_now(state, stream_of(state, nullptr), bytes_fill(state, memory, bytes, value, bytes, 1));
  });
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    fill_async(state, stream_of(state, stream), bytes_fill(state, memory, bytes, value, bytes, 1));
  });
}

cudaError_t cudaMemset2D(void* memory, size_t pitch, int value, size_t width, size_t height) {
  return call(__func__, [&](Context& state) {
    fill_now(state, stream_of(state, nullptr),
             bytes_fill(state, memory, pitch, value, width, height));
  });
}

cudaError_t cudaMemset2DAsync(void* memory, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    fill_async(state, stream_of(state, stream),
               bytes_fill(state, memory, pitch, value, width, height));
  });
}

cudaError_t cudaMemset3D(cudaPitchedPtr memory, int value, cudaExtent extent) {
  return call(__func__, [&](Context& state) {
    fill_now(state, stream_of(state, nullptr), bytes_fill(state, memory, value, extent));
  });
}

cudaError_t cudaMemset3DAsync(cudaPitchedPtr memory, int value, cudaExtent extent,
                              cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    fill_async(state, stream_of(state, stream), bytes_fill(state, memory, value, extent));
  });
}
