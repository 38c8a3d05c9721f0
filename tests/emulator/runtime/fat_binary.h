// The entries of a fat binary: what nvcc embeds in programs for the devices that they may meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace emulator {

struct FatBinaryEntry {
  bool is_ptx = false;  // else machine code
  bool is_compressed = false;
  std::uint32_t architecture = 0;  // 90 for sm_90
  std::span<const std::byte> payload;
};

struct FatBinary {
  std::vector<FatBinaryEntry> entries;
  std::size_t bytes = 0;  // in all
};

// How a fat binary begins, in four bytes.
inline constexpr std::uint32_t kFatBinaryMagic = 0xba55ed50;

// The fat binary at `at`, which may reach over `most` bytes. None where it is none, or broken.
std::optional<FatBinary> read_entries(const void* at, std::size_t most);

}  // namespace emulator
