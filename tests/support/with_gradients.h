// The tape with the gradients of its targets by its floating inputs as targets too.
#pragma once

#include <tendon/backend.h>

namespace tendon::test {

Tape with_gradients(const Tape& tape);

}  // namespace tendon::test
