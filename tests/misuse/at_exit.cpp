// Statics that are destroyed, and compute, after the thread's own objects are gone.
#include <tendon/tendon.h>

#include <cstdio>
#include <memory>

using namespace tendon;

struct Logger {
  Tensor last;
  Tensor losses;
  double sum() const { return reduce_sum(exp(losses)).item<double>(); }  // tiles, and a reduction
  double thrice() const { return last.item<double>() + (last * 2).item<double>(); }
  ~Logger() { std::printf("last loss %g of %g\n", thrice(), sum()); }
};

static Logger logger;
static std::unique_ptr<GradientTape> tape;
static Gradients gradients;
static std::unique_ptr<Variable> variable;

int main() {
  variable = std::make_unique<Variable>(Tensor(3), "static");
  tape = std::make_unique<GradientTape>(TapeOptions{.persistent = true});
  logger.last = *variable * *variable;
  logger.losses = zeros({1000});
  exp(logger.losses).to_vector<float>();
  // On a CUDA device what is computed at exit has to be compiled before.
  logger.sum();
  logger.thrice();
  gradients = tape->gradient(logger.last, {*variable});
}
