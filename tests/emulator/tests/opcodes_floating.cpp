// f32 and f64 arithmetic that is rounded once, and exactly.
#include "opcodes_make.h"

namespace emulator_test {
namespace {

struct Mode {
  const char* name;
  Rounding rounding;
};
constexpr Mode kModes[] = {{".rn", Rounding::nearest},
                           {".rz", Rounding::zero},
                           {".rm", Rounding::down},
                           {".rp", Rounding::up}};

template <class T>
T saturate(T value) {
  return value > 0 ? (value < 1 ? value : T{1}) : T{0};  // NaN gives 0 as well
}

// What comes between the rounding and the type: .ftz flushes operands and result, .sat clamps.
struct Modifiers {
  const char* name;
  bool flushes, saturates;
};

// A function of exact operands, as an instruction with a rounding and modifiers.
template <class T, class F>
auto instruction(F exact, Rounding rounding, Modifiers modifiers) {
  const auto apply = [=](auto... operands) {
    T result = rounded<T>(
        exact(rounding, number(modifiers.flushes ? flush(operands) : operands)...), rounding);
    if (modifiers.flushes) result = flush(result);
    return modifiers.saturates ? saturate(result) : result;
  };
  if constexpr (std::is_invocable_v<F, Rounding, Quad>) {
    return [=](T a) { return apply(a); };
  } else if constexpr (std::is_invocable_v<F, Rounding, Quad, Quad>) {
    return [=](T a, T b) { return apply(a, b); };
  } else {
    return [=](T a, T b, T c) { return apply(a, b, c); };
  }
}

template <class T, class F>
void append_rounded(std::vector<Form>& forms, const std::string& base, bool has_default,
                    bool has_saturation, F exact) {
  const std::string type = "." + type_name<T>();
  std::vector<Modifiers> all{{"", false, false}};
  if (std::is_same_v<T, float>) {
    all.push_back({".ftz", true, false});
    if (has_saturation) all.insert(all.end(), {{".sat", false, true}, {".ftz.sat", true, true}});
  }
  for (const Modifiers& modifiers : all) {
    for (const Mode& mode : kModes) {
      forms.push_back(form(base + mode.name + modifiers.name + type,
                           instruction<T>(exact, mode.rounding, modifiers)));
    }
    if (has_default) {
      forms.push_back(
          form(base + modifiers.name + type, instruction<T>(exact, Rounding::nearest, modifiers)));
    }
  }
}

template <class T>
void append_arithmetic(std::vector<Form>& forms) {
  append_rounded<T>(forms, "add", true, true,
                    [](Rounding rounding, Quad a, Quad b) { return sum(a, b, rounding); });
  append_rounded<T>(forms, "sub", true, true,
                    [](Rounding rounding, Quad a, Quad b) { return sum(a, -b, rounding); });
  append_rounded<T>(forms, "mul", true, true, [](Rounding, Quad a, Quad b) { return a * b; });
  const auto fused = [](Rounding rounding, Quad a, Quad b, Quad c) {
    return sum(a * b, c, rounding);
  };
  append_rounded<T>(forms, "fma", false, true, fused);
  append_rounded<T>(forms, "mad", false, true, fused);
  append_rounded<T>(forms, "div", false, false, [](Rounding, Quad a, Quad b) { return a / b; });
  append_rounded<T>(forms, "rcp", false, false, [](Rounding, Quad a) { return 1 / a; });
  append_rounded<T>(forms, "sqrt", false, false, [](Rounding, Quad a) { return square_root(a); });
}

// -0 is less than +0. NaN gives way to a number unless it is asked for.
template <class T>
T least(T a, T b, bool keeps_nan) {
  if (std::isnan(a) || std::isnan(b))
    return keeps_nan || std::isnan(a) == std::isnan(b) ? a + b : std::isnan(a) ? b : a;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
template <class T>
T greatest(T a, T b, bool keeps_nan) {
  return -least(-a, -b, keeps_nan);
}

template <class T>
void append_extremes(std::vector<Form>& forms, const std::string& modifiers, bool flushes,
                     bool keeps_nan) {
  const auto prepare = [=](T a) { return flushes ? flush(a) : a; };
  const std::string type = modifiers + "." + type_name<T>();
  forms.push_back(
      form("min" + type, [=](T a, T b) { return least(prepare(a), prepare(b), keeps_nan); }));
  forms.push_back(
      form("max" + type, [=](T a, T b) { return greatest(prepare(a), prepare(b), keeps_nan); }));
}

template <class T>
void append_signs(std::vector<Form>& forms) {
  const std::string type = "." + type_name<T>();
  append(forms,
         {
             form("neg" + type, [](T a) { return -a; }),
             form("abs" + type, [](T a) { return std::fabs(a); }),
             form("copysign" + type, [](T a, T b) { return std::copysign(b, a); }),
             form("testp.finite" + type, [](T a) { return std::isfinite(a); }),
             form("testp.infinite" + type, [](T a) { return std::isinf(a); }),
             form("testp.number" + type, [](T a) { return !std::isnan(a); }),
             form("testp.notanumber" + type, [](T a) { return std::isnan(a); }),
             form("testp.normal" + type, [](T a) { return std::isnormal(a) || a == 0; }),
             form("testp.subnormal" + type, [](T a) { return std::fpclassify(a) == FP_SUBNORMAL; }),
         });
}

}  // namespace

std::vector<Form> floating_forms() {
  std::vector<Form> forms;
  append_arithmetic<float>(forms);
  append_arithmetic<double>(forms);
  append_signs<float>(forms);
  append_signs<double>(forms);
  append_extremes<double>(forms, "", false, false);
  append_extremes<float>(forms, "", false, false);
  append_extremes<float>(forms, ".ftz", true, false);
  append_extremes<float>(forms, ".NaN", false, true);
  append_extremes<float>(forms, ".ftz.NaN", true, true);
  forms.push_back(form("neg.ftz.f32", [](float a) { return -flush(a); }));
  forms.push_back(form("abs.ftz.f32", [](float a) { return std::fabs(flush(a)); }));
  return forms;
}

}  // namespace emulator_test
