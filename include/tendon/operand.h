// Operand: what an op takes. Converts from Tensor, Variable and numbers, and remembers where the
// call was written.
#pragma once

#include <tendon/export.h>
#include <tendon/tensor.h>
#include <tendon/variable.h>

#include <cstdint>
#include <optional>
#include <type_traits>

namespace tendon {

class Gradient;

namespace detail {
template <class T>
concept OperandValue = std::is_same_v<T, Tensor> || std::is_same_v<T, Variable> ||
    std::is_same_v<T, half> || std::is_same_v<T, bfloat16> || std::is_arithmetic_v<T>;
}  // namespace detail

// A parameter type: borrows the tensor it was made from, so it lives no longer than the call. A
// number is weakly typed: an integer keeps the other operands' dtype, a floating one keeps floating
// dtypes and turns integers to f32; alone, an integer is i32 and a floating one f32.
class TENDON_API Operand {
 public:
  template <detail::OperandValue T>
  Operand(const T& value, Place place = Place::current()) : place_(place) {
    if constexpr (std::is_same_v<T, Tensor>) {
      tensor_ = &value;
    } else if constexpr (std::is_same_v<T, Variable>) {
      read_ = value.used(place);
      tensor_ = &read_;
    } else if constexpr (std::is_same_v<T, bool>) {
      set_number(value ? 1.0 : 0.0, DType::boolean);
    } else if constexpr (std::is_integral_v<T>) {
      set_number(static_cast<double>(value), DType::i32);
      integer_ = static_cast<std::int64_t>(value);
    } else {
      set_number(static_cast<double>(value), DType::f32);
    }
  }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  ~Operand() = default;

  const Tensor* tensor() const { return tensor_; }  // null for a number
  double number() const { return number_; }
  std::optional<std::int64_t> integer() const { return integer_; }  // of an integral number
  DType number_kind() const { return kind_; }                       // boolean, i32 or f32
  Place place() const { return place_; }

 private:
  void set_number(double number, DType kind) {
    number_ = number;
    kind_ = kind;
  }
  const Tensor* tensor_ = nullptr;
  Tensor read_;
  double number_ = 0;
  std::optional<std::int64_t> integer_;
  DType kind_ = DType::f32;
  Place place_;
};

}  // namespace tendon
