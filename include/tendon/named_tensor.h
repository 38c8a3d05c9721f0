// NamedTensor: what optimizers, random numbers and files exchange.
#pragma once

#include <tendon/tensor.h>

#include <string>

namespace tendon {

struct NamedTensor {
  std::string name;
  Tensor value;
};

}  // namespace tendon
