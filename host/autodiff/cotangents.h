// Cotangents: what arrives at each value of a tape on the way back, summed.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace tendon::autodiff {

// Cotangents are summed as they come: those of later ops first, so that the order is always the
// same. Where all that comes are slices that do not overlap, as of a sequence that is read step by
// step, they are put side by side instead: T sums of the whole value would cost T times as much.
class Cotangents {
 public:
  Cotangents(TapeBuilder& builder, std::size_t value_count)
      : builder_(builder), sums_(value_count) {}

  void add(Ref value, Ref cotangent, Place place);
  // The sum, once all has been added; none where nothing was.
  std::optional<Ref> sum(Ref value, Place place);

 private:
  void add_to_sum(Ref value, Ref cotangent, Place place);
  // Slices along one axis, side by side; none where they overlap or are of several axes.
  std::optional<Ref> joined(std::span<const Ref> slices, Place place);
  Ref concat(std::vector<Ref> parts, int axis, Place place);

  TapeBuilder& builder_;
  std::vector<std::optional<Ref>> sums_;
  std::unordered_map<std::uint32_t, std::vector<Ref>> slices_;  // of values with nothing else
};

}  // namespace tendon::autodiff
