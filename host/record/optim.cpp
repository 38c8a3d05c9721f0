// The optimizers: a variable's update is written once, in the same ops as user code, as a macro; it
// runs with the backward pass in one plan.
#include <tendon/error.h>
#include <tendon/ops.h>
#include <tendon/optim.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "host/record/cell.h"
#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/record/warning.h"
#include "host/support/recent_cache.h"
#include "host/support/text.h"
#include "host/tape/macro.h"

namespace tendon::optim {
namespace {

bool same(Place a, Place b) {
  static_assert(std::has_unique_object_representations_v<Place>);
  return std::memcmp(&a, &b, sizeof(Place)) == 0;
}

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
                            support::at(place), named->name()));
  }
  const auto label = [&](std::size_t i) {
    return variables[i].name().empty() ? gradients[i].source() : variables[i].name();
  };
  bool any = false;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Variable& variable = variables[i];
    if (!gradients[i]) continue;
    any = true;
    if (gradients[i]->is_empty_handle()) {
      throw Error(fmt::format("{}::apply{}: the gradient of variable '{}' is an empty tensor",
                              optimizer, support::at(place), variable.name()));
    }
    if (gradients[i]->shape() != variable.shape()) {
      throw ShapeError(fmt::format("{}::apply{}: variable '{}' has shape {}, its gradient {}",
                                   optimizer, support::at(place), variable.name(), variable.shape(),
                                   gradients[i]->shape()));
    }
    if (gradients[i]->dtype() != variable.dtype()) {
      throw DTypeError(fmt::format("{}::apply{}: variable '{}' is {}, its gradient {}{}", optimizer,
                                   support::at(place), variable.name(), variable.dtype(),
                                   gradients[i]->dtype(),
                                   support::literal_hint(variable.dtype(), gradients[i]->dtype())));
    }
    if (gradients[i]->device() != variable.cell()->device()) {
      throw DeviceError(fmt::format("{}::apply{}: variable '{}' is on {}, its gradient on {}",
                                    optimizer, support::at(place), variable.name(),
                                    variable.cell()->device(), gradients[i]->device()));
    }
  }
  if (!any && !variables.empty()) {
    std::string reasons;
    for (std::size_t i = 0; i < variables.size(); ++i)
      reasons += fmt::format("\n  {}: {}", label(i), gradients[i].why().text);
    throw NoGradient(fmt::format("{}::apply{}: every gradient is None:{}", optimizer,
                                 support::at(place), reasons));
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (gradients[i]) continue;
    const auto [at, is_new] = told.try_emplace(variables[i].cell()->id(), place);
    if (!is_new && same(at->second, place)) continue;
    at->second = place;
    record::warn_once(
        place, fmt::format("{}::apply{}: '{}' is left as it is, its gradient is None: {}",
                           optimizer, support::at(place), label(i), gradients[i].why().text));
  }
}

// New values, computed together before any variable is changed: a step that fails leaves all as
// they were.
class Step {
 public:
  explicit Step(Place place) : place_(place) {}
  void set(const Variable& variable, Tensor value, const Tensor& gradient) {
    computed_.push_back(value.node());
    values_.push_back({&variable, std::move(value), gradient.node()});
  }
  // A moment, computed with the rest; held by the caller.
  void keep(const Tensor& moment) { computed_.push_back(moment.node()); }
  void finish() {
    record::evaluate(computed_, record::Keeps::worth_and_losses);
    for (const auto& [variable, value, gradient] : values_)
      detail::Cell::assign(variable->cell(), value, "apply", place_, {&gradient, 1});
  }

 private:
  Place place_;
  support::PoolVector<record::Node*> computed_;
  struct Value {
    const Variable* variable;
    Tensor value;
    record::Node* gradient;
  };
  support::PoolVector<Value> values_;
};

// Moments by cell. They are kept while the optimizer lives, as in TensorFlow and PyTorch.
template <class Moments>
using ByCell = std::unordered_map<std::shared_ptr<detail::Cell>, Moments>;

// What an update is written for. Numbers are none of it: they are operands.
struct Form {
  static constexpr std::uint32_t kDecays = 1;       // by weight decay
  static constexpr std::uint32_t kHasMomentum = 2;  // of Sgd, as what follows
  static constexpr std::uint32_t kHasVelocity = 4;  // from the steps before
  static constexpr std::uint32_t kIsNesterov = 8;

  const char* optimizer;  // one address each
  std::uint32_t flags;
  ops::Type type;  // of the variable
  Place place;     // of the call, for messages

  bool has(std::uint32_t flag) const { return (flags & flag) != 0; }
  friend bool operator==(const Form& a, const Form& b) {
    return a.optimizer == b.optimizer && a.flags == b.flags && a.type.dtype == b.type.dtype &&
           a.type.shape == b.type.shape && same(a.place, b.place);
  }
};

std::uint64_t hash_of(const Form& form) {
  std::uint64_t hash = XXH3_64bits_withSeed(
      form.type.shape.begin(), static_cast<std::size_t>(form.type.shape.rank()) * sizeof(int64_t),
      std::uint64_t{form.flags} << 8 | static_cast<std::uint64_t>(form.type.dtype));
  hash = XXH3_64bits_withSeed(&form.place, sizeof(Place), hash);
  return XXH3_64bits_withSeed(&form.optimizer, sizeof(form.optimizer), hash);
}

// A value of the tape that an update is written on, with the operators of its formula.
struct Term {
  TapeBuilder* tape;
  Place place;
  Ref ref;

  Term apply(Op op, std::initializer_list<Ref> operands) const {
    return {tape, place, tape->apply(op, operands, {}, place)};
  }
  friend Term operator+(Term a, Term b) { return a.apply(Op::add, {a.ref, b.ref}); }
  friend Term operator-(Term a, Term b) { return a.apply(Op::sub, {a.ref, b.ref}); }
  friend Term operator*(Term a, Term b) { return a.apply(Op::mul, {a.ref, b.ref}); }
  friend Term operator/(Term a, Term b) { return a.apply(Op::div, {a.ref, b.ref}); }
  friend Term square(Term a) { return a.apply(Op::square, {a.ref}); }
  friend Term sqrt(Term a) { return a.apply(Op::sqrt, {a.ref}); }
};

// What updates are computed in, and moments kept in: in 16 bits Adam's epsilon were 0, and its
// second moment would never decay.
DType wide(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype; }

// Where an update is written: first its arrays and numbers are named, in the order of its operands,
// then it is computed from them.
class Formula {
 public:
  explicit Formula(const Form& form) : form_(form), wide_(wide(form.type.dtype)) {}
  bool has(std::uint32_t flag) const { return form_.has(flag); }
  Term array() { return operand(form_.type.dtype, form_.type.shape); }  // of the variable's type
  Term moment() { return operand(wide_, form_.type.shape); }
  Term number() { return operand(wide_, {}); }
  // An array as it is computed with. When all are named.
  Term widened(Term array) { return cast(array, wide_); }
  // The variable's new value, and its moments.
  detail::Macro finish(Term value, std::initializer_list<Term> moments) && {
    std::vector<Ref> refs{cast(value, form_.type.dtype).ref};
    for (const Term& moment : moments) refs.push_back(moment.ref);
    return {std::move(tape_).finish(refs), operand_count_, refs};
  }

 private:
  Term operand(DType dtype, const Shape& shape) {
    ++operand_count_;
    return {&tape_, form_.place, tape_.input(dtype, shape, {}, form_.place)};
  }
  Term cast(Term term, DType dtype) {
    if (wide_ == form_.type.dtype) return term;
    return {&tape_, form_.place, tape_.apply(Op::cast, {term.ref}, {.dtype = dtype}, form_.place)};
  }

  const Form& form_;
  DType wide_;
  TapeBuilder tape_;
  std::uint32_t operand_count_ = 0;
};

struct Update {
  Form form;
  detail::Macro ops;  // the tape's targets are the variable's new value, and moments
};

// Written once for all variables and steps of the form.
std::shared_ptr<const Update> update_of(const Form& form, detail::Macro (*write)(Formula)) {
  static auto* cache = new support::RecentCache<Update>(1024, 1024);  // never destroyed
  const std::uint64_t hash = hash_of(form);
  if (std::shared_ptr<const Update> found = cache->find(hash); found && found->form == form)
    return found;
  auto made = std::make_shared<const Update>(Update{form, write(Formula(form))});
  cache->insert(hash, made, 1);
  return made;
}

// The numbers of an update as tensors, which variables share whose numbers are the same.
class Numbers {
 public:
  explicit Numbers(Place place) : place_(place) {}
  void set(std::span<const double> numbers, DType dtype, Device device) {
    if (!tensors_.empty() && dtype == dtype_ && device == device_ &&
        std::ranges::equal(numbers, numbers_)) {
      return;
    }
    numbers_.assign(numbers.begin(), numbers.end());
    dtype_ = dtype;
    device_ = device;
    tensors_.clear();
    for (const double number : numbers)
      tensors_.push_back(record::recorder().constant(number, dtype, {}, device, place_));
  }
  const support::PoolVector<Tensor>& tensors() const { return tensors_; }

 private:
  Place place_;
  DType dtype_ = DType::f32;
  Device device_ = Device::cpu();
  support::PoolVector<double> numbers_;
  support::PoolVector<Tensor> tensors_;
};

// An update of one variable, as one node.
class Updated {
 public:
  Updated(std::shared_ptr<const Update> update, std::initializer_list<const Tensor*> arrays,
          const Numbers& numbers)
      : update_(std::move(update)) {
    given_.reserve(arrays.size() + numbers.tensors().size());
    for (const Tensor* array : arrays) given_.push_back(array->node());
    for (const Tensor& number : numbers.tensors()) given_.push_back(number.node());
    support::PoolVector<record::Node*> operands;
    operands.reserve(given_.size());
    for (const Ref operand : update_->ops.operands()) operands.push_back(given_[operand.id]);
    const Form& form = update_->form;
    macro_ = record::recorder().macro({update_, &update_->ops}, operands, given_[0]->device,
                                      form.optimizer, form.place);
  }
  Tensor operator[](std::size_t result) const {
    const Ref value = update_->ops.tape().targets()[result];
    return value.id < given_.size() ? record::handle(given_[value.id])
                                    : record::recorder().macro_output(*macro_.node(), value);
  }

 private:
  std::shared_ptr<const Update> update_;
  support::PoolVector<record::Node*> given_;
  Tensor macro_;
};

}  // namespace

struct Sgd::State {
  SgdOptions options;
  ByCell<Tensor> velocities;
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
Sgd::Sgd(SgdOptions options, Place place)
    : state_(std::make_unique<State>(State{options, {}, {}})) {
  check_options("Sgd", options, place);
}
Sgd::~Sgd() = default;
Sgd::Sgd(Sgd&&) noexcept = default;
Sgd& Sgd::operator=(Sgd&&) noexcept = default;
SgdOptions& Sgd::options(Place place) { return checked(state_, "Sgd::options", place).options; }

void Sgd::apply(const Gradients& gradients, std::initializer_list<Variable> variables,
                Place place) {
  apply(gradients, detail::List<Variable>(variables), place);
}
void Sgd::apply(const Gradients& gradients, const detail::List<Variable>& variables, Place place) {
  check_options(State::kName, checked(state_, State::kName, place).options, place);
  check("Sgd", gradients, variables, place, state_->told);
  const record::Suspend suspend;
  const SgdOptions& options = state_->options;
  const std::array numbers = {options.learning_rate,
                              1 - options.learning_rate * options.weight_decay, options.momentum};
  Numbers shared(place);
  Step step(place);
  support::PoolVector<std::pair<const Variable*, Tensor>> velocities;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const Variable& variable = variables[i];
    const detail::Cell& cell = *variable.cell();
    Form form{State::kName, options.weight_decay != 0 ? Form::kDecays : 0, cell.type(), place};
    const Tensor value = variable.read(place);
    const Tensor* before = nullptr;
    if (options.momentum != 0) {
      form.flags |= Form::kHasMomentum | (options.nesterov ? Form::kIsNesterov : 0);
      const auto found = state_->velocities.find(variable.cell());
      if (found != state_->velocities.end()) {
        form.flags |= Form::kHasVelocity;
        before = &found->second;
      }
    }
    shared.set(numbers, wide(cell.type().dtype), cell.device());
    const std::shared_ptr<const Update> update = update_of(form, State::write);
    const Updated updated = before != nullptr
                                ? Updated(update, {&value, &*gradients[i], before}, shared)
                                : Updated(update, {&value, &*gradients[i]}, shared);
    step.set(variable, updated[0], *gradients[i]);
    if (options.momentum == 0) continue;
    velocities.emplace_back(&variable, updated[1]);
    step.keep(velocities.back().second);
  }
  step.finish();
  for (auto& [variable, velocity] : velocities)
    state_->velocities.insert_or_assign(variable->cell(), std::move(velocity));
}

struct Adam::State {
  struct Moments {
    Tensor first;
    Tensor second;
    std::int64_t steps = 0;
  };
  AdamOptions options;
  ByCell<Moments> moments;
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
Adam::Adam(AdamOptions options, Place place)
    : state_(std::make_unique<State>(State{options, {}, {}})) {
  check_options("Adam", options, place);
}
Adam::~Adam() = default;
Adam::Adam(Adam&&) noexcept = default;
Adam& Adam::operator=(Adam&&) noexcept = default;
AdamOptions& Adam::options(Place place) { return checked(state_, "Adam::options", place).options; }

void Adam::apply(const Gradients& gradients, std::initializer_list<Variable> variables,
                 Place place) {
  apply(gradients, detail::List<Variable>(variables), place);
}
void Adam::apply(const Gradients& gradients, const detail::List<Variable>& variables, Place place) {
  check_options(State::kName, checked(state_, State::kName, place).options, place);
  check("Adam", gradients, variables, place, state_->told);
  const record::Suspend suspend;
  const AdamOptions& options = state_->options;
  // Zeros in memory and not in the formulas: the first step's plan is that of all steps.
  support::PoolVector<record::Node*> zeros;
  support::PoolVector<State::Moments*> moments;
  moments.reserve(variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const detail::Cell& cell = *variables[i].cell();
    State::Moments& kept = state_->moments[variables[i].cell()];
    moments.push_back(&kept);
    if (kept.steps > 0) continue;
    const auto zero = [&] {
      return record::zeros_on(cell.device(), cell.type().shape, wide(cell.type().dtype), place);
    };
    kept = {zero(), zero(), 0};
    zeros.push_back(kept.first.node());
    zeros.push_back(kept.second.node());
  }
  record::evaluate(zeros);
  Numbers shared(place);
  Step step(place);
  support::PoolVector<State::Moments> after;
  after.reserve(moments.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!gradients[i]) continue;
    const Variable& variable = variables[i];
    const detail::Cell& cell = *variable.cell();
    const auto& [first, second, before] = *moments[after.size()];
    const std::int64_t steps = before + 1;
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
    const Updated updated(update_of(form, State::write), {&value, &*gradients[i], &first, &second},
                          shared);
    step.set(variable, updated[0], *gradients[i]);
    after.push_back({updated[1], updated[2], steps});
    step.keep(after.back().first);
    step.keep(after.back().second);
  }
  step.finish();
  for (std::size_t i = 0; i < after.size(); ++i) *moments[i] = std::move(after[i]);
}

}  // namespace tendon::optim
