// Touches every public header's symbols, so that one which is not exported fails to link here.
#include <tendon/tendon.h>

#include <iostream>
#include <sstream>

using namespace tendon;

int main() {
  random::seed(1);
  Variable w(random::normal({3}), "w"), unused(Tensor(1), "unused");
  GradientTape tape({.persistent = true});
  Tensor loss = reduce_mean(square(softmax(w * arange(3)) - 0.5));
  const Gradients gradients = tape.gradient(loss, {w, unused});
  std::ostringstream printed;
  printed << gradients << loss << w << w.shape() << w.dtype() << Device::best() << gradients[1]
          << describe({loss});
  optim::Adam().apply(gradients, {w, unused});
  optim::Sgd().apply(gradients, {w, unused});
  try {
    gradients[1].value();
    return 1;
  } catch (const NoGradient&) {  // across the library's boundary
  }
  try {
    matmul(zeros({2, 3}), zeros({2, 3}));
    return 1;
  } catch (const ShapeError&) {
  }
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2});
  const Executable executable = compile(std::move(builder).finish({builder.apply(Op::exp, {x})}),
                                        {.device = default_device()});
  float in[] = {0, 1};
  float out[] = {0, 0};
  executable.run(Stream(), {Buffer{in, sizeof in}}, {Buffer{out, sizeof out}});
  if (out[0] != 1 || tape.explain(loss, unused).cause != Cause::never_used) return 1;
  set_warning_handler({});
  run({concat({w, w}), stack({w, w}), gather(w, Tensor::from({0, 2})), eye(2), linspace(0, 1, 3)});
  const Tensor product = matmul(eye(3, DType::f64), eye(3, DType::f64));  // opens OpenBLAS
  if (reduce_sum(product).item<double>() != 3) return 1;
  std::cout << counters(Device::cpu()).runs << " runs\n";
}
