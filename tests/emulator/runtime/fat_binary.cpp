#include "runtime/fat_binary.h"

#include <cstring>

namespace emulator {
namespace {

// The layout is not documented; it was read off files that nvcc 13.0 wrote.
constexpr std::uint16_t kPtxKind = 1;

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

}  // namespace

std::optional<FatBinary> read_entries(const void* data, std::size_t most) {
  if (most < sizeof(Header)) return {};
  const auto* at = static_cast<const std::byte*>(data);
  const auto header = read<Header>(at);
  if (header.magic != kFatBinaryMagic || header.header_bytes < sizeof(Header) ||
      header.header_bytes > most || header.bytes > most - header.header_bytes)
    return {};
  FatBinary binary{{}, header.header_bytes + header.bytes};
  const std::byte* const end = at + binary.bytes;
  at += header.header_bytes;
  while (static_cast<std::size_t>(end - at) >= sizeof(Entry)) {
    const auto entry = read<Entry>(at);
    const auto left = static_cast<std::uint64_t>(end - at);
    if (entry.header_bytes < sizeof(Entry) || entry.header_bytes > left ||
        entry.bytes > left - entry.header_bytes)
      return {};
    at += entry.header_bytes;
    binary.entries.push_back({entry.kind == kPtxKind,
                              entry.compressed_bytes != 0,
                              entry.architecture,
                              {at, entry.bytes}});
    at += entry.bytes;
  }
  return binary;
}

}  // namespace emulator
