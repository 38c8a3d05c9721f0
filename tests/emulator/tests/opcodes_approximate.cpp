// Approximations, within the errors that the PTX manual allows.
#include "opcodes_make.h"

namespace emulator_test {
namespace {

constexpr double kUlp = 0x1p-23;     // of f32, relative
constexpr double kLeast = 0x1p-148;  // two steps of subnormals

// With and without .ftz, which flushes what goes in and what comes out.
template <class F>
void append_approximation(std::vector<Form>& forms, Nearness nearness, const std::string& base,
                          F of_double) {
  if (nearness.relative != 0 && nearness.absolute == 0) nearness.absolute = kLeast;
  forms.push_back(near(nearness, base + ".f32",
                       [=](float a) { return static_cast<float>(of_double(double{a})); }));
  forms.push_back(near(nearness, base + ".ftz.f32", [=](float a) {
    return flush(static_cast<float>(of_double(double{flush(a)})));
  }));
}

// Divisors whose reciprocal is subnormal, and subnormal ones, are another matter.
bool is_common_divisor(std::uint64_t bits) {
  const float size = std::fabs(from_bits<float>(bits));
  return size == 0 || (size >= 0x1p-126f && size <= 0x1p126f) || std::isinf(size) ||
         std::isnan(size);
}

std::vector<Form> divisions() {
  std::vector<Form> forms;
  const Nearness nearness{2 * kUlp, kLeast};
  for (const std::string base : {"div.approx", "div.full"}) {
    forms.push_back(near(nearness, base + ".f32", [](float a, float b) {
      return static_cast<float>(double{a} / double{b});
    }));
    forms.push_back(near(nearness, base + ".ftz.f32", [](float a, float b) {
      return flush(static_cast<float>(double{flush(a)} / double{flush(b)}));
    }));
  }
  for (Form& form : forms) {
    std::erase_if(form.values[1], [](std::uint64_t bits) { return !is_common_divisor(bits); });
  }
  Form large = near(nearness, "div.approx.f32",
                    [](float a, float) { return std::isfinite(a) ? 0.0f : NAN; });
  large.values[1] = {0x7f000000, 0x7f7fffff, 0xff7fffff, 0x7e800001};  // above 2^126
  forms.push_back(large);
  return forms;
}

// Of an angle up to `most`.
Form up_to(double most, Form form) {
  std::erase_if(form.values[0], [=](std::uint64_t bits) {
    const float size = std::fabs(from_bits<float>(bits));
    return std::isfinite(size) && size > most;
  });
  return form;
}

// Half of a double's bits come out, and are looked at.
Form coarse(const std::string& name, double (*of_double)(double)) {
  return near({0x1p-19, 0}, name, [=](double a) { return flush(of_double(flush(a))); });
}

template <class T>
Form in_half(Nearness nearness, const std::string& name, double (*function)(double),
             bool flushes = false) {
  return near(nearness, name + "." + type_name<T>(), [=](T a) {
    const T taken = flushes ? flush(a) : a;
    const T result = rounded<T>(function(static_cast<double>(number(taken))));
    return flushes ? flush(result) : result;
  });
}

// Of both halves, by the form of one.
Form in_pairs(const Form& single, const std::string& name) {
  Form form = single;
  form.names = {name};
  form.text = name + " %d, %a;";
  form.elements = 2;
  form.result = Register::b32;
  form.operands = {Register::b32};
  form.values = {pairs_of_edges(*single.format)};
  form.want = [single](std::span<const std::uint64_t> bits) {
    const std::uint64_t low = bits[0] & 0xffff, high = bits[0] >> 16;
    return single.want(std::span(&low, 1)) | single.want(std::span(&high, 1)) << 16;
  };
  return form;
}

}  // namespace

std::vector<Form> approximate_forms() {
  std::vector<Form> forms = divisions();
  append_approximation(forms, {kUlp, 0}, "rcp.approx", [](double a) { return 1 / a; });
  append_approximation(forms, {kUlp, 0}, "sqrt.approx", [](double a) { return std::sqrt(a); });
  append_approximation(forms, {0x1p-22, 0}, "rsqrt.approx",
                       [](double a) { return 1 / std::sqrt(a); });
  append_approximation(forms, {0x1p-22, 0}, "ex2.approx", [](double a) { return std::exp2(a); });
  append_approximation(forms, {0x1p-22, 0x1p-22}, "lg2.approx",
                       [](double a) { return std::log2(a); });
  std::vector<Form> angles;
  append_approximation(angles, {0, 0x1p-14}, "sin.approx", [](double a) { return std::sin(a); });
  append_approximation(angles, {0, 0x1p-14}, "cos.approx", [](double a) { return std::cos(a); });
  for (const Form& form : angles) forms.push_back(up_to(300, form));
  forms.push_back(near({0x1p-10, 0x1p-126}, "tanh.approx.f32",
                       [](float a) { return static_cast<float>(std::tanh(double{a})); }));
  forms.push_back(coarse("rcp.approx.ftz.f64", [](double a) { return 1 / a; }));
  forms.push_back(coarse("rsqrt.approx.ftz.f64", [](double a) { return 1 / std::sqrt(a); }));
  forms.push_back(
      near({0x1p-51, 0}, "rsqrt.approx.f64", [](double a) { return 1 / std::sqrt(a); }));

  const auto power = [](double a) { return std::exp2(a); };
  const auto tangent = [](double a) { return std::tanh(a); };
  const Form halves[] = {in_half<F16>({0x1p-9, 0x1p-24}, "ex2.approx", power),
                         in_half<F16>({0, 0x1p-10}, "tanh.approx", tangent),
                         in_half<Bf16>({0x1p-7, 0x1p-126}, "ex2.approx.ftz", power, true),
                         in_half<Bf16>({0, 0x1p-8}, "tanh.approx", tangent)};
  for (const Form& form : halves) {
    forms.push_back(form);
    forms.push_back(in_pairs(form, form.names[0] + "x2"));
  }
  return forms;
}

}  // namespace emulator_test
