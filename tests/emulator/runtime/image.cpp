#include "runtime/image.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "machine/machine.h"

namespace emulator {
namespace {

// The layout is not documented; it was read off files that nvcc 13.0 wrote.
constexpr std::uint32_t kWrapperMagic = 0x466243b1;
constexpr std::uint32_t kFatBinaryMagic = 0xba55ed50;
constexpr std::uint16_t kPtxKind = 1;

struct Wrapper {
  std::uint32_t magic, version;
  const void* data;
};

struct Header {
  std::uint32_t magic;
  std::uint16_t version, header_bytes;
  std::uint64_t bytes;  // after the header
};

struct Entry {
  std::uint16_t kind, version;
  std::uint32_t header_bytes;
  std::uint64_t bytes;             // after the header, with padding
  std::uint32_t compressed_bytes;  // 0 where it is not compressed
  std::uint32_t options_at;
  std::uint16_t minor, major;  // of the PTX language
  std::uint32_t architecture;  // 90 for sm_90
};

template <class T>
T read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

void tell_of_compression() {
  static bool is_told = false;
  if (is_told) return;
  is_told = true;
  std::fprintf(stderr,
               "emulator: the program's PTX is compressed; compile it with nvcc -no-compress\n");
}

}  // namespace

Image read_fat_binary(const void* data) {
  constexpr std::uint32_t kArchitecture = DeviceProperties::kMajor * 10 + DeviceProperties::kMinor;
  if (read<std::uint32_t>(static_cast<const std::byte*>(data)) == kWrapperMagic)
    data = read<Wrapper>(static_cast<const std::byte*>(data)).data;
  const auto* at = static_cast<const std::byte*>(data);
  const auto header = read<Header>(at);
  if (header.magic != kFatBinaryMagic) return {{}, cudaErrorInvalidKernelImage};
  at += header.header_bytes;
  const std::byte* end = at + header.bytes;

  Image best{{}, cudaErrorNoKernelImageForDevice};
  std::uint32_t best_architecture = 0;
  bool is_any_compressed = false;
  while (at + sizeof(Entry) <= end) {
    const auto entry = read<Entry>(at);
    const std::byte* payload = at + entry.header_bytes;
    const auto left = static_cast<std::uint64_t>(end - at);
    if (entry.header_bytes < sizeof(Entry) || entry.header_bytes > left ||
        entry.bytes > left - entry.header_bytes)
      return {{}, cudaErrorInvalidKernelImage};
    if (entry.kind == kPtxKind && entry.architecture <= kArchitecture) {
      if (entry.compressed_bytes != 0) {
        is_any_compressed = true;
      } else if (entry.architecture >= best_architecture) {
        best_architecture = entry.architecture;
        const char* text = reinterpret_cast<const char*>(payload);
        best = {{text, strnlen(text, entry.bytes)}, cudaSuccess};
      }
    }
    at = payload + entry.bytes;
  }
  if (best.refusal != cudaSuccess && is_any_compressed) tell_of_compression();
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
    return {{}, cudaErrorNoKernelImageForDevice};
  return {text, cudaSuccess};
}

}  // namespace emulator
