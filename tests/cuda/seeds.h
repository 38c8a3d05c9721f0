// Orders in which the emulated device may run what nothing orders.
#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <functional>

#include "tests/emulator/extension.h"

namespace tendon::cuda {

// Runs `body` under several seeds: in order first, then with blocks in a random order. 100 of them
// with TENDON_EMULATOR_LONG=1; once, with seed 0, on a real device.
inline void for_each_seed(const std::function<void(unsigned seed)>& body) {
  auto* const set_seed =
      reinterpret_cast<decltype(&emulatorSetSeed)>(dlsym(RTLD_DEFAULT, "emulatorSetSeed"));
  if (set_seed == nullptr) return body(0);
  const char* is_long = std::getenv("TENDON_EMULATOR_LONG");
  const unsigned count = is_long != nullptr && *is_long == '1' ? 100 : 3;
  for (unsigned seed = 0; seed < count; ++seed) {
    set_seed(seed, seed != 0);
    body(seed);
  }
  set_seed(0, 0);
}

}  // namespace tendon::cuda
