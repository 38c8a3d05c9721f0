#include "runtime/operation.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace emulator {
namespace {

// Without its template arguments and parameters: messages stay on a line.
std::string short_name(const std::string& mangled) {
  int status = 0;
  char* text = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  if (!text) return mangled;
  std::string name = text;
  std::free(text);
  constexpr std::string_view kUnnamed = "(anonymous namespace)::";
  for (std::size_t at; (at = name.find(kUnnamed)) != std::string::npos;)
    name.erase(at, kUnnamed.size());
  name.resize(std::min(name.size(), name.find_first_of("<(")));
  return name.substr(name.rfind(' ') + 1);  // after the type of the result, which templates have
}

struct Describe {
  std::string operator()(const Empty&) const { return "marker"; }
  std::string operator()(const KernelLaunch& launch) const {
    return "kernel " + short_name(name(*launch.kernel));
  }
  std::string operator()(const Copy& copy) const {
    return "cudaMemcpy of " + std::to_string(copy.bytes()) + " bytes";
  }
  std::string operator()(const Fill& fill) const {
    return "cudaMemset of " + std::to_string(fill.bytes()) + " bytes";
  }
  std::string operator()(const HostCall&) const { return "host function"; }
  std::string operator()(const StreamCallback&) const { return "stream callback"; }
  std::string operator()(const LibraryCall& call) const { return call.body->name; }
  std::string operator()(const EventRecord&) const { return "event record"; }
  std::string operator()(const EventWait&) const { return "event wait"; }
  std::string operator()(const Allocate&) const { return "cudaMallocAsync"; }
  std::string operator()(const Release&) const { return "cudaFreeAsync"; }
  std::string operator()(const Subgraph&) const { return "child graph"; }
  std::string operator()(const Conditional&) const { return "conditional node"; }
};

}  // namespace

std::string describe(const Operation& operation) { return std::visit(Describe{}, operation); }

}  // namespace emulator
