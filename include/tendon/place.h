// Place: where the caller wrote a call; for messages and explanations.
#pragma once

#include <source_location>

namespace tendon {

using Place = std::source_location;

}  // namespace tendon
