// Variables of the device by what stands for them in the host's code.
#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/copies.h"

using namespace emulator;

namespace {

// Where in the variable the bytes lie, on the device of the stream.
std::byte* place(Context& state, const void* symbol, const Stream& stream, std::size_t bytes,
                 std::size_t offset) {
  const Variable& variable = variable_of(state, symbol, stream.device);
  require(offset <= variable.bytes && bytes <= variable.bytes - offset);
  return reinterpret_cast<std::byte*>(variable.address + offset);
}

Copy copy_to(Context& state, const void* symbol, const Stream& stream, const void* source,
             std::size_t bytes, std::size_t offset, cudaMemcpyKind kind) {
  require(kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice ||
              kind == cudaMemcpyDefault,
          cudaErrorInvalidMemcpyDirection);
  return row_copy(state, place(state, symbol, stream, bytes, offset), source, bytes, kind);
}

Copy copy_from(Context& state, void* destination, const void* symbol, const Stream& stream,
               std::size_t bytes, std::size_t offset, cudaMemcpyKind kind) {
  require(kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice ||
              kind == cudaMemcpyDefault,
          cudaErrorInvalidMemcpyDirection);
  return row_copy(state, destination, place(state, symbol, stream, bytes, offset), bytes, kind);
}

}  // namespace

cudaError_t cudaGetSymbolAddress(void** address, const void* symbol) {
  return call(__func__, [&](Context& state) {
    require(address != nullptr);
    *address = reinterpret_cast<void*>(variable_of(state, symbol, thread_state().device).address);
  });
}

cudaError_t cudaGetSymbolSize(size_t* bytes, const void* symbol) {
  return call(__func__, [&](Context& state) {
    require(bytes != nullptr);
    *bytes = variable_of(state, symbol, thread_state().device).bytes;
  });
}

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* source, size_t bytes, size_t offset,
                               cudaMemcpyKind kind) {
  return call(__func__, [&](Context& state) {
    Stream& stream = stream_of(state, nullptr);
    copy_now(state, stream, copy_to(state, symbol, stream, source, bytes, offset, kind));
  });
}

cudaError_t cudaMemcpyToSymbolAsync(const void* symbol, const void* source, size_t bytes,
                                    size_t offset, cudaMemcpyKind kind, cudaStream_t handle) {
  return call(__func__, [&](Context& state) {
    Stream& stream = stream_of(state, handle);
    copy_async(state, stream, copy_to(state, symbol, stream, source, bytes, offset, kind));
  });
}

cudaError_t cudaMemcpyFromSymbol(void* destination, const void* symbol, size_t bytes, size_t offset,
                                 cudaMemcpyKind kind) {
  return call(__func__, [&](Context& state) {
    Stream& stream = stream_of(state, nullptr);
    copy_now(state, stream, copy_from(state, destination, symbol, stream, bytes, offset, kind));
  });
}

cudaError_t cudaMemcpyFromSymbolAsync(void* destination, const void* symbol, size_t bytes,
                                      size_t offset, cudaMemcpyKind kind, cudaStream_t handle) {
  return call(__func__, [&](Context& state) {
    Stream& stream = stream_of(state, handle);
    copy_async(state, stream, copy_from(state, destination, symbol, stream, bytes, offset, kind));
  });
}
