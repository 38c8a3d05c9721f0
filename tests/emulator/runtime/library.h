// Code that the program brought: fat binaries and libraries, their kernels and variables.
//
// A library's PTX is read for a device when one of its kernels or variables is first used there.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "machine/machine.h"
#include "runtime/cuda.h"
#include "runtime/image.h"

namespace emulator {
struct Context;
}

// The types that the runtime's handles point to.
struct CUlib_st {
  emulator::Image image;
  std::string text;  // a copy of it where the program's own does not last
  std::map<int, std::shared_ptr<emulator::Module>> modules;  // by device
  std::map<std::string, cudaKernel_t, std::less<>> functions;
  std::vector<const void*> symbols;  // that the program registered for it
};

struct CUkern_st {
  struct Settings {
    int most_dynamic_shared_bytes = -1;  // -1: what is left of the static limit
    int shared_carveout = -1;
  };
  cudaLibrary_t library = nullptr;
  std::string name;
  std::map<int, Settings> settings;  // by device
};

namespace emulator {

using Library = ::CUlib_st;
using Function = ::CUkern_st;

// What stands for kernels and variables in the host's code: addresses of stubs and of shadows.
struct Symbols {
  struct DeviceVariable {
    Library* library;
    std::string name;
    std::size_t bytes;
    void** managed;  // where the program wants its address, for a managed variable
  };
  std::unordered_map<const void*, Function*> functions;
  std::unordered_map<const void*, DeviceVariable> variables;
};

// A kernel's code on a device.
struct Code {
  std::shared_ptr<Module> module;
  const Kernel* kernel = nullptr;
  KernelAttributes attributes;
};

// All of these throw Failure, with the error that the runtime documents, or ModuleError.
std::shared_ptr<Module> module_on(Context& context, Library& library, int device);
// Made when first asked for, whether or not the library holds such a kernel.
Function& function_named(Context& context, Library& library, std::string_view name);
// A stub's address, or a cudaKernel_t.
Function& function_of(Context& context, const void* function);
Code code_of(Context& context, const Function& function, int device);
const Variable& variable_of(Context& context, const void* symbol, int device);
// Shared memory that a launch may ask for on top of the static.
std::uint32_t most_dynamic_shared_bytes(const Function& function, const Code& code, int device);

void destroy_library(Context& context, Library& library);

}  // namespace emulator
