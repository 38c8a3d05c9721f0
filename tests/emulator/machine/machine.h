// Runs kernels: PTX in, launches executed warp by warp under the checks.
//
// The runtime (runtime/) loads modules, hands over launches one at a time and reads the counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "machine/counters.h"
#include "machine/memory.h"
#include "machine/report.h"

namespace emulator {

// What the emulated device is: a made-up one of compute capability 9.0.
struct DeviceProperties {
  static constexpr int kMajor = 9, kMinor = 0;
  static constexpr int kMultiprocessors = 16;
  static constexpr int kWarpSize = 32;
  static constexpr int kThreadsPerBlock = 1024;
  static constexpr int kThreadsPerMultiprocessor = 2048;
  static constexpr int kBlocksPerMultiprocessor = 32;
  static constexpr int kSharedPerBlock = 48 << 10;        // static
  static constexpr int kSharedPerBlockOptin = 227 << 10;  // dynamic, asked for
  static constexpr int kSharedPerMultiprocessor = 228 << 10;
  static constexpr int kReservedSharedPerBlock = 1 << 10;
  static constexpr int kLocalPerThread = 512 << 10;
  static constexpr int kParameterBytes = 32764;  // of a kernel
  static constexpr int kRegistersPerBlock = 65536;
  static constexpr int kRegistersPerMultiprocessor = 65536;
  static constexpr std::uint64_t kMemoryBytes = std::uint64_t{16} << 30;
  static constexpr int kL2Bytes = 50 << 20;
};

// Read once from the environment (see the README); the runtime may change them between launches.
struct Options {
  std::uint64_t seed = 0;       // TENDON_EMULATOR_SEED: of streams, and of blocks
  bool random_blocks = false;   // TENDON_EMULATOR_BLOCKS=random
  bool check_races = true;      // TENDON_EMULATOR_CHECKS: a list of those to turn off, as in
  bool check_unwritten = true;  //   "-races,-unwritten,-order,-barriers,-host"
  bool check_order = true;
  bool check_barriers = true;
  bool check_host = true;
  std::uint64_t step_budget = 1u << 24;  // TENDON_EMULATOR_STEPS: warp instructions a warp
};

// A device variable of a module (.global or .const).
struct Variable {
  std::string name;
  Address address = 0;
  std::uint64_t bytes = 0;
  bool is_constant = false;
};

class Kernel;  // a decoded .entry; see kernel.h

struct KernelAttributes {
  std::uint32_t static_shared_bytes = 0;
  std::uint32_t local_bytes = 0;     // a thread
  std::uint32_t constant_bytes = 0;  // of its module
  int ptx_architecture = 0;          // of its module: 80 for .target sm_80
  std::uint32_t parameter_bytes = 0;
  std::uint32_t most_threads = 1024;                                // .maxntid or .reqntid
  std::vector<std::pair<std::uint32_t, std::uint32_t>> parameters;  // offset, bytes of each
};

// A PTX text on one device: its kernels, and its variables in that device's memory.
class Module {
 public:
  // Throws ModuleError with the line where the text cannot be read, as find_kernel does for what
  // that kernel consists of. An instruction that is not known is no error; executing it is.
  static std::shared_ptr<Module> load(std::string_view ptx, int device, Memory& memory);
  virtual ~Module() = default;
  virtual const Kernel* find_kernel(std::string_view mangled) const = 0;  // nullptr where none
  virtual std::vector<std::string> kernel_names() const = 0;
  virtual const Variable* find_variable(std::string_view mangled) const = 0;
  virtual std::span<const Variable> variables() const = 0;
};

struct ModuleError {
  enum class Kind {
    malformed,
    newer_language,  // its .version
    other_device,    // its .target
    no_memory,       // for its variables
  };
  std::string text;  // "line 12: …"
  Kind kind = Kind::malformed;
};

KernelAttributes attributes(const Kernel& kernel);
const std::string& name(const Kernel& kernel);  // mangled

// What the kernel told the host side while it ran.
struct DeviceCalls {
  // cudaGraphSetConditional(handle, value)
  std::function<void(std::uint64_t handle, std::uint32_t value)> set_conditional;
};

struct Launch {
  const Kernel* kernel = nullptr;
  Dim3 grid, block;
  std::uint32_t dynamic_shared_bytes = 0;
  std::span<const std::byte> parameters;  // laid out as KernelAttributes::parameters says
  WorkId work = 0;
  int device = 0;
  bool is_cooperative = false;
};

enum class LaunchStatus {
  done,
  illegal_address,      // cudaErrorIllegalAddress
  misaligned_address,   // cudaErrorMisalignedAddress
  illegal_instruction,  // cudaErrorIllegalInstruction: trap, or one that is not known
  launch_failure,       // cudaErrorLaunchFailure: deadlock
  timeout,              // cudaErrorLaunchTimeout: the step budget
  assert_failed,        // cudaErrorAssert
};

// Executes a launch to its end. What it finds goes to reports(); what it did is added to
// `counters`.
LaunchStatus execute(const Launch& launch, Memory& memory, const Options& options,
                     const DeviceCalls& calls, Counters& counters);

}  // namespace emulator
