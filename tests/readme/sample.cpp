#include <tendon/tendon.h>

#include <iostream>

using namespace tendon;

int main() {
  Variable slope(Tensor(0.0), "slope"), offset(Tensor(0.0), "offset"), drag(Tensor(0.1), "drag");
  Tensor x = arange(8), y = 3 * x - 2;
  optim::Adam adam({.learning_rate = 0.1});
  for (int step = 0; step < 500; ++step) {
    GradientTape tape;
    Tensor loss = reduce_mean(square(slope * x + offset - y)) + floor(drag);
    Gradients gradients = tape.gradient(loss, {slope, offset, drag});
    if (step == 0) std::cout << gradients;
    adam.apply(gradients, {slope, offset, drag});
  }
  std::cout << round(slope) << ' ' << round(offset) << '\n';
}
