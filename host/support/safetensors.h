// The header of a safetensors file: its text from entries, and entries from a text that anybody may
// have written. Knows nothing of files; errors say what is wrong and leave the place to the caller.
#pragma once

#include <tendon/dtype.h>
#include <tendon/safetensors.h>
#include <tendon/shape.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon::support {

struct SafetensorsEntry {
  std::string name;
  DType dtype;
  Shape shape;
  std::uint64_t begin = 0;  // of its bytes, counted from the end of the header
  std::uint64_t end = 0;
};
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // as the text lists them
  Metadata metadata;
};

constexpr std::uint64_t kSafetensorsPrefix = 8;  // bytes: the header's length, little-endian

// The header's length by the first bytes of a file of this size. Error where the file is too short.
std::uint64_t safetensors_header_bytes(std::span<const unsigned char, kSafetensorsPrefix> prefix,
                                       std::uint64_t file_bytes);

// Error unless the entries have names of their own, dtypes and shapes that tendon has, and are
// stored one after the other, aligned, over all of the bytes that follow the header.
SafetensorsHeader parse_safetensors(std::string_view header, std::uint64_t value_bytes);

// The prefix and the header, padded so that the values begin at a multiple of 8 bytes. Sets the
// entries' begin and end: the dtypes of most bytes come first, so that each value is aligned. Error
// where a name cannot stand in a header.
std::string write_safetensors(SafetensorsHeader& header);

}  // namespace tendon::support
