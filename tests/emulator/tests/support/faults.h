// For kernels with one fault each that must be named.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "support/device.h"

namespace emulator_test {

// Where a fault was planted.
struct Planted {
  std::string fault;
  std::string kernel;       // its name, without namespaces
  int line = 0;             // of the source; 0 where it is not known
  std::string block;        // "(0, 0, 0)"; empty where it may be any
  std::string thread;       // "(32, 0, 0)"
  std::string instruction;  // how its PTX begins: "st.global.u32"
};

class FaultTest : public EmulatedTest {
 protected:
  // Exactly this one was found, and the launch ended with this error.
  void expect_found(const Planted& planted, const char* file, cudaError_t error = cudaSuccess);
  // The device computes again.
  void expect_usable();
};

}  // namespace emulator_test
