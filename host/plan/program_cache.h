// The programs that have been prepared, by the structure of their tapes.
#pragma once

#include <memory>

#include "host/plan/backend.h"

namespace tendon::plan {

// The program of the tape's structure on this device, found or prepared; which of the two is
// counted. Two threads that ask for a new one at once may both prepare it. Throws what prepare()
// throws.
std::shared_ptr<const Program> program_for(Backend& backend, const Tape& tape);

}  // namespace tendon::plan
