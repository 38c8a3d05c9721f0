#include "runtime/image.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "machine/machine.h"
#include "runtime/fat_binary.h"

namespace emulator {
namespace {

constexpr std::uint32_t kWrapperMagic = 0x466243b1;

struct Wrapper {
  std::uint32_t magic, version;
  const void* data;
};

std::string why_none(const FatBinary& binary) {
  std::string held;
  bool is_any_compressed = false;
  for (const FatBinaryEntry& entry : binary.entries) {
    is_any_compressed |= entry.is_ptx && entry.is_compressed;
    held += held.empty() ? "" : ", ";
    held += (entry.is_ptx ? "compute_" : "sm_") + std::to_string(entry.architecture);
  }
  if (is_any_compressed) return "its PTX is compressed; compile it with nvcc -no-compress";
  if (held.empty()) return "its image is empty; compile it without -rdc=true";
  return "it has no PTX for compute capability 9.0 or below, only " + held +
         "; compile it with nvcc -code=compute_90";
}

}  // namespace

Image read_fat_binary(const void* data) {
  constexpr std::uint32_t kArchitecture = DeviceProperties::kMajor * 10 + DeviceProperties::kMinor;
  Wrapper wrapper;
  std::memcpy(&wrapper.magic, data, sizeof wrapper.magic);
  if (wrapper.magic == kWrapperMagic) {
    std::memcpy(&wrapper, data, sizeof wrapper);
    data = wrapper.data;
  }
  // The program's own: it is as long as it says.
  const std::optional<FatBinary> binary =
      read_entries(data, std::numeric_limits<std::ptrdiff_t>::max());
  if (!binary) return {{}, cudaErrorInvalidKernelImage, "it is no fat binary"};

  Image best{{}, cudaErrorNoKernelImageForDevice};
  std::uint32_t best_architecture = 0;
  for (const FatBinaryEntry& entry : binary->entries) {
    if (!entry.is_ptx || entry.architecture > kArchitecture || entry.is_compressed) continue;
    if (entry.architecture >= best_architecture) {
      best_architecture = entry.architecture;
      const char* text = reinterpret_cast<const char*>(entry.payload.data());
      best = {{text, strnlen(text, entry.payload.size())}, cudaSuccess};
    }
  }
  if (best.refusal != cudaSuccess) best.why = why_none(*binary);
  return best;
}

Image read_code(const void* code) {
  const auto* text = static_cast<const char*>(code);
  // A text may be shorter, and has an end in that case.
  const auto begins_with = [&](const void* magic) {
    return std::strncmp(text, static_cast<const char*>(magic), 4) == 0;
  };
  if (begins_with(&kWrapperMagic) || begins_with(&kFatBinaryMagic)) return read_fat_binary(code);
  if (begins_with("\x7f"
                  "ELF"))
    return {{}, cudaErrorNoKernelImageForDevice, "it is machine code, and no PTX"};
  return {text, cudaSuccess};
}

}  // namespace emulator
