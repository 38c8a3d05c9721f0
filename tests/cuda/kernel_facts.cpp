#include "tests/cuda/kernel_facts.h"

#include <cuda_occupancy.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace tendon::cuda {
namespace {

struct Limits {
  int architecture, threads, shared_kib;
};
constexpr Limits kLimits[] = {{80, 2048, 164}, {90, 2048, 228}, {100, 2048, 228}, {120, 1536, 100}};

const std::regex kLoad(R"(\bld\.global(\.\w+)*\.(v4\.[bufs]32|v2\.[bufs]64)\s+\{([^}]*)\})");
const std::regex kCopy(R"(\bcp\.async\.cg\.shared\.global\s.*, 16;)");
const std::regex kWait(R"(\bcp\.async\.wait_(group|all)\b)");
const std::regex kRegister(R"(%\w+)");

std::set<std::string> registers(const std::string& text) {
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), kRegister), end; at != end; ++at)
    found.insert(at->str());
  return found;
}

}  // namespace

Occupancy occupancy_of(const MachineCode& code, std::uint32_t threads, int architecture) {
  const Limits& limits = *std::ranges::find(kLimits, architecture, &Limits::architecture);
  cudaOccDeviceProp device;
  device.computeMajor = architecture / 10;
  device.computeMinor = architecture % 10;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = limits.threads;
  device.regsPerBlock = 65536;
  device.regsPerMultiprocessor = 65536;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 << 10;
  device.sharedMemPerMultiprocessor = static_cast<std::size_t>(limits.shared_kib) << 10;
  device.numSms = 1;
  device.sharedMemPerBlockOptin = device.sharedMemPerMultiprocessor - 1024;
  device.reservedSharedMemPerBlock = 1024;
  cudaOccFuncAttributes function;
  function.maxThreadsPerBlock = static_cast<int>(threads);
  function.numRegs = code.register_count;
  function.sharedSizeBytes = static_cast<std::size_t>(code.shared_bytes);
  function.partitionedGCConfig = PARTITIONED_GC_OFF;
  function.shmemLimitConfig = FUNC_SHMEM_LIMIT_DEFAULT;
  function.maxDynamicSharedSizeBytes = 0;
  function.numBlockBarriers = code.barrier_count;
  const cudaOccDeviceState state{};
  cudaOccResult result;
  EXPECT_EQ(cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &function, &state,
                                                    static_cast<int>(threads), 0),
            CUDA_OCC_SUCCESS);
  const int resident = result.activeBlocksPerMultiprocessor * static_cast<int>(threads);
  return {resident, static_cast<double>(resident) / limits.threads};
}

int bytes_in_flight(std::string_view ptx) {
  int most = 0;
  int now = 0;
  std::set<std::string> loaded;
  std::istringstream lines{std::string(ptx)};
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, kCopy)) most = std::max(most, now += 16);
    if (std::regex_search(line, kWait)) now = 0;
    std::smatch load;
    if (std::regex_search(line, load, kLoad)) {
      loaded.merge(registers(load[3]));
      most = std::max(most, now += 16);
      continue;
    }
    const std::set<std::string> used = registers(line);
    if (std::ranges::none_of(used, [&](const std::string& name) { return loaded.contains(name); }))
      continue;
    loaded.clear();
    now = 0;
  }
  return most;
}

}  // namespace tendon::cuda
