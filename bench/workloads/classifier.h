// A classifier of digits as a user writes it: the network of mlp.h, on a GradientTape.
#pragma once

#include <tendon/tendon.h>

#include <cstdint>
#include <vector>

namespace tendon::workloads {

class Classifier {
 public:
  explicit Classifier(std::int64_t batch);  // random images and weights
  // One step of Adam on every weight and bias; gives the loss before it.
  Tensor step();

 private:
  std::int64_t batch_;
  Tensor images_, labels_;
  std::vector<Variable> parameters_;  // weight and bias of each layer
  optim::Adam adam_;
};

}  // namespace tendon::workloads
