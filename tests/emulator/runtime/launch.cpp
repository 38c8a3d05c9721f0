#include "runtime/launch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/device_properties.h"

namespace emulator {
namespace {

void check_shape(const dim3& grid, const dim3& block) {
  const auto limit = [](cudaDeviceAttr attribute) {
    return static_cast<unsigned>(*device_attribute(attribute, 0));
  };
  const auto is_within = [](unsigned value, unsigned most) { return value >= 1 && value <= most; };
  require(is_within(grid.x, limit(cudaDevAttrMaxGridDimX)) &&
              is_within(grid.y, limit(cudaDevAttrMaxGridDimY)) &&
              is_within(grid.z, limit(cudaDevAttrMaxGridDimZ)) &&
              is_within(block.x, limit(cudaDevAttrMaxBlockDimX)) &&
              is_within(block.y, limit(cudaDevAttrMaxBlockDimY)) &&
              is_within(block.z, limit(cudaDevAttrMaxBlockDimZ)) &&
              std::uint64_t{block.x} * block.y * block.z <= limit(cudaDevAttrMaxThreadsPerBlock),
          cudaErrorInvalidConfiguration);
}

std::vector<std::byte> pack(const KernelAttributes& attributes, void** arguments) {
  std::vector<std::byte> packed(attributes.parameter_bytes);
  require(arguments != nullptr || attributes.parameters.empty());
  for (std::size_t i = 0; i < attributes.parameters.size(); ++i) {
    const auto [offset, bytes] = attributes.parameters[i];
    require(arguments[i] != nullptr);
    std::memcpy(packed.data() + offset, arguments[i], bytes);
  }
  return packed;
}

}  // namespace

int resident_blocks(const KernelAttributes& attributes, std::uint64_t threads,
                    std::uint64_t dynamic_shared_bytes) {
  using P = DeviceProperties;
  constexpr std::uint64_t kWarp = P::kWarpSize;
  const std::uint64_t rounded = (threads + kWarp - 1) / kWarp * kWarp;
  if (rounded == 0 || threads > attributes.most_threads) return 0;
  const std::uint64_t shared =
      attributes.static_shared_bytes + dynamic_shared_bytes + P::kReservedSharedPerBlock;
  const std::uint64_t fit =
      std::min({std::uint64_t{P::kBlocksPerMultiprocessor}, P::kThreadsPerMultiprocessor / rounded,
                P::kRegistersPerMultiprocessor / (rounded * kRegistersPerThread),
                P::kSharedPerMultiprocessor / shared});
  return static_cast<int>(fit);
}

KernelLaunch launch_of(Context& context, const LaunchRequest& request, int device) {
  const Function& function = function_of(context, request.function);
  check_shape(request.grid, request.block);
  Code code = code_of(context, function, device);
  const std::uint64_t threads = std::uint64_t{request.block.x} * request.block.y * request.block.z;
  require(threads <= code.attributes.most_threads, cudaErrorLaunchOutOfResources);
  require(request.dynamic_shared_bytes <= most_dynamic_shared_bytes(function, code, device));
  const std::uint64_t blocks = std::uint64_t{request.grid.x} * request.grid.y * request.grid.z;
  if (request.is_cooperative) {
    const auto resident = static_cast<std::uint64_t>(
        resident_blocks(code.attributes, threads, request.dynamic_shared_bytes));
    require(blocks <= resident * DeviceProperties::kMultiprocessors,
            cudaErrorCooperativeLaunchTooLarge);
  }
  KernelLaunch launch;
  launch.function = request.function;
  launch.parameters = pack(code.attributes, request.arguments);
  launch.module = std::move(code.module);
  launch.kernel = code.kernel;
  launch.grid = {request.grid.x, request.grid.y, request.grid.z};
  launch.block = {request.block.x, request.block.y, request.block.z};
  launch.dynamic_shared_bytes = static_cast<std::uint32_t>(request.dynamic_shared_bytes);
  launch.is_cooperative = request.is_cooperative;
  launch.device = device;
  return launch;
}

KernelLaunch launch_of(Context& context, const cudaKernelNodeParams& parameters, int device) {
  require(parameters.func != nullptr, cudaErrorInvalidDeviceFunction);
  require_emulated(parameters.extra == nullptr, "a kernel node with packed parameters");
  return launch_of(context,
                   {.function = parameters.func,
                    .grid = parameters.gridDim,
                    .block = parameters.blockDim,
                    .arguments = parameters.kernelParams,
                    .dynamic_shared_bytes = parameters.sharedMemBytes},
                   device);
}

cudaKernelNodeParams parameters_of(const KernelLaunch& launch, std::vector<void*>& pointers) {
  pointers.clear();
  for (const auto& [offset, bytes] : attributes(*launch.kernel).parameters)
    pointers.push_back(const_cast<std::byte*>(launch.parameters.data() + offset));
  cudaKernelNodeParams parameters{};
  parameters.func = const_cast<void*>(launch.function);
  parameters.gridDim = {launch.grid.x, launch.grid.y, launch.grid.z};
  parameters.blockDim = {launch.block.x, launch.block.y, launch.block.z};
  parameters.sharedMemBytes = launch.dynamic_shared_bytes;
  parameters.kernelParams = pointers.data();
  return parameters;
}

}  // namespace emulator
