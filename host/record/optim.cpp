// The optimizers: what each checks, keeps and computes. Their updates run with the backward pass in
// one plan (update.h).
#include <tendon/error.h>
#include <tendon/optim.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/record/slots.h"
#include "host/record/update.h"
#include "host/record/warning.h"
#include "host/support/text.h"

namespace tendon::optim {
namespace {

// An optimizer's state, or that it was moved from.
template <class State>
State& checked(const std::unique_ptr<State>& state, const char* call, Place place) {
  if (!state) {
    throw Error(fmt::format("{}{}: the optimizer was moved from", call, support::at(place)));
  }
  return *state;
}

void check_option(const char* call, Place place, const char* option, double value, bool is_right,
                  const char* range) {
  if (is_right) return;
  throw Error(
      fmt::format("{}{}: {} is {}; it must be {}", call, support::at(place), option, value, range));
}

void check_positive(const char* call, Place place, const char* option, double value) {
  check_option(call, place, option, value, value >= 0 && std::isfinite(value),
               "finite, and not negative");
}

void check_options(const char* call, const SgdOptions& options, Place place) {
  check_positive(call, place, "learning_rate", options.learning_rate);
  check_positive(call, place, "weight_decay", options.weight_decay);
  check_option(call, place, "momentum", options.momentum,
               options.momentum >= 0 && options.momentum <= 1, "from 0 to 1");
}

void check_options(const char* call, const AdamOptions& options, Place place) {
  check_positive(call, place, "learning_rate", options.learning_rate);
  check_positive(call, place, "weight_decay", options.weight_decay);
  check_positive(call, place, "epsilon", options.epsilon);
  const auto check_beta = [&](const char* name, double beta) {
    check_option(call, place, name, beta, beta >= 0 && beta < 1, "0 or more, and below 1");
  };
  check_beta("beta1", options.beta1);
  check_beta("beta2", options.beta2);
}

// Where it was last told that a variable, by its cell, is left alone: the reason is found once.
using Told = std::unordered_map<std::uint64_t, Place>;

std::string label_of(const Variable& variable) {
  return variable.name().empty() ? fmt::format("variable{}", support::at(variable.cell()->place()))
                                 : variable.name();
}

void check(const char* optimizer, const Gradients& gradients, std::span<const Variable> variables,
           Place place, Told& told) {
  if (gradients.size() != variables.size()) {
    throw ShapeError(fmt::format("{}::apply{}: {} gradients for {} variables", optimizer,
                                 support::at(place), gradients.size(), variables.size()));
  }
  support::PoolVector<const detail::Cell*> cells;
  cells.reserve(variables.size());
  for (const Variable& variable : variables) cells.push_back(variable.cell().get());
  std::ranges::sort(cells);
  if (const auto twice = std::ranges::adjacent_find(cells); twice != cells.end()) {
    const auto named = std::ranges::find(
        variables, *twice, [](const Variable& variable) { return variable.cell().get(); });
    throw Error(fmt::format("{}::apply{}: variable '{}' is listed twice", optimizer,
                            support::at(place), label_of(*named)));
  }
  bool any = false;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Variable& variable = variables[i];
    if (!gradients[i]) continue;
    any = true;
    if (gradients[i]->is_empty_handle()) {
      throw Error(fmt::format("{}::apply{}: the gradient of variable '{}' is an empty tensor",
                              optimizer, support::at(place), label_of(variable)));
    }
    if (gradients[i]->shape() != variable.shape()) {
      throw ShapeError(fmt::format("{}::apply{}: variable '{}' has shape {}, its gradient {}",
                                   optimizer, support::at(place), label_of(variable),
                                   variable.shape(), gradients[i]->shape()));
    }
    if (gradients[i]->dtype() != variable.dtype()) {
      throw DTypeError(fmt::format("{}::apply{}: variable '{}' is {}, its gradient {}{}", optimizer,
                                   support::at(place), label_of(variable), variable.dtype(),
                                   gradients[i]->dtype(),
                                   support::literal_hint(variable.dtype(), gradients[i]->dtype())));
    }
    if (gradients[i]->device() != variable.cell()->device()) {
      throw DeviceError(fmt::format("{}::apply{}: variable '{}' is on {}, its gradient on {}",
                                    optimizer, support::at(place), label_of(variable),
                                    variable.cell()->device(), gradients[i]->device()));
    }
  }
  if (!any && !variables.empty()) {
    std::string reasons;
    for (std::size_t i = 0; i < variables.size(); ++i)
      reasons += fmt::format("\n  {}: {}", label_of(variables[i]), gradients[i].why().text);
    throw NoGradient(fmt::format("{}::apply{}: every gradient is None:{}", optimizer,
                                 support::at(place), reasons));
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (gradients[i]) continue;
    const auto [at, is_new] = told.try_emplace(variables[i].cell()->id(), place);
    if (!is_new && same(at->second, place)) continue;
    at->second = place;
    record::warn_once(
        place,
        fmt::format("{}::apply{}: '{}' is left as it is, its gradient is None: {}", optimizer,
                    support::at(place), label_of(variables[i]), gradients[i].why().text));
  }
}

// As gradients that no tape answered.
Gradients made_by_caller(const detail::List<std::optional<Tensor>>& values) {
  detail::ListVector<Gradient> gradients;
  gradients.reserve(values.size());
  for (const std::optional<Tensor>& value : values) gradients.emplace_back(value, nullptr);
  return Gradients::adopt(std::move(gradients));
}

}  // namespace

struct Sgd::State {
  static constexpr const char* kVelocity[] = {"velocity"};
  static constexpr SlotLayout kLayout = {"Sgd", "sgd", kVelocity, false};

  SgdOptions options;
  Slots slots{kLayout};
  Told told;

  static constexpr const char* kName = "Sgd::apply";
  static detail::Macro write(Formula formula) {
    const Term stored = formula.array(), given = formula.array();
    const bool has_momentum = formula.has(Form::kHasMomentum);
    const bool has_velocity = formula.has(Form::kHasVelocity);
    const Term before = has_velocity ? formula.moment() : given;
    const Term rate = formula.number(), decay = formula.number(), momentum = formula.number();
    const Term value = formula.widened(stored), gradient = formula.widened(given);
    const Term velocity = has_velocity ? before * momentum + gradient : gradient;
    const Term direction =
        formula.has(Form::kIsNesterov) && has_momentum ? gradient + velocity * momentum : velocity;
    const Term decayed = formula.has(Form::kDecays) ? value * decay : value;
    return std::move(formula).finish(decayed - direction * rate, {velocity});
  }
};
Sgd::Sgd(SgdOptions options, Place place) : state_(std::make_unique<State>()) {
  state_->options = options;
  check_options("Sgd", options, place);
}
Sgd::~Sgd() = default;
Sgd::Sgd(Sgd&&) noexcept = default;
Sgd& Sgd::operator=(Sgd&&) noexcept = default;
SgdOptions& Sgd::options(Place place) { return checked(state_, "Sgd::options", place).options; }
std::vector<NamedTensor> Sgd::state(Place place) const {
  return checked(state_, "Sgd::state", place).slots.state(place);
}
void Sgd::load(const detail::List<NamedTensor>& state, Place place) {
  checked(state_, "Sgd::load", place).slots.load({state.begin(), state.end()}, place);
}
void Sgd::apply(const Gradients& gradients, std::initializer_list<Variable> variables,
                Place place) {
  apply(gradients, detail::List<Variable>(variables), place);
}
void Sgd::apply(const detail::List<std::optional<Tensor>>& gradients,
                const detail::List<Variable>& variables, Place place) {
  apply(made_by_caller(gradients), variables, place);
}
void Sgd::apply(const Gradients& gradients, const detail::List<Variable>& variables, Place place) {
  check_options(State::kName, checked(state_, State::kName, place).options, place);
  check("Sgd", gradients, variables, place, state_->told);
  const record::Suspend suspend;
  state_->slots.meet(variables, place);
  const SgdOptions& options = state_->options;
  const std::array numbers = {options.learning_rate,
                              1 - options.learning_rate * options.weight_decay, options.momentum};
  Numbers shared(place);
  Step step(place);
  support::PoolVector<std::pair<Slot*, Tensor>> velocities;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const Variable& variable = variables[i];
    const detail::Cell& cell = *variable.cell();
    Slot& slot = state_->slots.of(variable);
    Form form{State::kName, options.weight_decay != 0 ? Form::kDecays : 0, cell.type(), place};
    const Tensor value = variable.read(place);
    const Tensor* before = nullptr;
    if (options.momentum != 0) {
      form.flags |= Form::kHasMomentum | (options.nesterov ? Form::kIsNesterov : 0);
      if (slot.has_moments()) {
        form.flags |= Form::kHasVelocity;
        before = &slot.velocity();
      }
    }
    shared.set(numbers, wide(cell.type().dtype), cell.device());
    const std::shared_ptr<const Update> update = update_of(form, State::write);
    const Updated updated = before != nullptr
                                ? Updated(update, {&value, &*gradients[i], before}, shared)
                                : Updated(update, {&value, &*gradients[i]}, shared);
    step.set(variable, updated[0], *gradients[i]);
    if (options.momentum == 0) continue;
    velocities.emplace_back(&slot, updated[1]);
    step.keep(velocities.back().second);
  }
  step.finish();
  for (auto& [slot, velocity] : velocities) slot->velocity() = std::move(velocity);
}

struct Adam::State {
  static constexpr const char* kMoments[] = {"mean", "spread"};
  static constexpr SlotLayout kLayout = {"Adam", "adam", kMoments, true};

  AdamOptions options;
  Slots slots{kLayout};
  Told told;

  static constexpr const char* kName = "Adam::apply";
  static detail::Macro write(Formula formula) {
    const Term stored = formula.array(), given = formula.array();
    const Term first = formula.moment(), second = formula.moment();
    const Term beta1 = formula.number(), rest1 = formula.number(), correction1 = formula.number();
    const Term beta2 = formula.number(), rest2 = formula.number(), correction2 = formula.number();
    const Term rate = formula.number(), epsilon = formula.number(), decay = formula.number();
    const Term value = formula.widened(stored), gradient = formula.widened(given);
    const Term mean = first * beta1 + gradient * rest1;
    const Term spread = second * beta2 + square(gradient) * rest2;
    const Term decayed = formula.has(Form::kDecays) ? value * decay : value;
    const Term change = mean * correction1 * rate / (sqrt(spread * correction2) + epsilon);
    return std::move(formula).finish(decayed - change, {mean, spread});
  }
};
Adam::Adam(AdamOptions options, Place place) : state_(std::make_unique<State>()) {
  state_->options = options;
  check_options("Adam", options, place);
}
Adam::~Adam() = default;
Adam::Adam(Adam&&) noexcept = default;
Adam& Adam::operator=(Adam&&) noexcept = default;
AdamOptions& Adam::options(Place place) { return checked(state_, "Adam::options", place).options; }
std::vector<NamedTensor> Adam::state(Place place) const {
  return checked(state_, "Adam::state", place).slots.state(place);
}
void Adam::load(const detail::List<NamedTensor>& state, Place place) {
  checked(state_, "Adam::load", place).slots.load({state.begin(), state.end()}, place);
}
void Adam::apply(const Gradients& gradients, std::initializer_list<Variable> variables,
                 Place place) {
  apply(gradients, detail::List<Variable>(variables), place);
}
void Adam::apply(const detail::List<std::optional<Tensor>>& gradients,
                 const detail::List<Variable>& variables, Place place) {
  apply(made_by_caller(gradients), variables, place);
}
void Adam::apply(const Gradients& gradients, const detail::List<Variable>& variables, Place place) {
  check_options(State::kName, checked(state_, State::kName, place).options, place);
  check("Adam", gradients, variables, place, state_->told);
  const record::Suspend suspend;
  state_->slots.meet(variables, place);
  const AdamOptions& options = state_->options;
  // Zeros in memory and not in the formulas: the first step's plan is that of all steps.
  support::PoolVector<record::Node*> zeros;
  support::PoolVector<Slot*> slots;
  slots.reserve(variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const detail::Cell& cell = *variables[i].cell();
    Slot& slot = state_->slots.of(variables[i]);
    slots.push_back(&slot);
    if (slot.has_moments()) continue;
    const auto zero = [&] {
      return record::zeros_on(cell.device(), cell.type().shape, wide(cell.type().dtype), place);
    };
    slot.moments = {zero(), zero()};
    for (const Tensor& moment : slot.moments) zeros.push_back(moment.node());
  }
  record::evaluate(zeros);
  Numbers shared(place);
  Step step(place);
  support::PoolVector<std::array<Tensor, kMostMoments>> after;
  after.reserve(slots.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const Variable& variable = variables[i];
    const detail::Cell& cell = *variable.cell();
    const Slot& slot = *slots[after.size()];
    const auto& [mean, spread] = slot.moments;
    const std::int64_t steps = slot.steps + 1;
    const auto correction = [&](double beta) {
      return 1 / (1 - std::pow(beta, static_cast<double>(steps)));
    };
    shared.set(
        std::array{options.beta1, 1 - options.beta1, correction(options.beta1), options.beta2,
                   1 - options.beta2, correction(options.beta2), options.learning_rate,
                   options.epsilon, 1 - options.learning_rate * options.weight_decay},
        wide(cell.type().dtype), cell.device());
    const Form form{State::kName, options.weight_decay != 0 ? Form::kDecays : 0, cell.type(),
                    place};
    const Tensor value = variable.read(place);
    const Updated updated(update_of(form, State::write), {&value, &*gradients[i], &mean, &spread},
                          shared);
    step.set(variable, updated[0], *gradients[i]);
    after.push_back({updated[1], updated[2]});
    for (const Tensor& moment : after.back()) step.keep(moment);
  }
  step.finish();
  for (std::size_t i = 0; i < after.size(); ++i) {
    slots[i]->moments = std::move(after[i]);
    ++slots[i]->steps;
  }
}

}  // namespace tendon::optim
