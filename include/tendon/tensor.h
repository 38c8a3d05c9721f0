// Tensor: a cheap handle to an immutable n-d array that is computed when it is needed.
#pragma once

#include <tendon/device.h>
#include <tendon/dtype.h>
#include <tendon/export.h>
#include <tendon/list.h>
#include <tendon/place.h>
#include <tendon/shape.h>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <new>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tendon {

class Variable;

namespace detail {
struct Node;
TENDON_API void retain_handle(Node*);
TENDON_API void release_handle(Node*);
// No value has this type: a list of it is empty.
struct Nothing {
  Nothing() = delete;
};
[[noreturn]] TENDON_API void throw_host_memory(std::int64_t bytes, Place);
}  // namespace detail

// Copies share the array; all members may be called from several threads at once. Operators and the
// functions of <tendon/ops.h> make new tensors without computing them. They are computed when one
// is read, when run(), an optimizer's apply() or a new Variable asks, and when many are pending at
// an assign.
class TENDON_API Tensor {
 public:
  Tensor() = default;    // empty: any use but assignment throws Error
  Tensor(double scalar,  // a number is a scalar
         Place = Place::current());
  Tensor(const Variable& variable,  // a Variable reads as its value
         Place = Place::current());
  Tensor(const Tensor& other) : node_(other.node_) {
    if (node_ != nullptr) detail::retain_handle(node_);
  }
  Tensor(Tensor&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Tensor& operator=(const Tensor& other) {
    Tensor(other).swap(*this);
    return *this;
  }
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor(std::move(other)).swap(*this);
    return *this;
  }
  ~Tensor() {
    if (node_ != nullptr) detail::release_handle(node_);
  }

  // Copies the values, row-major, from anything contiguous. ShapeError where their count is not the
  // shape's size.
  template <std::ranges::contiguous_range R>
  requires Element<std::ranges::range_value_t<R>>
  static Tensor from(const R& values, const Shape& shape, Place place = Place::current()) {
    return from_bytes(std::ranges::data(values),
                      static_cast<std::int64_t>(std::ranges::size(values)),
                      dtype_of<std::ranges::range_value_t<R>>(), shape, place);
  }
  template <std::ranges::contiguous_range R>
  requires Element<std::ranges::range_value_t<R>>
  static Tensor from(const R& values, Place place = Place::current()) {
    return from(values, Shape(static_cast<std::int64_t>(std::ranges::size(values))), place);
  }
  template <Element T>
  static Tensor from(std::span<const T> values, const Shape& shape,
                     Place place = Place::current()) {
    return from_bytes(values.data(), static_cast<std::int64_t>(values.size()), dtype_of<T>(), shape,
                      place);
  }
  template <Element T>
  static Tensor from(std::initializer_list<T> values, Place place = Place::current()) {
    return from(values, Shape(static_cast<std::int64_t>(values.size())), place);
  }
  template <Element T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape,
                     Place place = Place::current()) {
    return from_bytes(values.begin(), static_cast<std::int64_t>(values.size()), dtype_of<T>(),
                      shape, place);
  }
  template <Element T>  // a scalar: {} is its shape
  static Tensor from(std::initializer_list<T> values, std::initializer_list<detail::Nothing>,
                     Place place = Place::current()) {
    return from(values, Shape(), place);
  }
  static Tensor from(const std::vector<bool>& values, const Shape&, Place = Place::current());

  const Shape& shape(Place = Place::current()) const;
  DType dtype(Place = Place::current()) const;
  Device device(Place = Place::current()) const;
  int rank(Place place = Place::current()) const { return shape(place).rank(); }
  // Number of elements.
  std::int64_t size(Place place = Place::current()) const { return shape(place).size(); }
  bool is_empty_handle() const { return node_ == nullptr; }

  // Waits for the value and converts it to T. ShapeError unless size() == 1.
  template <class T>
  requires Element<T> T item(Place place = Place::current())
  const {
    const Scalar scalar = read_scalar(place);
    return scalar.is_integer ? convert<T>(scalar.integer) : convert<T>(scalar.floating);
  }
  // Waits; row-major. DTypeError unless T is the tensor's element type.
  template <class T>
  requires Element<T> std::vector<T> to_vector(Place place = Place::current())
  const {
    check_elements(dtype_of<T>(), place);
    compute(place);
    try {
      std::vector<T> values(static_cast<std::size_t>(size()));
      if constexpr (std::is_same_v<T, bool>) {
        std::vector<char> bytes(values.size());
        read_bytes(bytes.data(), place);
        for (std::size_t i = 0; i < bytes.size(); ++i) values[i] = bytes[i] != 0;
      } else {
        read_bytes(values.data(), place);
      }
      return values;
    } catch (const std::bad_alloc&) {
      detail::throw_host_memory(size() * static_cast<std::int64_t>(sizeof(T)), place);
    }
  }

  Tensor to(Device, Place = Place::current()) const;
  // Rounds once, to nearest even. A floating number beyond an integer type's range becomes the
  // bound, NaN 0; an integer beyond it wraps, as integer arithmetic does.
  Tensor cast(DType, Place = Place::current()) const;

  // For the library's own rooms.
  static Tensor adopt(detail::Node* node) {  // takes over one handle count
    Tensor tensor;
    tensor.node_ = node;
    return tensor;
  }
  detail::Node* node() const { return node_; }

 private:
  struct Scalar {
    bool is_integer;
    std::int64_t integer;
    double floating;
  };
  template <class T, class V>
  static T convert(V value) {
    if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
      return T(value);
    } else if constexpr (std::is_same_v<T, bool>) {
      return value != V{0};
    } else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<V>) {
      // As cast(): out of range the bound, NaN 0. The lower bound is a power of two, hence exact.
      constexpr T kLowest = std::numeric_limits<T>::min();
      if (std::isnan(value)) return 0;
      if (value < static_cast<V>(kLowest)) return kLowest;
      return value >= -static_cast<V>(kLowest) ? std::numeric_limits<T>::max()
                                               : static_cast<T>(value);
    } else {
      return static_cast<T>(value);
    }
  }
  static Tensor from_bytes(const void* values, std::int64_t count, DType, const Shape&, Place);
  Scalar read_scalar(Place) const;
  void check_elements(DType asked, Place) const;  // for to_vector
  void compute(Place) const;
  void read_bytes(void* destination, Place) const;  // of a computed value
  void swap(Tensor& other) noexcept { std::swap(node_, other.node_); }

  detail::Node* node_ = nullptr;
};

// Prints dtype, shape and values (the first and last of each axis where there are many); waits for
// them. This is not a host read for the explanations.
TENDON_API std::ostream& operator<<(std::ostream&, const Tensor&);

TENDON_API Tensor zeros(const Shape&, DType = DType::f32, Place = Place::current());
TENDON_API Tensor ones(const Shape&, DType = DType::f32, Place = Place::current());
TENDON_API Tensor full(const Shape&, double value, DType = DType::f32, Place = Place::current());
TENDON_API Tensor zeros_like(const Tensor&, Place = Place::current());
TENDON_API Tensor ones_like(const Tensor&, Place = Place::current());
TENDON_API Tensor full_like(const Tensor&, double value, Place = Place::current());
// start, start + step, ... below stop (above it for a negative step), as NumPy.
TENDON_API Tensor arange(double stop, DType = DType::f32, Place = Place::current());
TENDON_API Tensor arange(double start, double stop, double step = 1, DType = DType::f32,
                         Place = Place::current());
TENDON_API Tensor linspace(double start, double stop, std::int64_t count, DType = DType::f32,
                           Place = Place::current());
TENDON_API Tensor eye(std::int64_t n, DType = DType::f32, Place = Place::current());  // (n, n)

}  // namespace tendon
