// f32 and f64 arithmetic. Approximations are computed in double and rounded once.
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

template <class T>
struct Add {
  T operator()(T a, T b) const { return a + b; }
};
template <class T>
struct Subtract {
  T operator()(T a, T b) const { return a - b; }
};
template <class T>
struct Multiply {
  T operator()(T a, T b) const { return a * b; }
};
template <class T>
struct MultiplyAdd {
  T operator()(T a, T b, T c) const { return std::fma(a, b, c); }
};
template <class T>
struct Divide {
  T operator()(T a, T b) const { return a / b; }
};
template <class T>
struct SquareRoot {
  T operator()(T a) const { return std::sqrt(a); }
};
template <class T>
struct Reciprocal {
  T operator()(T a) const { return T{1} / a; }
};
template <class T>
struct Negate {
  T operator()(T a) const { return -a; }
};
template <class T>
struct Absolute {
  T operator()(T a) const { return std::fabs(a); }
};
// -0 is less than +0; NaN gives way to a number, or (.NaN) does not.
template <class T, bool kKeepsNan>
struct Least {
  T operator()(T a, T b) const {
    if (a != a || b != b)
      return kKeepsNan || (a != a && b != b) ? std::numeric_limits<T>::quiet_NaN() : a != a ? b : a;
    if (a == b) return std::signbit(a) ? a : b;
    return a < b ? a : b;
  }
};
template <class T, bool kKeepsNan>
struct Greatest {
  T operator()(T a, T b) const {
    if (a != a || b != b)
      return kKeepsNan || (a != a && b != b) ? std::numeric_limits<T>::quiet_NaN() : a != a ? b : a;
    if (a == b) return std::signbit(a) ? b : a;
    return a < b ? b : a;
  }
};
template <class T>
struct WithSignOf {
  T operator()(T sign, T a) const { return std::copysign(a, sign); }
};

float rounded(double value) { return static_cast<float>(value); }
// div.approx gives 0 for a divisor between 2^126 and 2^128, and NaN of infinity.
struct ApproximateDivide {
  float operator()(float a, float b) const {
    const float size = std::fabs(b);
    if (size > 0x1p126f && size < std::numeric_limits<float>::infinity()) {
      return std::isfinite(a) ? std::copysign(0.0f, a) * std::copysign(1.0f, b)
                              : std::numeric_limits<float>::quiet_NaN();
    }
    return rounded(double{a} / double{b});
  }
};
struct FullDivide {
  float operator()(float a, float b) const { return rounded(double{a} / double{b}); }
};
struct ApproximateReciprocal {
  float operator()(float a) const { return rounded(1.0 / double{a}); }
};
struct ApproximateSquareRoot {
  float operator()(float a) const { return rounded(std::sqrt(double{a})); }
};
struct ApproximateInverseRoot {
  float operator()(float a) const { return rounded(1.0 / std::sqrt(double{a})); }
};
struct Sine {
  float operator()(float a) const { return rounded(std::sin(double{a})); }
};
struct Cosine {
  float operator()(float a) const { return rounded(std::cos(double{a})); }
};
struct PowerOfTwo {
  float operator()(float a) const { return rounded(std::exp2(double{a})); }
};
struct LogarithmOfTwo {
  float operator()(float a) const { return rounded(std::log2(double{a})); }
};
struct HyperbolicTangent {
  float operator()(float a) const { return rounded(std::tanh(double{a})); }
};
// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64: of the upper 20 bits of the fraction, the rest being
// zero.
double upper_half(double value) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) & 0xffff'ffff'0000'0000u);
}
struct CoarseReciprocal {
  double operator()(double a) const { return upper_half(1.0 / flushed(a)); }
};
struct CoarseInverseRoot {
  double operator()(double a) const { return upper_half(1.0 / std::sqrt(a)); }
};
// rsqrt.approx.f64, without .ftz, is a program of the driver's, and as good as rsqrt().
struct InverseRoot {
  double operator()(double a) const {
    return static_cast<double>(1.0L / std::sqrt(static_cast<long double>(a)));
  }
};

template <template <class> class F, std::size_t N>
Run typed(Type type) {
  return type == Type::f64 ? floating<double, F<double>, N> : floating<float, F<float>, N>;
}

// Signs are bits: a NaN keeps its own.
template <class T, class F>
Run on_bits() {
  return each1<T, T, F>;
}
template <class T>
struct FlipSign {
  T operator()(T a) const { return a ^ (T{1} << (8 * sizeof(T) - 1)); }
};
template <class T>
struct ClearSign {
  T operator()(T a) const { return a & ~(T{1} << (8 * sizeof(T) - 1)); }
};

struct TestName {
  std::string_view word;
  std::uint8_t detail;
};
constexpr TestName kTests[] = {{"finite", 0},     {"infinite", 1}, {"number", 2},
                               {"notanumber", 3}, {"normal", 4},   {"subnormal", 5}};

template <class T>
void test_property(Warp& warp, const Step& step, Mask mask) {
  const T* a = warp.lanes<T>(step.s[0]);
  Mask result = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const int kind = std::fpclassify(a[lane]);
    const bool holds[] = {
        kind != FP_INFINITE && kind != FP_NAN, kind == FP_INFINITE, kind != FP_NAN, kind == FP_NAN,
        kind == FP_NORMAL || kind == FP_ZERO,  kind == FP_SUBNORMAL};
    result |= static_cast<Mask>(holds[step.detail]) << lane;
  }
  warp.store_predicate(step.d, result, mask);
}

}  // namespace

bool decode_floating(Decoding& d) {
  const std::string_view base = d.base();
  if (d.type_count() == 0) return false;
  const Type type = d.last_type();
  if (type != Type::f32 && type != Type::f64) return false;
  const bool is_wide = type == Type::f64;
  const InstructionClass kind = is_wide ? InstructionClass::f64 : InstructionClass::f32;
  const auto runs = [&](Run run) {
    d.destination(ptx::size_of(type));
    d.sources(type);
    d.floating_modifiers();
    d.runs(kind, run);
    return true;
  };
  const bool is_approximate = d.has("approx");
  if (base == "add") return runs(typed<Add, 2>(type));
  if (base == "sub") return runs(typed<Subtract, 2>(type));
  if (base == "mul") return runs(typed<Multiply, 2>(type));
  if (base == "fma" || base == "mad") return !d.has("relu") && runs(typed<MultiplyAdd, 3>(type));
  if (base == "div") {
    if (is_approximate && !is_wide) return runs(floating<float, ApproximateDivide, 2>);
    if (d.has("full") && !is_wide) return runs(floating<float, FullDivide, 2>);
    return runs(typed<Divide, 2>(type));
  }
  if (base == "sqrt")
    return runs(is_approximate && !is_wide ? floating<float, ApproximateSquareRoot, 1>
                                           : typed<SquareRoot, 1>(type));
  if (base == "rcp") {
    if (is_approximate)
      return runs(is_wide ? floating<double, CoarseReciprocal, 1>
                          : floating<float, ApproximateReciprocal, 1>);
    return runs(typed<Reciprocal, 1>(type));
  }
  if (base == "rsqrt")
    return runs(is_wide ? (d.has("ftz") ? floating<double, CoarseInverseRoot, 1>
                                        : floating<double, InverseRoot, 1>)
                        : floating<float, ApproximateInverseRoot, 1>);
  if (base == "neg") {
    if (d.has("ftz")) return runs(floating<float, Negate<float>, 1>);
    return runs(is_wide ? on_bits<std::uint64_t, FlipSign<std::uint64_t>>()
                        : on_bits<std::uint32_t, FlipSign<std::uint32_t>>());
  }
  if (base == "abs") {
    if (d.has("ftz")) return runs(floating<float, Absolute<float>, 1>);
    return runs(is_wide ? on_bits<std::uint64_t, ClearSign<std::uint64_t>>()
                        : on_bits<std::uint32_t, ClearSign<std::uint32_t>>());
  }
  if ((base == "min" || base == "max") && !d.has("abs") && !d.has("xorsign")) {
    if (d.operand_count() != 3) d.unsupported();
    const bool least = base == "min";
    if (is_wide)
      return runs(least ? floating<double, Least<double, false>, 2>
                        : floating<double, Greatest<double, false>, 2>);
    if (d.has("NaN"))
      return runs(least ? floating<float, Least<float, true>, 2>
                        : floating<float, Greatest<float, true>, 2>);
    return runs(least ? floating<float, Least<float, false>, 2>
                      : floating<float, Greatest<float, false>, 2>);
  }
  if (base == "copysign") {
    if (is_wide) return runs(each2<double, double, double, WithSignOf<double>>);
    return runs(each2<float, float, float, WithSignOf<float>>);
  }
  if (base == "testp") {
    for (const TestName& test : kTests) {
      if (d.has(test.word)) d.step().detail = test.detail;
    }
    d.destination(0);
    d.sources(type);
    d.runs(kind, is_wide ? test_property<double> : test_property<float>);
    return true;
  }
  if (is_wide) return false;
  if (base == "sin") return runs(floating<float, Sine, 1>);
  if (base == "cos") return runs(floating<float, Cosine, 1>);
  if (base == "ex2") return runs(floating<float, PowerOfTwo, 1>);
  if (base == "lg2") return runs(floating<float, LogarithmOfTwo, 1>);
  if (base == "tanh") return runs(floating<float, HyperbolicTangent, 1>);
  return false;
}

}  // namespace emulator
