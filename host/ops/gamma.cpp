// Abramowitz and Stegun, Handbook of Mathematical Functions: recurrence 6.3.5, reflection 6.3.7,
// asymptotic series 6.3.18 and 6.4.11, and the sum 6.4.10, which holds for negative x too.
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

// The sum over k of 1 / (x + k)^(order + 1), for x > 0.
double zeta(double x, double order) {
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
  return sum;
}

}  // namespace

double digamma(double x) noexcept {
  if (std::isnan(x) || x == -kInfinity) return kNaN;
  if (x == 0) return std::copysign(kInfinity, -x);
  double result = 0;
  if (x < 0) {
    const double offset = x - std::nearbyint(x);  // exact, also right beside a pole
    if (offset == 0) return kNaN;
    result = -std::numbers::pi / std::tan(std::numbers::pi * offset);
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
  if (std::isnan(x) || x == -kInfinity || order < 0 || order != std::floor(order)) return kNaN;
  const bool is_odd = std::fmod(order, 2) != 0;
  double sum = 0;
  if (x > 0) {
    sum = zeta(x, order);
  } else {
    const double nearest = std::nearbyint(x);
    const double offset = x - nearest;  // exact, also right beside a pole
    if (offset == 0) return is_odd ? kInfinity : x == 0 ? std::copysign(kInfinity, -x) : kNaN;
    const double below = zeta(1 - offset, order) - zeta(1 - x, order);
    sum = zeta(1 + offset, order) + std::pow(offset, -order - 1) + (is_odd ? below : -below);
  }
  return (is_odd ? 1 : -1) * std::tgamma(order + 1) * sum;
}

}  // namespace tendon::ops
