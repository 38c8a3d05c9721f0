// Programs that must not compile, one a CASE; without one the rest must.
#include <tendon/tendon.h>

using namespace tendon;

void program() {
  Variable w(Tensor(1), "w");
  Tensor x = w + 1;
  GradientTape tape;
#if CASE == 1
  w = x;  // assigning a tensor to a variable: assign() is meant, or another handle
#elif CASE == 2
  GradientTape copy = tape;
#elif CASE == 3
  tape.gradient(x, 2.0);  // a number is no source
#elif CASE == 4
  Tensor::from({1U, 2U});  // no such element type
#elif CASE == 5
  x + "1";
#elif CASE == 6
  w += 1;  // on a variable: assign_add
#elif CASE == 7
  if (x > 0) tape.stop();  // a tensor is no truth value
#elif CASE == 8
  Device device = 0;
#elif CASE == 9
  w -= x;  // on a variable: assign_sub
#elif CASE == 10
  w *= x;  // on a variable: assign
#elif CASE == 11
  w /= 2.0;
#endif
}
