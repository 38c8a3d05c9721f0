// Warnings, each place once, to the handler that the user set.
#pragma once

#include <tendon/optim.h>

#include <string>

namespace tendon::record {

void warn_once(Place place, const std::string& text);

}  // namespace tendon::record
