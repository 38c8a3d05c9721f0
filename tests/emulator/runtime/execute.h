// Does what an operation says, once its turn has come.
#pragma once

#include <string>

#include "machine/memory.h"
#include "runtime/operation.h"
#include "runtime/work.h"

namespace emulator {

struct Context;

void execute(Context& context, const Operation& operation, const WorkPointer& work);

// Where the bytes of an address lie, checked and recorded as an access of the running work; null
// where it may not touch them, which is reported and fails the device. Pageable memory of the host
// is not checked.
std::byte* touch(Context& context, Address address, std::uint64_t bytes, bool is_write);

// Protects pinned memory from the host until the copy is done.
void protect_from_host(Context& context, const Operation& operation, const WorkPointer& work);

}  // namespace emulator
