// The elementwise ops: the formulas of <tendon/op_table.inc>, compiled for each dtype of their
// class, and where.
#include <type_traits>
#include <utility>

#include "host/cpu/compute.h"
#include "host/cpu/strides.h"
#include "host/cpu/visit.h"
#include "host/ops/op_row.h"
#include "host/ops/scalar.h"

namespace tendon::cpu {
namespace {

// One row of elements; operand k steps by strides[k] elements, 0 where it is stretched.
using Kernel = void (*)(const void* const* operands, const std::int64_t* strides, void* result,
                        std::int64_t count, double parameter);

template <class T>
using Scalar = ops::S<T>;

template <class T>
T unwrap(Scalar<T> value) {
  return value.v;
}
inline bool unwrap(bool value) { return value; }

template <class T>
Scalar<T> load(const void* const* operands, const std::int64_t* strides, int k, std::int64_t i) {
  return {static_cast<const T*>(operands[k])[i * strides[k]]};
}

// The value formula of each row, as a function of scalars.
#define TENDON_SCALAR [[maybe_unused]] ops::S<T>
#define TENDON_UNARY(name, value, ...)  \
  struct name##_formula {               \
    template <class T>                  \
    static auto value_of(ops::S<T> x) { \
      using namespace ops;              \
      return value;                     \
    }                                   \
  };
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, ...) \
  struct name##_formula {                                            \
    template <class T>                                               \
    static auto value_of(ops::S<T> x, TENDON_SCALAR parameter) {     \
      using namespace ops;                                           \
      return value;                                                  \
    }                                                                \
  };
#define TENDON_BINARY(name, value, ...)              \
  struct name##_formula {                            \
    template <class T>                               \
    static auto value_of(ops::S<T> a, ops::S<T> b) { \
      using namespace ops;                           \
      return value;                                  \
    }                                                \
  };
#define TENDON_TERNARY(name, value, ...)                          \
  struct name##_formula {                                         \
    template <class T>                                            \
    static auto value_of(ops::S<T> a, ops::S<T> b, ops::S<T> c) { \
      using namespace ops;                                        \
      return value;                                               \
    }                                                             \
  };
#include <tendon/op_table.inc>
#undef TENDON_SCALAR

template <class Formula, class T, int... K>
void row(const void* const* operands, const std::int64_t* strides, void* result, std::int64_t count,
         std::integer_sequence<int, K...>) {
  using Result = decltype(unwrap(Formula::value_of(load<T>(operands, strides, K, 0)...)));
  auto* into = static_cast<Result*>(result);
  for (std::int64_t i = 0; i < count; ++i) {
    into[i] = unwrap(Formula::value_of(load<T>(operands, strides, K, i)...));
  }
}
template <class Formula, class T, int kArity>
void row_kernel(const void* const* operands, const std::int64_t* strides, void* result,
                std::int64_t count, double) {
  row<Formula, T>(operands, strides, result, count, std::make_integer_sequence<int, kArity>());
}
template <class Formula, class T>
void parameter_kernel(const void* const* operands, const std::int64_t* strides, void* result,
                      std::int64_t count, double parameter) {
  auto* into = static_cast<T*>(result);
  for (std::int64_t i = 0; i < count; ++i) {
    into[i] =
        Formula::value_of(load<T>(operands, strides, 0, i), ops::S<T>{static_cast<T>(parameter)}).v;
  }
}

// Whether T belongs to an operand class.
template <ops::OperandClass kClass, class T>
constexpr bool belongs() {
  switch (kClass) {
    case ops::OperandClass::floating: return std::is_floating_point_v<T>;
    case ops::OperandClass::numeric: return !std::is_same_v<T, bool>;
    case ops::OperandClass::any: return true;
    case ops::OperandClass::boolean: return std::is_same_v<T, bool>;
  }
  return false;
}

template <class T>
constexpr bool kComputes = !std::is_same_v<T, half> && !std::is_same_v<T, bfloat16>;

// The kernel of an op for operands of a dtype; the shape rule has excluded the others.
Kernel find_kernel(Op op, DType dtype) {
  return visit(dtype, [op]<class T>() -> Kernel {
    if constexpr (kComputes<T>) {
      switch (op) {
#define TENDON_KERNEL(name, operands, kernel)                               \
  case Op::name:                                                            \
    if constexpr (belongs<ops::OperandClass::operands, T>()) return kernel; \
    return nullptr;
#define TENDON_COMMA ,
#define TENDON_UNARY(name, value, partial, operands, ...) \
  TENDON_KERNEL(name, operands, row_kernel<name##_formula TENDON_COMMA T TENDON_COMMA 1>)
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, operands, ...) \
  TENDON_KERNEL(name, operands, parameter_kernel<name##_formula TENDON_COMMA T>)
#define TENDON_BINARY(name, value, partial_a, partial_b, operands, ...) \
  TENDON_KERNEL(name, operands, row_kernel<name##_formula TENDON_COMMA T TENDON_COMMA 2>)
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, operands, ...) \
  TENDON_KERNEL(name, operands, row_kernel<name##_formula TENDON_COMMA T TENDON_COMMA 3>)
#include <tendon/op_table.inc>
#undef TENDON_KERNEL
#undef TENDON_COMMA
        default: return nullptr;
      }
    }
    return nullptr;
  });
}

template <class T>
void where_kernel(const void* const* operands, const std::int64_t* strides, void* result,
                  std::int64_t count, double) {
  auto* into = static_cast<T*>(result);
  for (std::int64_t i = 0; i < count; ++i) {
    into[i] = load<bool>(operands, strides, 0, i).v ? load<T>(operands, strides, 1, i).v
                                                    : load<T>(operands, strides, 2, i).v;
  }
}

}  // namespace

void compute_elementwise(const Computation& c) {
  constexpr std::size_t kMost = 3;
  const Kernel kernel =
      c.op == Op::where ? visit(c.result.dtype, []<class T>() -> Kernel { return where_kernel<T>; })
                        : find_kernel(c.op, c.operands[0].dtype);

  std::array<Strides, kMost + 1> strides{};
  std::array<const char*, kMost> bases{};
  std::array<std::size_t, kMost> bytes{};
  bool flat = true;  // each operand has the result's elements, or one
  for (std::size_t k = 0; k < c.operands.size(); ++k) {
    const Array& operand = c.operands[k];
    bases[k] = operand.as<const char>();
    bytes[k] = size_bytes(operand.dtype);
    strides[k] = broadcast_strides(operand.shape, c.result.shape);
    flat &= operand.shape == c.result.shape || operand.shape.size() == 1;
  }
  strides[kMost] = contiguous(c.result.shape);
  Shape shape = c.result.shape;
  if (flat) {
    for (std::size_t k = 0; k < c.operands.size(); ++k) {
      strides[k] = {c.operands[k].shape == c.result.shape ? 1 : 0};
    }
    strides[kMost] = {1};
    shape = Shape(shape.size());
  }
  const auto inner = static_cast<std::size_t>(shape.rank() == 0 ? 0 : shape.rank() - 1);
  std::array<std::int64_t, kMost> steps{};
  for (std::size_t k = 0; k < kMost; ++k) steps[k] = strides[k][inner];
  for_each_row(shape, strides, [&](const auto& offsets, std::int64_t count) {
    std::array<const void*, kMost> operands{};
    for (std::size_t k = 0; k < c.operands.size(); ++k) {
      operands[k] = bases[k] + offsets[k] * static_cast<std::int64_t>(bytes[k]);
    }
    kernel(operands.data(), steps.data(),
           c.result.as<char>() +
               offsets[kMost] * static_cast<std::int64_t>(size_bytes(c.result.dtype)),
           count, c.attributes.number);
  });
}

}  // namespace tendon::cpu
