#include "host/record/environment.h"

#include <cstdlib>
#include <string_view>

#include "host/support/text.h"

namespace tendon::record {
namespace {

bool check_switches() {
  for (const char* variable : {"TENDON_TF32", "TENDON_PTX", "TENDON_LINEINFO"}) {
    const char* given = std::getenv(variable);
    const std::string_view value = given == nullptr ? "" : given;
    if (value.empty() || value == "0" || value == "1") continue;
    fmt::print(stderr, "tendon: {} is '{}'; it must be 0 or 1. Taking 0.\n", variable, value);
  }
  return true;
}

}  // namespace

void check_environment() {
  static const bool is_checked = check_switches();
  static_cast<void>(is_checked);
}

}  // namespace tendon::record
