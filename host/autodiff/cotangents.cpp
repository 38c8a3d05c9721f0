#include "host/autodiff/cotangents.h"

#include <algorithm>
#include <utility>

namespace tendon::autodiff {
namespace {

// A concat of so many is read through a view; of more, each part is copied. Longer ones are made of
// shorter ones.
constexpr std::size_t kMostAtOnce = 16;

struct Box {  // along an axis
  std::int64_t begin, end;
  Ref inside;
};

}  // namespace

void Cotangents::add(Ref value, Ref cotangent, Place place) {
  if (builder_.tape().op(cotangent) == Op::unslice && !sums_[value.id]) {
    slices_[value.id].push_back(cotangent);
    return;
  }
  if (const auto slices = slices_.find(value.id); slices != slices_.end()) {
    const std::vector<Ref> before = std::move(slices->second);
    slices_.erase(slices);
    for (const Ref slice : before) add_to_sum(value, slice, place);
  }
  add_to_sum(value, cotangent, place);
}

std::optional<Ref> Cotangents::sum(Ref value, Place place) {
  if (const auto slices = slices_.find(value.id); slices != slices_.end()) {
    const std::vector<Ref> all = std::move(slices->second);
    slices_.erase(slices);
    if (const std::optional<Ref> whole = joined(all, place)) {
      sums_[value.id] = whole;
    } else {
      for (const Ref slice : all) add_to_sum(value, slice, place);
    }
  }
  return sums_[value.id];
}

void Cotangents::add_to_sum(Ref value, Ref cotangent, Place place) {
  std::optional<Ref>& sum = sums_[value.id];
  sum = sum ? builder_.apply(Op::add, {*sum, cotangent}, {}, place) : cotangent;
}

std::optional<Ref> Cotangents::joined(std::span<const Ref> slices, Place place) {
  if (slices.size() == 1) return slices[0];
  const Shape shape = builder_.shape(slices[0]);
  std::optional<int> axis;
  std::vector<Box> boxes;
  for (const Ref slice : slices) {
    const Attributes& attributes = builder_.tape().attributes(slice);
    const Ref inside = builder_.tape().operands(slice)[0];
    const Shape& extents = builder_.tape().shape(inside);
    for (int i = 0; i < shape.rank(); ++i) {
      if (extents[i] > 1 && attributes.step[i] != 1) return std::nullopt;
      if (extents[i] == shape[i]) continue;
      if (axis && *axis != i) return std::nullopt;
      axis = i;
    }
    if (!axis || extents[*axis] == 0) return std::nullopt;
    const std::int64_t begin = attributes.begin[*axis];
    boxes.push_back({begin, begin + extents[*axis], inside});
  }
  std::ranges::sort(boxes, {}, &Box::begin);

  std::vector<Ref> parts;
  std::int64_t end = boxes[0].begin;
  for (const Box& box : boxes) {
    if (box.begin < end) return std::nullopt;
    if (box.begin > end) {
      Shape gap = shape;
      gap[*axis] = box.begin - end;
      parts.push_back(builder_.constant(0, builder_.dtype(slices[0]), gap, place));
    }
    parts.push_back(box.inside);
    end = box.end;
  }
  const Ref run = concat(std::move(parts), *axis, place);
  if (boxes[0].begin == 0 && end == shape[*axis]) return run;
  Attributes outer{.shape = shape};
  for (int i = 0; i < shape.rank(); ++i) {
    outer.begin.push_back(i == *axis ? boxes[0].begin : 0);
    outer.step.push_back(1);
  }
  return builder_.apply(Op::unslice, {run}, outer, place);
}

Ref Cotangents::concat(std::vector<Ref> parts, int axis, Place place) {
  while (parts.size() > 1) {
    std::vector<Ref> longer;
    for (std::size_t first = 0; first < parts.size(); first += kMostAtOnce) {
      const std::span<const Ref> group =
          std::span(parts).subspan(first, std::min(kMostAtOnce, parts.size() - first));
      longer.push_back(group.size() == 1
                           ? group[0]
                           : builder_.apply(Op::concat, group, {.axes = {axis}}, place));
    }
    parts = std::move(longer);
  }
  return parts[0];
}

}  // namespace tendon::autodiff
