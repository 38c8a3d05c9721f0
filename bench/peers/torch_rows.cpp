#include "bench/peers/torch_rows.h"

#include <torch/torch.h>

#include <cmath>
#include <cstring>
#include <map>
#include <memory>

namespace tendon::bench {
namespace {

using at::Tensor;
using Tensors = std::vector<Tensor>;

Tensor chain(const Tensors& in) {
  Tensor y = in[0];
  for (int i = 0; i < 50; ++i) y = y * in[1] + in[1];
  return y;
}

Tensor muscle(const Tensors& in) {
  const Tensor &l = in[0], &v = in[1], &a = in[2], &t = in[3], &cosine = in[4];
  const auto bell = [&](double b1, double b2, double b3, double b4) {
    return b1 * at::exp(-0.5 * at::square((l - b2) / (b3 + b4 * l)));
  };
  const Tensor active =
      bell(0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465) +
      bell(0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188) +
      bell(0.1, 1, 0.353553390593274, 0);
  const double offset = std::exp(4 * (0.2 - 1) / 0.6);
  const Tensor passive = (at::exp(4 / 0.6 * (l - 1)) - offset) / (std::exp(4.0) - offset);
  const Tensor z = -8.149 * v - 0.374;
  const Tensor velocity =
      -0.3211346127989808 * at::log(z + at::sqrt(at::square(z) + 1)) + 0.8825327733249912;
  const double stiffness = std::log((1 + 0.2) / 0.2) / (1 + 0.049 - 1);
  const Tensor tendon = 0.2 * at::exp(stiffness * (t - 1)) - 0.2;
  return tendon - (a * active * velocity + passive) * cosine;
}

Tensor black_scholes(const Tensors& in) {
  const Tensor &spot = in[0], &strike = in[1], &time = in[2], &rate = in[3], &volatility = in[4];
  const Tensor spread = volatility * at::sqrt(time);
  const Tensor d1 =
      (at::log(spot / strike) + (rate + 0.5 * at::square(volatility)) * time) / spread;
  const Tensor d2 = d1 - spread;
  const auto normal = [](const Tensor& x) { return 0.5 * (1 + at::erf(x * std::sqrt(0.5))); };
  return spot * normal(d1) - strike * at::exp(-(rate * time)) * normal(d2);
}

Tensor gelu_formula(const Tensors& in) {
  const Tensor& x = in[0];
  return 0.5 * x * (1 + at::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

Tensor cross_entropy(const Tensors& in) {
  return at::cross_entropy_loss(in[0], in[1].squeeze(1).to(at::kLong));
}

const std::map<std::string, Tensor (*)(const Tensors&)> kFormulas = {
    {"replay", chain},
    {"muscle", muscle},
    {"black-scholes", black_scholes},
    {"gelu formula", gelu_formula},
    {"gelu op", [](const Tensors& in) { return at::gelu(in[0], "tanh"); }},
    {"silu x gate", [](const Tensors& in) { return at::silu(in[0]) * in[1]; }},
    {"cross-entropy", cross_entropy},
};

at::ScalarType scalar_type(Element element) {
  switch (element) {
    case Element::f32: return at::kFloat;
    case Element::f64: return at::kDouble;
    case Element::i32: break;
  }
  return at::kInt;
}

}  // namespace

TorchStep torch_step(const std::string& row, const std::vector<Array>& inputs) {
  const auto formula = kFormulas.find(row);
  if (formula == kFormulas.end()) return {};
  const bool gradients = row != "replay";
  struct State {
    Tensors inputs, sources, results;
  };
  const auto state = std::make_shared<State>();
  for (const Array& input : inputs) {
    Tensor tensor = at::from_blob(input.data(), input.shape(), scalar_type(input.element()));
    if (gradients && input.element() != Element::i32) {
      tensor.set_requires_grad(true);
      state->sources.push_back(tensor);
    }
    state->inputs.push_back(tensor);
  }
  // What does not change is made before the clock runs.
  if (row == "cross-entropy") state->inputs[1] = state->inputs[1].to(at::kLong);
  TorchStep step;
  step.run = [state, formula = formula->second, gradients] {
    const at::AutoGradMode mode(gradients);
    const Tensor value = formula(state->inputs);
    state->results = {value.detach()};
    if (!gradients) return;
    for (Tensor& gradient :
         torch::autograd::grad({value}, state->sources, {at::ones_like(value)})) {
      state->results.push_back(std::move(gradient));
    }
  };
  step.copy_results = [state](std::vector<Array>& outputs) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      std::memcpy(outputs[i].data(), state->results[i].contiguous().data_ptr(), outputs[i].bytes());
    }
  };
  return step;
}

std::function<void()> torch_mlp_step(std::int64_t batch) {
  struct State {
    torch::nn::Sequential model;
    torch::optim::Adam adam;
    Tensor images, labels;
  };
  torch::nn::Sequential model(torch::nn::Linear(784, 256), torch::nn::ReLU(),
                              torch::nn::Linear(256, 256), torch::nn::ReLU(),
                              torch::nn::Linear(256, 10));
  const auto state = std::make_shared<State>(
      State{model, torch::optim::Adam(model->parameters(), torch::optim::AdamOptions(1e-3)),
            torch::rand({batch, 784}), torch::randint(10, {batch}, at::kLong)});
  return [state] {
    state->adam.zero_grad();
    at::cross_entropy_loss(state->model->forward(state->images), state->labels).backward();
    state->adam.step();
  };
}

std::function<void()> torch_chain_step(int ops, bool with_gradient) {
  const Tensor w = torch::ones({64}, torch::requires_grad(with_gradient));
  const Tensor x = torch::ones({64});
  return [=] {
    Tensor y = w * x;
    for (int i = 2; i < ops; i += 2) y = torch::tanh(y) * x;
    if (with_gradient) torch::autograd::grad({y}, {w}, {torch::ones_like(y)});
  };
}

}  // namespace tendon::bench
