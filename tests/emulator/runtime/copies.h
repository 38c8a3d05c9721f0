// Copies and fills as the program asks for them: checked, and with what the call itself must do.
#pragma once

#include <cstdint>

#include "runtime/cuda.h"
#include "runtime/operation.h"
#include "runtime/streams.h"

namespace emulator {

// Memory of the host that the runtime knows nothing of.
bool is_pageable(Context& context, Address address);

// These check addresses and sizes and throw Failure with what the runtime documents. An empty copy
// or fill touches nothing and may name any address.
Copy checked(Context& context, Copy copy);
Fill checked(Context& context, Fill fill);
Copy row_copy(Context& context, void* destination, const void* source, std::size_t bytes,
              cudaMemcpyKind kind);
Copy copy_of(Context& context, const cudaMemcpy3DParms& parameters);
cudaMemcpy3DParms parameters_of(const Copy& copy);
Fill fill_of(Context& context, const cudaMemsetParams& parameters);
cudaMemsetParams parameters_of(const Fill& fill);

// As cudaMemcpyAsync does, and as cudaMemcpy does: the synchronous call waits only where the
// documentation says that it does ("API synchronization behavior").
void copy_async(Context& context, Stream& stream, Copy copy);
void copy_now(Context& context, Stream& stream, Copy copy);

void fill_async(Context& context, Stream& stream, const Fill& fill);
void fill_now(Context& context, Stream& stream, const Fill& fill);

}  // namespace emulator
