// Reading and writing an attribute of a descriptor by its number, with the checks of sizes that
// every Get- and SetAttribute has. The values themselves are checked where they are used.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "cublaslt/descriptor.h"

namespace emulator::cublaslt {

template <typename Field>
std::span<std::byte> bytes_of(Field& field) {
  return std::as_writable_bytes(std::span(&field, 1));
}

inline void set_attribute(std::span<std::byte> field, const void* value, std::size_t bytes) {
  if (field.empty()) throw invalid("there is no such attribute");
  if (value == nullptr) throw invalid("the value is null");
  if (bytes != field.size()) {
    throw invalid("the value has ", bytes, " bytes, the attribute ", field.size());
  }
  std::memcpy(field.data(), value, bytes);
}

// 0 bytes ask for the attribute's size.
inline void get_attribute(std::span<const std::byte> field, void* value, std::size_t bytes,
                          std::size_t* written) {
  if (field.empty()) throw invalid("there is no such attribute");
  if (bytes == 0 && written == nullptr) throw invalid("0 bytes, and nowhere to say how many");
  if (bytes != 0 && value == nullptr) throw invalid("nowhere to write the value");
  if (bytes != 0 && bytes != field.size()) {
    throw invalid("room for ", bytes, " bytes, the attribute has ", field.size());
  }
  if (bytes != 0) std::memcpy(value, field.data(), bytes);
  if (written != nullptr) *written = field.size();
}

}  // namespace emulator::cublaslt
