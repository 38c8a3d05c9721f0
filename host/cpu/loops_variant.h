// The loops as templates. Included by the files that compile them for a processor each, and by no
// other: all here has internal linkage (see host/ops/scalar.h), and what the loops call of other
// headers (half, bfloat16, <limits>) is flattened into them, so that the object files share no
// inline function.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "host/cpu/loops.h"
#include "host/cpu/visit.h"
#include "host/ops/op_row.h"
#include "host/ops/scalar.h"

namespace tendon::cpu {
namespace {

#define TENDON_LOOP [[gnu::flatten]] void

// A bool in the padding may be any byte: it is read as a byte.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;

template <class T>
T load(const void* x, std::int64_t i) {
  const auto value = static_cast<const Stored<T>*>(x)[i];
  if constexpr (std::is_same_v<T, bool>)
    return value != 0;
  else
    return value;
}

// Of an element, or of each of a vector.
template <class V>
auto is_nan(V x) {
  return x != x;  // NOLINT(misc-redundant-expression)
}

// element(i) for whole blocks that cover `count`. Blocks have a constant size so that none needs a
// scalar remainder.
template <class Element>
[[gnu::always_inline]] inline void for_each_padded(std::int64_t count, Element element) {
  for (std::int64_t block = 0; block < count; block += kLoopPadding) {
#pragma omp simd
    for (std::int64_t i = block; i < block + kLoopPadding; ++i) element(i);
  }
}

template <class T>
T unwrap(ops::S<T> value) {
  return value.v;
}
inline std::uint8_t unwrap(bool value) { return value; }

// The value formula of each row, as a function of scalars.
#define TENDON_UNARY(name, value, ...)  \
  struct name##_formula {               \
    template <class T>                  \
    static auto value_of(ops::S<T> x) { \
      using namespace ops;              \
      return value;                     \
    }                                   \
  };
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, ...)          \
  struct name##_formula {                                                     \
    template <class T>                                                        \
    static auto value_of(ops::S<T> x, [[maybe_unused]] ops::S<T> parameter) { \
      using namespace ops;                                                    \
      return value;                                                           \
    }                                                                         \
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

template <class Formula, class T>
TENDON_LOOP unary_loop(const void* x, const void*, const void*, void* result, std::int64_t count,
                       double) {
  using Result = decltype(unwrap(Formula::value_of(ops::S<T>{})));
  for_each_padded(count, [=](std::int64_t i) {
    static_cast<Result*>(result)[i] = unwrap(Formula::value_of(ops::S<T>{load<T>(x, i)}));
  });
}
template <class Formula, class T>
TENDON_LOOP parameter_loop(const void* x, const void*, const void*, void* result,
                           std::int64_t count, double parameter) {
  const ops::S<T> given{static_cast<T>(parameter)};
  for_each_padded(count, [=](std::int64_t i) {
    static_cast<T*>(result)[i] = unwrap(Formula::value_of(ops::S<T>{load<T>(x, i)}, given));
  });
}
template <class Formula, class T>
TENDON_LOOP binary_loop(const void* a, const void* b, const void*, void* result, std::int64_t count,
                        double) {
  using Result = decltype(unwrap(Formula::value_of(ops::S<T>{}, ops::S<T>{})));
  for_each_padded(count, [=](std::int64_t i) {
    static_cast<Result*>(result)[i] =
        unwrap(Formula::value_of(ops::S<T>{load<T>(a, i)}, ops::S<T>{load<T>(b, i)}));
  });
}
template <class Formula, class T>
TENDON_LOOP ternary_loop(const void* a, const void* b, const void* c, void* result,
                         std::int64_t count, double) {
  for_each_padded(count, [=](std::int64_t i) {
    static_cast<T*>(result)[i] = unwrap(Formula::value_of(
        ops::S<T>{load<T>(a, i)}, ops::S<T>{load<T>(b, i)}, ops::S<T>{load<T>(c, i)}));
  });
}
// By masks: g++ does not vectorise a select by bytes of 8-byte elements with AVX-512.
template <class T>
TENDON_LOOP where_loop(const void* condition, const void* a, const void* b, void* result,
                       std::int64_t count, double) {
  for_each_padded(count, [=](std::int64_t i) {
    const auto mask = static_cast<T>(T{0} - T{static_cast<const std::uint8_t*>(condition)[i]});
    const T yes = static_cast<const T*>(a)[i];
    const T no = static_cast<const T*>(b)[i];
    static_cast<T*>(result)[i] = static_cast<T>((yes & mask) | (no & ~mask));
  });
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

// where copies: elements of one size are alike.
inline Loop find_where(DType dtype) {
  switch (size_bytes(dtype)) {
    case 1: return where_loop<std::uint8_t>;
    case 2: return where_loop<std::uint16_t>;
    case 4: return where_loop<std::uint32_t>;
    default: return where_loop<std::uint64_t>;
  }
}

inline Loop find_pointwise(Op op, DType dtype) {
  if (op == Op::where) return find_where(dtype);
  return visit(dtype, [op]<class T>() -> Loop {
    if constexpr (kComputes<T>) {
      switch (op) {
#define TENDON_CASE(name, operands, loop)                                                    \
  case Op::name:                                                                             \
    if constexpr (belongs<ops::OperandClass::operands, T>()) return loop<name##_formula, T>; \
    return nullptr;
#define TENDON_UNARY(name, value, partial, operands, ...) TENDON_CASE(name, operands, unary_loop)
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, operands, ...) \
  TENDON_CASE(name, operands, parameter_loop)
#define TENDON_BINARY(name, value, partial_a, partial_b, operands, ...) \
  TENDON_CASE(name, operands, binary_loop)
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, operands, ...) \
  TENDON_CASE(name, operands, ternary_loop)
#include <tendon/op_table.inc>
#undef TENDON_CASE
        default: return nullptr;
      }
    }
    return nullptr;
  });
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (std::is_same_v<From, bool>) {
    return convert<To>(std::int32_t{value});
  } else if constexpr (!kComputes<From>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (!kComputes<To>) {
    return To(value);
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr To kLowest = std::numeric_limits<To>::min();
    constexpr To kHighest = std::numeric_limits<To>::max();
    if (is_nan(value)) return 0;
    // -kLowest is a power of two, so both bounds are exact.
    if (value < static_cast<From>(kLowest)) return kLowest;
    if (value >= -static_cast<From>(kLowest)) return kHighest;
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}
template <class From, class To>
TENDON_LOOP cast_loop(const void* x, const void*, const void*, void* result, std::int64_t count,
                      double) {
  for_each_padded(count, [=](std::int64_t i) {
    static_cast<Stored<To>*>(result)[i] = convert<To>(load<From>(x, i));
  });
}
template <class To>
TENDON_LOOP round_loop(const void* x, const void*, const void*, void* result, std::int64_t count,
                       double) {
  for_each_padded(count, [=](std::int64_t i) {
    static_cast<float*>(result)[i] = static_cast<float>(To(load<float>(x, i)));
  });
}

inline Loop find_cast(DType from, DType to) {
  return visit(from, [to]<class From>() {
    return visit(to, []<class To>() -> Loop { return cast_loop<From, To>; });
  });
}
inline Loop find_round(DType to) {
  if (to == DType::f16) return round_loop<half>;
  if (to == DType::bf16) return round_loop<bfloat16>;
  return nullptr;
}

// Combines two elements, or two vectors of elements lane by lane; of a NaN and a number, the NaN.
// Elements combined with idle(x) are unchanged, where x is one of them.
struct Sum {
  template <class V>
  static V combine(V a, V b) {
    return a + b;
  }
  template <class T>
  static T idle(T) {
    return static_cast<T>(-0.0);
  }
};
struct Max {
  template <class V>
  static V combine(V best, V x) {
    return ((x > best) | is_nan(x)) ? x : best;
  }
  template <class T>
  static T idle(T x) {
    return x;
  }
};
struct Min {
  template <class V>
  static V combine(V best, V x) {
    return ((x < best) | is_nan(x)) ? x : best;
  }
  template <class T>
  static T idle(T x) {
    return x;
  }
};

// A row is folded into 128 bytes of lanes, and those by halves. The order is the same on each
// processor, and so is the value; only the vectors that hold the lanes differ.
#if defined(__AVX512F__)
inline constexpr std::size_t kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr std::size_t kVectorBytes = 32;
#else
inline constexpr std::size_t kVectorBytes = 16;
#endif
inline constexpr std::size_t kVectors = 128 / kVectorBytes;
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));  // NOLINT(modernize-use-using)
};
template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
constexpr std::int64_t kWidth = kVectorBytes / sizeof(T);

template <class T>
Vector<T> load_vector(const T* x) {
  Vector<T> vector;
  std::memcpy(&vector, x, sizeof(vector));
  return vector;
}
// The `count` elements at x, and idle ones where that is less than a vector.
template <class T>
Vector<T> load_vector(const T* x, std::int64_t count, T idle) {
  if (count >= kWidth<T>) return load_vector(x);
  T part[kWidth<T>];
  for (T& element : part) element = idle;
  for (std::int64_t i = 0; i < count; ++i) part[i] = x[i];
  return load_vector(part);
}

template <class Combine, class T>
T fold(const T* x, std::int64_t length) {
  constexpr std::int64_t kShort = sizeof(T) == 1 ? 128 : 8;
  if (length <= kShort) {
    T result = x[0];
    for (std::int64_t i = 1; i < length; ++i) result = Combine::combine(result, x[i]);
    return result;
  }
  constexpr std::int64_t kLanes = kVectors * kWidth<T>;
  const T idle = Combine::idle(x[0]);
  Vector<T> vectors[kVectors];
  for (std::size_t k = 0; k < kVectors; ++k) {
    const std::int64_t at = static_cast<std::int64_t>(k) * kWidth<T>;
    vectors[k] = load_vector(x + at, length - at, idle);
  }
  std::int64_t i = kLanes;
  for (; i + kLanes <= length; i += kLanes) {
    for (std::size_t k = 0; k < kVectors; ++k) {
      const std::int64_t at = i + static_cast<std::int64_t>(k) * kWidth<T>;
      vectors[k] = Combine::combine(vectors[k], load_vector(x + at));
    }
  }
  if (i < length) {
    for (std::size_t k = 0; k < kVectors; ++k) {
      const std::int64_t at = i + static_cast<std::int64_t>(k) * kWidth<T>;
      vectors[k] = Combine::combine(vectors[k], load_vector(x + at, length - at, idle));
    }
  }
  for (std::size_t half = kVectors / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k) {
      vectors[k] = Combine::combine(vectors[k], vectors[k + half]);
    }
  }
  T lanes[kWidth<T>];
  std::memcpy(lanes, &vectors[0], sizeof(lanes));
  for (std::int64_t half = kWidth<T> / 2; half > 0; half /= 2) {
    for (std::int64_t k = 0; k < half; ++k) {
      lanes[k] = Combine::combine(lanes[k], lanes[k + half]);
    }
  }
  return lanes[0];
}

template <class T>
TENDON_LOOP sum_rows(const void* x, void* into, std::int64_t rows, std::int64_t length) {
  using Element = decltype(ops::wrapping(T{}));
  using Total = std::conditional_t<std::is_floating_point_v<T>, double, Element>;
  constexpr std::int64_t kBlock = 4096;
  const auto* row = static_cast<const Element*>(x);
  for (std::int64_t r = 0; r < rows; ++r, row += length) {
    Total total = 0;
    for (std::int64_t i = 0; i < length; i += kBlock) {
      const std::int64_t left = length - i;
      total += static_cast<Total>(fold<Sum>(row + i, left < kBlock ? left : kBlock));
    }
    static_cast<Element*>(into)[r] = static_cast<Element>(total);
  }
}
template <class Combine, class T>
TENDON_LOOP extreme_rows(const void* x, void* into, std::int64_t rows, std::int64_t length) {
  const auto* row = static_cast<const T*>(x);
  for (std::int64_t r = 0; r < rows; ++r, row += length) {
    static_cast<T*>(into)[r] = fold<Combine>(row, length);
  }
}
// The first element that is the extreme: unless that is a NaN, none is.
template <class Combine, class T>
TENDON_LOOP arg_rows(const void* x, void* into, std::int64_t rows, std::int64_t length) {
  constexpr std::int64_t kBlock = 64;
  const auto* row = static_cast<const T*>(x);
  for (std::int64_t r = 0; r < rows; ++r, row += length) {
    const T best = fold<Combine>(row, length);
    const auto is_best = [=](std::int64_t i) { return (row[i] == best) | is_nan(row[i]); };
    std::int64_t at = 0;
    for (; at + kBlock <= length; at += kBlock) {
      int found = 0;
      for (std::int64_t i = at; i < at + kBlock; ++i) found |= is_best(i);
      if (found != 0) break;
    }
    while (!is_best(at)) ++at;
    static_cast<std::int64_t*>(into)[r] = at;
  }
}

// The products of a block of 4096 are summed in as many lanes as a row's elements are folded into,
// and blocks in f64.
inline constexpr std::int64_t kProductBlock = 4096;
template <class T>
constexpr std::int64_t kProductLanes = 128 / sizeof(T);
template <class T>
constexpr std::int64_t kProductRows = 512 / sizeof(T);

// A row at a time, its lanes in registers.
template <class T>
TENDON_LOOP product_along(const void* matrix, std::int64_t leading, const void* x,
                          std::int64_t rows, std::int64_t columns, void* into) {
  constexpr std::int64_t kLanes = kProductLanes<T>;
  const auto* vector = static_cast<const T*>(x);
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = static_cast<const T*>(matrix) + i * leading;
    double total = 0;
    for (std::int64_t first = 0; first < columns; first += kProductBlock) {
      const std::int64_t left = columns - first;
      const std::int64_t end = first + (left < kProductBlock ? left : kProductBlock);
      Vector<T> vectors[kVectors];
      for (Vector<T>& each : vectors) each = -Vector<T>{};
      std::int64_t k = first;
      for (; k + kLanes <= end; k += kLanes) {
        for (std::size_t v = 0; v < kVectors; ++v) {
          const std::int64_t at = k + static_cast<std::int64_t>(v) * kWidth<T>;
          vectors[v] += load_vector(row + at) * load_vector(vector + at);
        }
      }
      T lanes[kProductLanes<T>];
      std::memcpy(lanes, vectors, sizeof(lanes));
      for (std::int64_t lane = 0; k < end; ++k, ++lane) lanes[lane] += row[k] * vector[k];
      for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
        for (std::int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
      }
      total += static_cast<double>(lanes[0]);
    }
    static_cast<T*>(into)[i] = static_cast<T>(total);
  }
}
// Many rows at a time, their lanes in the first-level cache.
template <class T>
TENDON_LOOP product_across(const void* matrix, std::int64_t leading, const void* x,
                           std::int64_t rows, std::int64_t columns, void* into) {
  constexpr std::int64_t kLanes = kProductLanes<T>;
  constexpr std::int64_t kRows = kProductRows<T>;
  const auto* vector = static_cast<const T*>(x);
  for (std::int64_t first = 0; first < rows; first += kRows) {
    const std::int64_t count = rows - first < kRows ? rows - first : kRows;
    double totals[kProductRows<T>] = {};
    for (std::int64_t begin = 0; begin < columns; begin += kProductBlock) {
      const std::int64_t left = columns - begin;
      const std::int64_t end = begin + (left < kProductBlock ? left : kProductBlock);
      T lanes[kProductLanes<T>][kProductRows<T>];
      for (auto& lane : lanes) {
        for (std::int64_t i = 0; i < count; ++i) lane[i] = static_cast<T>(-0.0);
      }
      for (std::int64_t k = begin; k < end; ++k) {
        const T* column = static_cast<const T*>(matrix) + k * leading + first;
        T* lane = lanes[(k - begin) % kLanes];
        const T factor = vector[k];
#pragma omp simd
        for (std::int64_t i = 0; i < count; ++i) lane[i] += column[i] * factor;
      }
      for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
        for (std::int64_t lane = 0; lane < half; ++lane) {
#pragma omp simd
          for (std::int64_t i = 0; i < count; ++i) lanes[lane][i] += lanes[lane + half][i];
        }
      }
      for (std::int64_t i = 0; i < count; ++i) totals[i] += static_cast<double>(lanes[0][i]);
    }
    for (std::int64_t i = 0; i < count; ++i)
      static_cast<T*>(into)[first + i] = static_cast<T>(totals[i]);
  }
}
inline ProductLoop find_product(bool has_contiguous_columns, DType dtype) {
  if (dtype == DType::f32)
    return has_contiguous_columns ? product_across<float> : product_along<float>;
  if (dtype == DType::f64)
    return has_contiguous_columns ? product_across<double> : product_along<double>;
  return nullptr;
}

template <class T>
TENDON_LOOP accumulate_sum(const void* x, void* into, std::int64_t count) {
  using Total = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    static_cast<Total*>(into)[i] += static_cast<Total>(static_cast<const T*>(x)[i]);
  }
}
template <class Combine, class T>
TENDON_LOOP accumulate_extreme(const void* x, void* into, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    auto& best = static_cast<T*>(into)[i];
    best = Combine::combine(best, static_cast<const T*>(x)[i]);
  }
}

inline RowLoop find_reduce(Op op, DType dtype) {
  return visit(dtype, [op]<class T>() -> RowLoop {
    if constexpr (kComputes<T>) {
      using Element = Stored<T>;
      switch (op) {
        case Op::reduce_sum:
          if constexpr (std::is_same_v<T, bool>)
            return nullptr;
          else
            return sum_rows<T>;
        case Op::reduce_max: return extreme_rows<Max, Element>;
        case Op::reduce_min: return extreme_rows<Min, Element>;
        case Op::argmax: return arg_rows<Max, Element>;
        case Op::argmin: return arg_rows<Min, Element>;
        default: return nullptr;
      }
    }
    return nullptr;
  });
}
inline AccumulateLoop find_accumulate(Op op, DType dtype) {
  return visit(dtype, [op]<class T>() -> AccumulateLoop {
    if constexpr (kComputes<T>) {
      using Element = Stored<T>;
      switch (op) {
        case Op::reduce_sum:
          if constexpr (std::is_same_v<T, bool>)
            return nullptr;
          else
            return accumulate_sum<T>;
        case Op::reduce_max: return accumulate_extreme<Max, Element>;
        case Op::reduce_min: return accumulate_extreme<Min, Element>;
        default: return nullptr;
      }
    }
    return nullptr;
  });
}

#include "host/cpu/loops_pairs.h"
#undef TENDON_LOOP

constexpr Loops loops_for(const char* name) {
  return {name,       find_pointwise, find_pair,       find_cast,
          find_round, find_reduce,    find_accumulate, find_product};
}

}  // namespace
}  // namespace tendon::cpu
