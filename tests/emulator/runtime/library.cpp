#include "runtime/library.h"

#include <algorithm>

#include "runtime/call.h"
#include "runtime/context.h"

namespace emulator {

std::shared_ptr<Module> module_on(Context& context, Library& library, int device) {
  if (library.image.refusal != cudaSuccess)
    throw Failure{library.image.refusal, "the program's image: " + library.image.why};
  std::shared_ptr<Module>& module = library.modules[device];
  if (module) return module;
  module = Module::load(library.image.ptx, device, context.memory);
  ++context.calls.modules;
  return module;
}

Function& function_named(Context& context, Library& library, std::string_view name) {
  auto known = library.functions.find(name);
  if (known != library.functions.end()) return *known->second;
  Function* function = context.functions.make();
  function->library = &library;
  function->name = name;
  library.functions.emplace(name, function);
  return *function;
}

Function& function_of(Context& context, const void* function) {
  auto registered = context.symbols.functions.find(function);
  if (registered != context.symbols.functions.end()) return *registered->second;
  auto* handle = static_cast<Function*>(const_cast<void*>(function));
  require(context.functions.holds(handle), cudaErrorInvalidDeviceFunction);
  return *handle;
}

Code code_of(Context& context, const Function& function, int device) {
  const Image& image = function.library->image;
  if (image.refusal != cudaSuccess)
    throw Failure{image.refusal, "kernel " + function.name + ": " + image.why};
  Code code;
  code.module = module_on(context, *function.library, device);
  code.kernel = code.module->find_kernel(function.name);
  if (!code.kernel) {
    throw Failure{cudaErrorInvalidDeviceFunction,
                  "kernel " + function.name + ": its image has no such kernel"};
  }
  code.attributes = attributes(*code.kernel);
  return code;
}

const Variable& variable_of(Context& context, const void* symbol, int device) {
  auto registered = context.symbols.variables.find(symbol);
  require(registered != context.symbols.variables.end(), cudaErrorInvalidSymbol);
  const Symbols::DeviceVariable& named = registered->second;
  const Variable* variable = module_on(context, *named.library, device)->find_variable(named.name);
  require(variable != nullptr, cudaErrorInvalidSymbol);
  return *variable;
}

std::uint32_t most_dynamic_shared_bytes(const Function& function, const Code& code, int device) {
  auto settings = function.settings.find(device);
  if (settings != function.settings.end() && settings->second.most_dynamic_shared_bytes >= 0)
    return static_cast<std::uint32_t>(settings->second.most_dynamic_shared_bytes);
  constexpr std::uint32_t kLimit = DeviceProperties::kSharedPerBlock;
  return kLimit - std::min(kLimit, code.attributes.static_shared_bytes);
}

void destroy_library(Context& context, Library& library) {
  for (const void* symbol : library.symbols) {
    context.symbols.functions.erase(symbol);
    context.symbols.variables.erase(symbol);
  }
  for (const auto& [name, function] : library.functions) context.functions.destroy(function);
  context.libraries.destroy(&library);
}

}  // namespace emulator
