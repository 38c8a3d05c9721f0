// What an optimizer's step is made of: a variable's update, written once for each form of it in the
// same ops as user code, as a macro; and the step that computes all updates before any variable is
// changed.
#pragma once

#include <tendon/variable.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "host/record/recorder.h"
#include "host/tape/macro.h"

namespace tendon::optim {

bool same(Place a, Place b);

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
};

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
inline DType wide(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype;
}

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
  detail::Macro finish(Term value, std::initializer_list<Term> moments) &&;

 private:
  Term operand(DType dtype, const Shape& shape);
  Term cast(Term term, DType dtype);

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
std::shared_ptr<const Update> update_of(const Form& form, detail::Macro (*write)(Formula));

// The numbers of an update as tensors, which variables share whose numbers are the same.
class Numbers {
 public:
  explicit Numbers(Place place) : place_(place) {}
  void set(std::span<const double> numbers, DType dtype, Device device);
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
          const Numbers& numbers);
  Tensor operator[](std::size_t result) const;

 private:
  std::shared_ptr<const Update> update_;
  support::PoolVector<record::Node*> given_;
  Tensor macro_;
};

// New values, computed together before any variable is changed: a step that fails leaves all as
// they were.
class Step {
 public:
  explicit Step(Place place) : place_(place) {}
  void set(const Variable& variable, Tensor value, const Tensor& gradient);
  // A moment, computed with the rest; held by the caller.
  void keep(const Tensor& moment) { computed_.push_back(moment.node()); }
  void finish();

 private:
  struct Value {
    const Variable* variable;
    Tensor value;
    record::Node* gradient;
  };

  Place place_;
  support::PoolVector<record::Node*> computed_;
  support::PoolVector<Value> values_;
};

}  // namespace tendon::optim
