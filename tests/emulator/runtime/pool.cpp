#include "runtime/pool.h"

#include <algorithm>

bool CUmemPoolHandle_st::take(std::uint64_t bytes) {
  if (most_bytes != 0 && used + bytes > most_bytes) return false;
  used += bytes;
  most_used = std::max(most_used, used);
  reserved = std::max(reserved, used);
  most_reserved = std::max(most_reserved, reserved);
  return true;
}

void CUmemPoolHandle_st::trim(std::uint64_t bytes_to_keep) {
  reserved = std::max(used, std::min(reserved, bytes_to_keep));
}
