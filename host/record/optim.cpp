// The optimizers: their updates are written in the same ops as user code, and run with the backward
// pass in one plan.
#include <tendon/error.h>
#include <tendon/ops.h>
#include <tendon/optim.h>

#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "host/record/cell.h"
#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/record/warning.h"
#include "host/support/text.h"

namespace tendon::optim {
namespace {

void check(const char* optimizer, const Gradients& gradients, std::span<const Variable> variables,
           Place place) {
  if (gradients.size() != variables.size()) {
    throw ShapeError(fmt::format("{}::apply{}: {} gradients for {} variables", optimizer,
                                 support::at(place), gradients.size(), variables.size()));
  }
  std::unordered_set<const detail::Cell*> listed;
  for (const Variable& variable : variables) {
    if (!listed.insert(variable.cell().get()).second) {
      throw Error(fmt::format("{}::apply{}: variable '{}' is listed twice", optimizer,
                              support::at(place), variable.name()));
    }
  }
  std::string reasons;
  bool any = false;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Variable& variable = variables[i];
    if (!gradients[i]) {
      reasons += fmt::format("\n  {}: {}", gradients[i].source(), gradients[i].why().text);
      continue;
    }
    any = true;
    if (gradients[i]->shape() != variable.shape()) {
      throw ShapeError(fmt::format("{}::apply{}: variable '{}' has shape {}, its gradient {}",
                                   optimizer, support::at(place), variable.name(), variable.shape(),
                                   gradients[i]->shape()));
    }
    if (gradients[i]->dtype() != variable.dtype()) {
      throw DTypeError(fmt::format("{}::apply{}: variable '{}' is {}, its gradient {}", optimizer,
                                   support::at(place), variable.name(), variable.dtype(),
                                   gradients[i]->dtype()));
    }
  }
  if (!any && !variables.empty()) {
    throw NoGradient(fmt::format("{}::apply{}: every gradient is None:{}", optimizer,
                                 support::at(place), reasons));
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (gradients[i]) continue;
    record::warn_once(
        place,
        fmt::format("{}::apply{}: '{}' is left as it is, its gradient is None: {}", optimizer,
                    support::at(place), gradients[i].source(), gradients[i].why().text));
  }
}

// New values, computed together before any variable is changed: a step that fails leaves all as
// they were.
class Step {
 public:
  explicit Step(Place place) : place_(place) {}
  void set(const Variable& variable, Tensor value) {
    computed_.push_back(value);
    values_.emplace_back(variable, std::move(value));
  }
  // A moment, computed with the rest.
  void keep(const Tensor& moment) { computed_.push_back(moment); }
  void finish() {
    std::vector<record::Node*> nodes;
    for (const Tensor& tensor : computed_) nodes.push_back(tensor.node());
    record::evaluate(nodes, record::Keeps::worth_and_losses);
    for (auto& [variable, value] : values_) variable.assign(value, place_);
  }

 private:
  Place place_;
  std::vector<Tensor> computed_;
  std::vector<std::pair<Variable, Tensor>> values_;
};

// Moments by cell. They are kept while the optimizer lives, as in TensorFlow and PyTorch.
template <class Moments>
using ByCell = std::unordered_map<std::shared_ptr<detail::Cell>, Moments>;

// The value, shrunk by decoupled weight decay.
Tensor decayed(const Tensor& value, double learning_rate, double weight_decay) {
  return weight_decay == 0 ? value : value * (1 - learning_rate * weight_decay);
}

}  // namespace

struct Sgd::State {
  SgdOptions options;
  ByCell<Tensor> velocities;
};
Sgd::Sgd(SgdOptions options) : state_(std::make_unique<State>(State{options, {}})) {}
Sgd::~Sgd() = default;
Sgd::Sgd(Sgd&&) noexcept = default;
Sgd& Sgd::operator=(Sgd&&) noexcept = default;
SgdOptions& Sgd::options() { return state_->options; }

void Sgd::apply(const Gradients& gradients, std::initializer_list<Variable> variables,
                Place place) {
  apply(gradients, detail::List<Variable>(variables), place);
}
void Sgd::apply(const Gradients& gradients, const detail::List<Variable>& variables, Place place) {
  check("Sgd", gradients, variables, place);
  const record::Suspend suspend;
  const SgdOptions& options = state_->options;
  Step step(place);
  std::vector<std::pair<std::shared_ptr<detail::Cell>, Tensor>> velocities;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const Variable& variable = variables[i];
    Tensor direction = *gradients[i];
    if (options.momentum != 0) {
      const auto found = state_->velocities.find(variable.cell());
      const Tensor velocity = found == state_->velocities.end()
                                  ? direction
                                  : found->second * options.momentum + direction;
      direction = options.nesterov ? direction + velocity * options.momentum : velocity;
      step.keep(velocity);
      velocities.emplace_back(variable.cell(), velocity);
    }
    step.set(variable, decayed(variable.read(place), options.learning_rate, options.weight_decay) -
                           direction * options.learning_rate);
  }
  step.finish();
  for (auto& [cell, velocity] : velocities)
    state_->velocities.insert_or_assign(cell, std::move(velocity));
}

struct Adam::State {
  struct Moments {
    Tensor first;
    Tensor second;
    std::int64_t steps = 0;
  };
  AdamOptions options;
  ByCell<Moments> moments;
};
Adam::Adam(AdamOptions options) : state_(std::make_unique<State>(State{options, {}})) {}
Adam::~Adam() = default;
Adam::Adam(Adam&&) noexcept = default;
Adam& Adam::operator=(Adam&&) noexcept = default;
AdamOptions& Adam::options() { return state_->options; }

void Adam::apply(const Gradients& gradients, std::initializer_list<Variable> variables,
                 Place place) {
  apply(gradients, detail::List<Variable>(variables), place);
}
void Adam::apply(const Gradients& gradients, const detail::List<Variable>& variables, Place place) {
  check("Adam", gradients, variables, place);
  const record::Suspend suspend;
  const AdamOptions& options = state_->options;
  Step step(place);
  std::vector<std::pair<std::shared_ptr<detail::Cell>, State::Moments>> moments;
  // Zeros in memory and not in the formulas: the first step's plan is that of all steps.
  std::vector<record::Node*> zeros;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const auto found = state_->moments.find(variables[i].cell());
    const bool is_first = found == state_->moments.end();
    moments.emplace_back(
        variables[i].cell(),
        is_first ? State::Moments{zeros_like(*gradients[i]), zeros_like(*gradients[i]), 0}
                 : found->second);
    if (!is_first) continue;
    zeros.push_back(moments.back().second.first.node());
    zeros.push_back(moments.back().second.second.node());
  }
  record::evaluate(zeros);
  auto next = moments.begin();
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const Variable& variable = variables[i];
    const Tensor& g = *gradients[i];
    State::Moments& of_variable = (next++)->second;
    const State::Moments before = std::move(of_variable);
    const State::Moments after{before.first * options.beta1 + g * (1 - options.beta1),
                               before.second * options.beta2 + square(g) * (1 - options.beta2),
                               before.steps + 1};
    const auto steps = static_cast<double>(after.steps);
    const Tensor mean = after.first * (1 / (1 - std::pow(options.beta1, steps)));
    const Tensor deviation = sqrt(after.second * (1 / (1 - std::pow(options.beta2, steps))));
    step.set(variable, decayed(variable.read(place), options.learning_rate, options.weight_decay) -
                           mean * options.learning_rate / (deviation + options.epsilon));
    step.keep(after.first);
    step.keep(after.second);
    of_variable = after;
  }
  step.finish();
  for (auto& [cell, after] : moments) state_->moments.insert_or_assign(cell, std::move(after));
}

}  // namespace tendon::optim
