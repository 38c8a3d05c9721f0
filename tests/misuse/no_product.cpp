// A program without a matrix product: it needs no OpenBLAS, so none of the address space that
// OpenBLAS takes. With an argument it asks for a product after all.
#include <tendon/tendon.h>

#include <cstdio>

using namespace tendon;

int main(int argument_count, char**) {
  try {
    Variable w(ones({100}), "w");
    GradientTape tape;
    const Tensor loss = reduce_sum(exp(w) * w);
    optim::Adam().apply(tape.gradient(loss, {w}), {w});
    std::printf("sum %g\n", reduce_sum(w).item<double>());
    if (argument_count > 1) {
      const Tensor a = ones({4, 4}, DType::f64);
      std::printf("product %g\n", reduce_sum(matmul(a, a)).item<double>());
    }
  } catch (const OutOfMemory& error) {
    std::printf("OutOfMemory: %s\n", error.what());
  }
}
