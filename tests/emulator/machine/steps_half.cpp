// f16 and bf16 arithmetic, alone and in pairs: computed in double and rounded once.
#include "machine/decode.h"
#include "machine/half.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

struct Add {
  double operator()(double a, double b, double) const { return a + b; }
};
struct Subtract {
  double operator()(double a, double b, double) const { return a - b; }
};
struct Multiply {
  double operator()(double a, double b, double) const { return a * b; }
};
struct MultiplyAdd {
  double operator()(double a, double b, double c) const { return multiply_add_to_odd(a, b, c); }
};
struct MultiplyAddRelu {
  double operator()(double a, double b, double c) const {
    const double value = multiply_add_to_odd(a, b, c);
    return value < 0 ? 0.0 : value;
  }
};
struct Negate {
  double operator()(double a, double, double) const { return -a; }
};
struct Absolute {
  double operator()(double a, double, double) const { return std::fabs(a); }
};
template <bool kKeepsNan>
struct Least {
  double operator()(double a, double b, double) const {
    if (a != a || b != b)
      return kKeepsNan || (a != a && b != b) ? std::numeric_limits<double>::quiet_NaN()
             : a != a                        ? b
                                             : a;
    return a == b ? (std::signbit(a) ? a : b) : std::fmin(a, b);
  }
};
template <bool kKeepsNan>
struct Greatest {
  double operator()(double a, double b, double) const {
    if (a != a || b != b)
      return kKeepsNan || (a != a && b != b) ? std::numeric_limits<double>::quiet_NaN()
             : a != a                        ? b
                                             : a;
    return a == b ? (std::signbit(a) ? b : a) : std::fmax(a, b);
  }
};
struct PowerOfTwo {
  double operator()(double a, double, double) const { return std::exp2(a); }
};
struct HyperbolicTangent {
  double operator()(double a, double, double) const { return std::tanh(a); }
};

template <class H, class F, std::size_t kCount, std::size_t N>
void of_halves(Warp& warp, const Step& step, Mask mask) {
  std::uint16_t result[kLanes * kCount];
  const std::uint16_t* operand[3];
  for (std::size_t i = 0; i < N; ++i) operand[i] = warp.lanes<std::uint16_t>(step.s[i]);
  const auto flush = [&](double value) {
    constexpr double kLeastNormal = std::is_same_v<H, F16> ? 0x1p-14 : 0x1p-126;
    return step.flushes && std::fabs(value) < kLeastNormal ? std::copysign(0.0, value) : value;
  };
  for (std::size_t i = 0; i < kLanes * kCount; ++i) {
    double value[3] = {};
    for (std::size_t j = 0; j < N; ++j) value[j] = flush(H{operand[j][i]}.value());
    double outcome = F()(value[0], value[1], value[2]);
    if (step.saturates) outcome = outcome > 0 ? std::fmin(outcome, 1.0) : 0.0;
    const H rounded = H::of(outcome);
    result[i] = step.flushes ? H::of(flush(rounded.value())).bits : rounded.bits;
  }
  if constexpr (kCount == 1) {
    warp.store(step.d, result, mask);
  } else {
    std::uint32_t pairs[kLanes];
    std::memcpy(pairs, result, sizeof pairs);
    warp.store(step.d, pairs, mask);
  }
}

template <class F, std::size_t N>
Run typed(Type type) {
  switch (type) {
    case Type::f16: return of_halves<F16, F, 1, N>;
    case Type::f16x2: return of_halves<F16, F, 2, N>;
    case Type::bf16: return of_halves<BF16, F, 1, N>;
    default: return of_halves<BF16, F, 2, N>;
  }
}

// Signs are bits: a NaN keeps its own.
template <class T, T kBits, bool kFlips>
struct Sign {
  T operator()(T a) const {
    return static_cast<T>(kFlips ? a ^ kBits : a & static_cast<T>(~kBits));
  }
};
template <bool kFlips>
Run sign(Type type) {
  if (ptx::size_of(type) == 2)
    return each1<std::uint16_t, std::uint16_t, Sign<std::uint16_t, 0x8000, kFlips>>;
  return each1<std::uint32_t, std::uint32_t, Sign<std::uint32_t, 0x80008000, kFlips>>;
}

}  // namespace

bool decode_half(Decoding& d) {
  const std::string_view base = d.base();
  if (d.type_count() == 0) return false;
  const Type type = d.last_type();
  if (type != Type::f16 && type != Type::f16x2 && type != Type::bf16 && type != Type::bf16x2)
    return false;
  const auto runs = [&](Run run) {
    d.destination(ptx::size_of(type));
    d.sources(type);
    d.floating_modifiers();
    d.runs(InstructionClass::f16, run);
    return true;
  };
  if (base == "add") return runs(typed<Add, 2>(type));
  if (base == "sub") return runs(typed<Subtract, 2>(type));
  if (base == "mul") return runs(typed<Multiply, 2>(type));
  if (base == "fma")
    return runs(d.has("relu") ? typed<MultiplyAddRelu, 3>(type) : typed<MultiplyAdd, 3>(type));
  if (base == "neg") return runs(d.has("ftz") ? typed<Negate, 1>(type) : sign<true>(type));
  if (base == "abs") return runs(d.has("ftz") ? typed<Absolute, 1>(type) : sign<false>(type));
  if (base == "min" && !d.has("xorsign"))
    return runs(d.has("NaN") ? typed<Least<true>, 2>(type) : typed<Least<false>, 2>(type));
  if (base == "max" && !d.has("xorsign"))
    return runs(d.has("NaN") ? typed<Greatest<true>, 2>(type) : typed<Greatest<false>, 2>(type));
  if (base == "ex2") return runs(typed<PowerOfTwo, 1>(type));
  if (base == "tanh") return runs(typed<HyperbolicTangent, 1>(type));
  return false;
}

}  // namespace emulator
