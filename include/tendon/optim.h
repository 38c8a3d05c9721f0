// Optimizers: new values for variables from a tape's gradients.
#pragma once

#include <tendon/export.h>
#include <tendon/gradient.h>
#include <tendon/named_tensor.h>
#include <tendon/variable.h>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace tendon {

// Receives tendon's warnings, each place once. Default (and with an empty handler): a line on
// stderr.
TENDON_API void set_warning_handler(std::function<void(std::string_view)> handler);

namespace optim {

// apply(gradients, variables): gradients[i] belongs to variables[i] (ShapeError where counts or
// shapes differ, DTypeError where dtypes do, Error where a variable is listed twice). Submits the
// backward pass and all updates as one plan. A None is left alone, its moments too, and named once
// in a warning with its reason; zeros from Unconnected::zero are gradients like any other;
// NoGradient with every reason when all are None. Variables of f16 and bf16 are updated in f32, and
// their moments are f32. What a variable's moments have come of stays: where that was an op that
// had an index out of range, they throw it again; a new optimizer begins anew.
//
// apply(values, variables) takes gradients that the program made, clipped, unscaled, accumulated or
// received: nullopt is None.
//
// state() is what a later step depends on beside the variables and the options: "adam/variables",
// how many there are, and of each, by its name, "sgd/w/velocity" (with momentum), "adam/w/mean",
// "adam/w/spread" and "adam/w/steps". A variable without a name, or with that of one before it, is
// called by its number in the order in which apply() was given them: "variable.2", "w.3". The
// tensors stay as they are when the optimizer goes on. load(state) goes on from there, in the same
// process or another, on any device; tensors whose names begin otherwise are left to others. (Two
// optimizers in one file: put a prefix before the names, and take it off again.) Before the first
// apply() a state waits for the variables that each apply() lists first, and a warning says which
// are not among those of the first. Error where variables differ from the state's in number or name
// (ShapeError, DTypeError: in those), or the tensors are no state of this optimizer; nothing
// changes then.
//
// An option beyond its range, infinite or NaN is an Error, of the constructor and of apply(). So is
// any use of an optimizer that was moved from.

struct SgdOptions {
  double learning_rate = 0.01;  // >= 0
  double momentum = 0;          // in [0, 1]
  bool nesterov = false;
  double weight_decay = 0;  // >= 0; decoupled: the variable shrinks by learning_rate * weight_decay
};
// velocity = momentum * velocity + g; variable -= learning_rate * (nesterov ? g + momentum *
// velocity : velocity).
class TENDON_API Sgd {
 public:
  explicit Sgd(SgdOptions options = {}, Place place = Place::current());
  ~Sgd();
  Sgd(Sgd&&) noexcept;
  Sgd& operator=(Sgd&&) noexcept;
  void apply(const Gradients& gradients, const detail::List<Variable>& variables,
             Place place = Place::current());
  void apply(const Gradients& gradients, std::initializer_list<Variable> variables,
             Place place = Place::current());
  void apply(const detail::List<std::optional<Tensor>>& gradients,
             const detail::List<Variable>& variables, Place place = Place::current());
  SgdOptions& options(Place place = Place::current());  // may change between steps
  std::vector<NamedTensor> state(Place place = Place::current()) const;
  void load(const detail::List<NamedTensor>& state, Place place = Place::current());

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct AdamOptions {
  double learning_rate = 0.001;  // >= 0
  double beta1 = 0.9;            // in [0, 1), as beta2
  double beta2 = 0.999;
  double epsilon = 1e-8;    // >= 0
  double weight_decay = 0;  // >= 0; decoupled (Loshchilov and Hutter 2019)
};
// Kingma and Ba (2015), Algorithm 1; the step count is the variable's own.
class TENDON_API Adam {
 public:
  explicit Adam(AdamOptions options = {}, Place place = Place::current());
  ~Adam();
  Adam(Adam&&) noexcept;
  Adam& operator=(Adam&&) noexcept;
  void apply(const Gradients& gradients, const detail::List<Variable>& variables,
             Place place = Place::current());
  void apply(const Gradients& gradients, std::initializer_list<Variable> variables,
             Place place = Place::current());
  void apply(const detail::List<std::optional<Tensor>>& gradients,
             const detail::List<Variable>& variables, Place place = Place::current());
  AdamOptions& options(Place place = Place::current());  // may change between steps
  std::vector<NamedTensor> state(Place place = Place::current()) const;
  void load(const detail::List<NamedTensor>& state, Place place = Place::current());

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace optim
}  // namespace tendon
