// Environment variables that are 0 or 1: another value is told once, whatever device computes.
#pragma once

namespace tendon::record {

// At the first call, a line on stderr for each variable that is neither.
void check_environment();

}  // namespace tendon::record
