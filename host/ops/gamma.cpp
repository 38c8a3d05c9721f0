// Abramowitz and Stegun, Handbook of
// Mathematical Functions: recurrence 6.3.5 and 6.4.6, reflection 6.3.7 and 6.4.7, asymptotic
// series 6.3.18 and 6.4.11.
#include "host/ops/gamma.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace tendon::ops {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Bernoulli numbers B_2, B_4, ..., B_20.
constexpr std::array kBernoulli = {1.0 / 6,       -1.0 / 30,      1.0 / 42, -1.0 / 30,
                                   5.0 / 66,      -691.0 / 2730,  7.0 / 6,  -3617.0 / 510,
                                   43867.0 / 798, -174611.0 / 330};

}  // namespace

double digamma(double x) noexcept {
  if (std::isnan(x) || x == -kInfinity) return kNaN;
  if (x == 0) return std::copysign(kInfinity, -x);
  double result = 0;
  if (x < 0) {
    const double fraction = x - std::floor(x);
    if (fraction == 0) return kNaN;
    result = -std::numbers::pi / std::tan(std::numbers::pi * fraction);
    x = 1 - x;
  }
  for (; x < 10; ++x) result -= 1 / x;
  const double inverse = 1 / (x * x);
  double power = inverse;
  double series = 0;
  for (std::size_t k = 0; k < kBernoulli.size(); ++k) {
    series += kBernoulli[k] / (2.0 * static_cast<double>(k + 1)) * power;
    power *= inverse;
  }
  return result + std::log(x) - 0.5 / x - series;
}

double polygamma(double x, double order) noexcept {
  if (order == 0) return digamma(x);
  if (std::isnan(x) || order < 0 || order != std::floor(order)) return kNaN;
  if (x <= 0) {
    if (x == std::floor(x)) return order == 1 ? kInfinity : kNaN;
    if (order != 1) return kNaN;
    const double sine = std::sin(std::numbers::pi * x);
    return std::numbers::pi * std::numbers::pi / (sine * sine) - polygamma(1 - x, 1);
  }
  // In units of n!, with s = n + 1.
  const double s = order + 1;
  double sum = 0;
  for (const double far = 10 + order; x < far; ++x) sum += std::pow(x, -s);
  const double base = std::pow(x, -order);
  sum += base / order + 0.5 * base / x;
  // term k: B_2k / (2k)! * s (s+1) ... (s + 2k - 2) x^-(s + 2k - 1)
  double factor = base / (x * x) * s / 2;
  for (std::size_t k = 0; k < kBernoulli.size(); ++k) {
    sum += kBernoulli[k] * factor;
    const auto twice = 2.0 * static_cast<double>(k + 1);
    factor *= (s + twice - 1) * (s + twice) / ((twice + 1) * (twice + 2) * x * x);
  }
  const double sign = std::fmod(order, 2) == 0 ? -1 : 1;
  return sign * std::tgamma(s) * sum;
}

}  // namespace tendon::ops
