// clip_by_global_norm.
#include <tendon/error.h>
#include <tendon/gradient.h>
#include <tendon/non_finite.h>
#include <tendon/ops.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "host/record/evaluate.h"
#include "host/record/past.h"
#include "host/record/recorder.h"
#include "host/support/text.h"

namespace tendon {
namespace {

constexpr const char* kCall = "clip_by_global_norm";

// Norms as the host has read them, beside the gradients they are of.
struct Norms {
  std::vector<const Gradient*> of;
  std::vector<double> values;

  // As std::hypot, of many: neither overflows nor underflows on the way.
  double all() const {
    double greatest = 0;
    for (const double value : values) {
      if (!std::isfinite(value)) return value;
      greatest = std::max(greatest, value);
    }
    if (greatest == 0) return 0;
    double sum = 0;
    for (const double value : values) sum += (value / greatest) * (value / greatest);
    return greatest * std::sqrt(sum);
  }
};

// One plan and one wait a device. The sums are made in f64, where no norm of another dtype
// overflows.
Norms norms_of(const Gradients& gradients) {
  Norms norms;
  support::PoolVector<record::Node*> values;
  std::vector<std::pair<Device, std::vector<Tensor>>> by_device;
  for (const Gradient& gradient : gradients) {
    if (!gradient) continue;
    values.push_back(gradient->node());
    const Tensor norm = reshape(reduce_norm(gradient->cast(DType::f64)), {1});
    const Device device = gradient->device();
    auto found = std::ranges::find(by_device, device, [](const auto& pair) { return pair.first; });
    if (found == by_device.end()) found = by_device.insert(found, {device, {}});
    found->second.push_back(norm);
  }
  for (const auto& [device, list] : by_device) {
    const Tensor together = concat(list, 0);
    values.push_back(together.node());
    record::evaluate(values);  // the gradients with their norms: they are read again
    values.pop_back();
    for (const double norm : together.to_vector<double>()) norms.values.push_back(norm);
    for (const Gradient& gradient : gradients) {
      if (gradient && gradient->device() == device) norms.of.push_back(&gradient);
    }
  }
  return norms;
}

// `fail` throws.
double checked_norm(const Gradients& gradients,
                    const std::function<void(const std::string&)>& fail) {
  const record::Suspend suspend;
  support::PoolVector<record::Node*> nodes;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i]) continue;
    if (gradients[i]->is_empty_handle()) fail(fmt::format("gradient {} is an empty tensor", i));
    if (!is_floating(gradients[i]->dtype())) {
      fail(fmt::format("gradient {} is {}; gradients are floating", i,
                       support::text(gradients[i]->dtype())));
    }
    nodes.push_back(gradients[i]->node());
  }
  const auto held = record::read_by(nodes);  // for why_not_finite
  const Norms norms = norms_of(gradients);
  const double norm = norms.all();
  if (!std::isfinite(norm)) {
    const auto wrong = static_cast<std::size_t>(
        std::ranges::find_if_not(norms.values, [](double x) { return std::isfinite(x); }) -
        norms.values.begin());
    if (wrong == norms.of.size()) fail("the norm of all gradients is beyond f64");
    const std::optional<NonFinite> why = why_not_finite(**norms.of[wrong]);
    fail(fmt::format("the norm of the gradient of {} is {}{}", norms.of[wrong]->source(),
                     norms.values[wrong],
                     why ? fmt::format(": {}", why->text) : ": it is beyond f64"));
  }
  return norm;
}

}  // namespace

Gradients clip_by_global_norm(const Gradients& gradients, double most, Place place) {
  const auto fail = [&](const std::string& what) {
    throw Error(fmt::format("{}{}: {}", kCall, support::at(place), what));
  };
  if (!(most > 0) || !std::isfinite(most))
    fail(fmt::format("the greatest norm is {}; it must be finite, and above 0", most));
  const double norm = checked_norm(gradients, fail);
  if (norm <= most) return gradients;
  return gradients.map([&](const Tensor& gradient) {
    const DType dtype = gradient.dtype();
    const bool is_stored =
        dtype == DType::f16 || dtype == DType::bf16;  // too coarse for the factor
    const Tensor wide = is_stored ? gradient.cast(DType::f32, place) : gradient;
    const Tensor scaled = mul({wide, place}, most / norm);
    return is_stored ? scaled.cast(dtype, place) : scaled;
  });
}

}  // namespace tendon
