// What programs made by nvcc say of their own device code, before main begins.
#include "runtime/call.h"
#include "runtime/compiler_api.h"
#include "runtime/context.h"

using namespace emulator;

namespace {

// The handle of a fat binary is its library; the compiler's type for it means nothing.
Library* library_of(void** handle) { return reinterpret_cast<Library*>(handle); }

void register_variable(Context& state, Library& library, const void* symbol, const char* name,
                       std::size_t bytes, void** managed) {
  // Inline variables and templates are in several programs' parts; the linker has kept one of each.
  if (state.symbols.variables
          .try_emplace(symbol, Symbols::DeviceVariable{&library, name, bytes, managed})
          .second)
    library.symbols.push_back(symbol);
}

}  // namespace

void** __cudaRegisterFatBinary(void* fat_binary) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  Library* library = state.libraries.make();
  library->image = read_fat_binary(fat_binary);
  return reinterpret_cast<void**>(library);
}

void __cudaRegisterFatBinaryEnd(void**) {}

void __cudaUnregisterFatBinary(void** handle) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  if (state.libraries.holds(library_of(handle))) destroy_library(state, *library_of(handle));
}

void __cudaRegisterFunction(void** handle, const char* stub, char*, const char* device_name, int,
                            uint3*, uint3*, dim3*, dim3*, int*) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  Library& library = *library_of(handle);
  Function& function = function_named(state, library, device_name);
  if (state.symbols.functions.try_emplace(stub, &function).second) library.symbols.push_back(stub);
}

void __cudaRegisterVar(void** handle, char* host_variable, char*, const char* device_name, int,
                       size_t bytes, int, int) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  register_variable(state, *library_of(handle), host_variable, device_name, bytes, nullptr);
}

void __cudaRegisterManagedVar(void** handle, void** host_pointer, char*, const char* device_name,
                              int, size_t bytes, int, int) {
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  register_variable(state, *library_of(handle), host_pointer, device_name, bytes, host_pointer);
}

// Before the host's first use of a managed variable: where they lie.
char __cudaInitModule(void** handle) {
  const cudaError_t error = call("__cudaInitModule", [&](Context& state) {
    Library& library = *library_of(handle);
    const std::vector<const void*> symbols = library.symbols;
    for (const void* symbol : symbols) {
      const auto known = state.symbols.variables.find(symbol);
      if (known == state.symbols.variables.end() || !known->second.managed) continue;
      const Symbols::DeviceVariable variable = known->second;
      void* address =
          reinterpret_cast<void*>(variable_of(state, symbol, thread_state().device).address);
      *variable.managed = address;
      // The program names the variable itself from now on, where it means the symbol.
      register_variable(state, library, address, variable.name.c_str(), variable.bytes, nullptr);
    }
  });
  return error == cudaSuccess;
}
