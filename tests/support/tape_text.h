// A tape in words, one line an op. Places are left out, so that the text is the same wherever the
// tape was built.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tendon::test {

// Which values the targets depend on.
std::vector<bool> needed(const Tape& tape);

// %2 = add f32 (3,) %0 %1, for each value; then the targets.
std::string text(const Tape& tape);
// The same of what the targets depend on.
std::string text_of_needed(const Tape& tape);

}  // namespace tendon::test
