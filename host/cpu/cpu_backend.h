// The CPU as a device.
#pragma once

#include "host/plan/backend.h"

namespace tendon::cpu {

plan::Backend& backend();

}  // namespace tendon::cpu
