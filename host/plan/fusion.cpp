#include "host/plan/fusion.h"

#include <algorithm>

namespace tendon::plan {
namespace {

// How many of the latest stages are looked at for one that reads the same memory, or for an op that
// reads none.
constexpr int kLookBack = 8;
// Ops on numbers alone that are computed again in each stage that uses them.
constexpr std::uint32_t kLongestUniformChain = 12;

}  // namespace

Fused Fusion::fuse() {
  find_equal();
  count_uses();
  find_in_memory();
  for (std::uint32_t id = 0; id < tape_.size(); ++id) {
    const Ref first = first_equal_[id];
    if (uses_[id] == 0) continue;
    if (first.id == id) {
      add(first);
    } else {
      views_[id] = views_[first.id];
    }
  }
  Fused fused;
  for (const Ref target : tape_.targets()) {
    store(target);
    fused.targets.push_back(stored_as(target));
  }
  merge_clusters();
  fused.stages = finish(fused.targets);
  fused.effort = effort_;
  return fused;
}

// Ops that compute the same from the same are computed once. Numbers differ from run to run: two
// constants are never known to be equal.
void Fusion::find_equal() {
  std::unordered_multimap<std::size_t, Ref> seen;
  for (std::uint32_t id = 0; id < tape_.size(); ++id) {
    const Ref value{id};
    first_equal_[id] = value;
    if (tape_.operands(value).empty() && tape_.op(value) != Op::iota) continue;
    auto hash = static_cast<std::size_t>(tape_.op(value));
    for (const Ref operand : tape_.operands(value)) {
      hash = hash * 0x9E3779B97F4A7C15U + first_equal_[operand.id].id + 1;
    }
    for (const std::int64_t begin : tape_.attributes(value).begin)
      hash = hash * 0x9E3779B97F4A7C15U + static_cast<std::size_t>(begin) + 1;
    const auto [begin, end] = seen.equal_range(hash);
    const auto found = std::find_if(
        begin, end, [&](const auto& entry) { return computes_the_same(entry.second, value); });
    if (found == end) {
      seen.emplace(hash, value);
    } else {
      first_equal_[id] = found->second;
    }
  }
}

bool Fusion::computes_the_same(Ref a, Ref b) const {
  return tape_.op(a) == tape_.op(b) && tape_.dtype(a) == tape_.dtype(b) &&
         tape_.shape(a) == tape_.shape(b) && tape_.attributes(a) == tape_.attributes(b) &&
         std::ranges::equal(
             tape_.operands(a), tape_.operands(b), {}, [&](Ref x) { return first_equal_[x.id]; },
             [&](Ref x) { return first_equal_[x.id]; });
}

void Fusion::count_uses() {
  for (const Ref target : tape_.targets()) ++uses_[target.id];
  for (std::uint32_t id = tape_.size(); id-- > 0;) {
    if (uses_[id] == 0) continue;
    const Ref first = first_equal_[id];
    if (first.id != id) {
      uses_[first.id] += uses_[id];
      continue;
    }
    for (const Ref operand : tape_.operands(first)) ++uses_[operand.id];
  }
}

void Fusion::find_in_memory() {
  for (const Ref target : tape_.targets()) in_memory_[first_equal_[target.id].id] = true;
  for (std::uint32_t id = tape_.size(); id-- > 0;) {
    if (uses_[id] == 0) continue;
    const Ref value = first_equal_[id];
    const bool is_view = kind(value) == ops::OpKind::view;
    const bool is_whole =
        kind(value) == ops::OpKind::contract || kind(value) == ops::OpKind::irregular;
    if (is_whole || kind(value) == ops::OpKind::reduce) in_memory_[value.id] = true;
    if (!is_whole && !(is_view && in_memory_[value.id])) continue;
    for (const Ref operand : tape_.operands(value)) {
      in_memory_[first_equal_[operand.id].id] = true;
    }
  }
}

bool Fusion::is_uniform(Ref value) const {
  const View& seen = view(value);
  return seen.pieces.size() == 1 && uniform_[seen.pieces[0].base.id] != kNotUniform &&
         seen.is_whole();
}

bool Fusion::is_made_where_used(Ref base) const {
  return uniform_[base.id] != kNotUniform && home(base) == kNowhere && tape_.op(base) != Op::input;
}

void Fusion::add(Ref value) {
  if (const std::optional<View> seen = seen_as(value)) {
    views_[value.id] = seen;
    return;
  }
  views_[value.id] = view_of(value, tape_.shape(value));
  switch (kind(value)) {
    case ops::OpKind::leaf: return add_leaf(value);
    case ops::OpKind::pointwise: return add_pointwise(value);
    case ops::OpKind::reduce: return add_reduction(value);
    case ops::OpKind::contract: return add_product(value);
    case ops::OpKind::view:
    case ops::OpKind::irregular: return add_irregular(value);
  }
}

std::optional<View> Fusion::seen_as(Ref value) {
  const auto operands = tape_.operands(value);
  const Op op = tape_.op(value);
  if (op == Op::identity || op == Op::stop_gradient ||
      (op == Op::cast && tape_.dtype(value) == tape_.dtype(operands[0]))) {
    return view(operands[0]);
  }
  if (op == Op::reduce_sum || op == Op::reduce_max || op == Op::reduce_min) {
    const Shape& shape = tape_.shape(operands[0]);
    const bool is_plain = tape_.shape(value).size() == shape.size() && shape.size() > 0;
    return is_plain ? reshape(view(operands[0]), tape_.shape(value)) : std::nullopt;
  }
  if (kind(value) != ops::OpKind::view) return std::nullopt;
  std::vector<View> views;
  for (const Ref operand : operands) views.push_back(view(operand));
  if (std::optional<View> made = apply_view(tape_, value, views)) return made;
  if (op != Op::reshape) return std::nullopt;
  store(operands[0]);
  return apply_view(tape_, value, {&view(operands[0]), 1});
}

void Fusion::add_leaf(Ref value) {
  switch (tape_.op(value)) {
    case Op::constant: uniform_[value.id] = 0; return;
    case Op::input:
      if (tape_.shape(value).size() == 1) uniform_[value.id] = 0;
      return;
    case Op::literal: return;
    default: return add_pointwise(value);  // iota, uniform
  }
}

void Fusion::add_pointwise(Ref value) {
  const auto operands = tape_.operands(value);
  if (!operands.empty() && std::ranges::all_of(operands, [&](Ref o) { return is_uniform(o); })) {
    std::uint32_t length = 1;
    for (const Ref operand : operands) length += uniform_[view(operand).pieces[0].base.id];
    if (length <= kLongestUniformChain) {
      uniform_[value.id] = length;
      return;
    }
  }
  if (join_product(value)) return;
  home_[value.id] = join_or_open({Cluster::Member::Kind::op, value}, operands, tape_.shape(value));
}

void Fusion::add_reduction(Ref value) {
  const Ref operand = tape_.operands(value)[0];
  const std::optional<Reduction> reduction = reduction_of(value);
  if (!reduction) return add_irregular(value);
  home_[value.id] = join_or_open({Cluster::Member::Kind::reduction, value}, {&operand, 1},
                                 reduction->operand.shape);
}

bool Fusion::shares_memory(const Cluster& cluster, std::span<const Ref> operands) const {
  return std::ranges::any_of(operands, [&](Ref operand) {
    return std::ranges::any_of(view(operand).pieces, [&](const Piece& piece) {
      return tape_.shape(piece.base).size() > 1 && cluster.loads(piece.base);
    });
  });
}

void Fusion::store(Ref value) {
  const View& seen = view(value);
  if (is_copied_[value.id]) return;
  if (is_row_major(seen) && seen.shape.size() == tape_.shape(seen.pieces[0].base).size()) {
    const Ref base = seen.pieces[0].base;
    if (uniform_[base.id] == kNotUniform || tape_.op(base) == Op::input) {
      return;
    }
  }
  if (!seen.is_whole()) {
    for (const Piece& piece : Pieces(seen.pieces)) {
      if (is_made_where_used(piece.base)) store(piece.base);
    }
  }
  if (seen.shape.size() == 0) {
    // There is nothing to copy.
    views_[value.id] = view_of(value, seen.shape);
    return;
  }
  const int at = add_cluster(Cluster::over(tape_.shape(value)));
  copy(clusters_.back(), at, value, View(seen));
  // Chains on numbers go on from the number.
  if (is_uniform(value)) {
    is_copied_[value.id] = true;
  } else {
    views_[value.id] = view_of(value, tape_.shape(value));
  }
  home_[value.id] = at;
}

Ref Fusion::stored_as(Ref value) const {
  if (is_copied_[value.id]) return value;
  return view(value).pieces.empty() ? value : view(value).pieces[0].base;
}

void Fusion::add_irregular(Ref value) {
  Irregular irregular{value, {}};
  for (const Ref operand : tape_.operands(value)) {
    store(operand);
    irregular.operands.push_back(stored_as(operand));
  }
  open(Cluster::of(std::move(irregular)), value);
}

void Fusion::open(Cluster cluster, Ref value) { home_[value.id] = add_cluster(std::move(cluster)); }

int Fusion::add_cluster(Cluster cluster) {
  const int at = static_cast<int>(clusters_.size());
  clusters_.push_back(std::move(cluster));
  position_.push_back(at);
  return at;
}

int Fusion::join_or_open(const Cluster::Member& member, std::span<const Ref> operands,
                         const Shape& space) {
  int latest = kNowhere;
  for (const Ref operand : operands) {
    for (const Piece& piece : view(operand).pieces) {
      if (!view(operand).is_whole() && is_made_where_used(piece.base)) store(piece.base);
      latest = std::max(latest, home(piece.base));
    }
  }
  const int count = static_cast<int>(clusters_.size());
  if (latest != kNowhere && join_at(latest, member)) return latest;
  const bool costs_nothing = member.kind == Cluster::Member::Kind::reduction &&
                             std::ranges::all_of(operands, [&](Ref o) { return is_uniform(o); });
  for (int at = std::max(latest + 1, count - kLookBack); at < count; ++at) {
    const Cluster& cluster = clusters_[static_cast<std::size_t>(at)];
    const bool has_to_do = (costs_nothing && cluster.is_body() && cluster.part().reduces()) ||
                           shares_memory(cluster, operands);
    if (has_to_do && join_at(at, member)) return at;
  }
  add_cluster(Cluster::over(space));
  if (join_at(count, member)) return count;
  // Strides cannot bring an operand into the order of the space: it is copied first.
  clusters_.pop_back();
  position_.pop_back();
  for (const Ref operand : operands) {
    if (!is_uniform(operand)) store(operand);
  }
  const int at = add_cluster(Cluster::over(space));
  join_at(at, member);
  return at;
}

bool Fusion::join_at(int at, const Cluster::Member& member) {
  Cluster& cluster = clusters_[static_cast<std::size_t>(at)];
  return cluster.is_body() && cluster.length() < traits_.max_body && join(cluster, at, member);
}

Fused fuse(const Tape& tape, const DeviceTraits& traits) { return Fusion(tape, traits).fuse(); }

}  // namespace tendon::plan
