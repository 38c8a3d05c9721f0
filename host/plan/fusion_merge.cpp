// Making stages one. The later one's members are added behind those of the earlier, so that a stage
// of many costs no more than they do; the stages of several are put in the tape's order at the end.
#include <algorithm>
#include <bit>

#include "host/plan/fusion.h"
#include "host/plan/stage.h"

namespace tendon::plan {
namespace {

// How far apart stages may be that are made one: a candidate is a bit.
constexpr int kMergeDistance = 64;

}  // namespace

void Fusion::merge_clusters() {
  const int count = static_cast<int>(clusters_.size());
  at_position_.resize(clusters_.size());
  loaders_.resize(tape_.size());
  for (int at = 0; at < count; ++at) {
    at_position_[static_cast<std::size_t>(at)] = at;
  }
  for (Cluster& cluster : clusters_) {
    if (!cluster.is_body()) cluster.loaded = reads(*cluster.whole);
  }
  for (int at = 0; at < count; ++at) {
    if (cluster_at(at).is_body()) note_loads(at, 0);
    while (merge_into(at)) {
    }
  }
  for (int at = 0; at < count; ++at) {
    Cluster& cluster = cluster_at(at);
    // Rows of one value are found where a stage that reduces is made anew.
    const bool is_sorted = std::ranges::is_sorted(cluster.members, {}, &Cluster::Member::value);
    if (cluster.is_merged && (!is_sorted || cluster.part().reduces())) sort_members(cluster, at);
  }
}

Cluster& Fusion::cluster_at(int position) {
  return clusters_[static_cast<std::size_t>(at_position_[static_cast<std::size_t>(position)])];
}

void Fusion::note_loads(int cluster, std::size_t from) {
  const std::vector<Ref>& loaded = clusters_[static_cast<std::size_t>(cluster)].loaded;
  for (std::size_t i = from; i < loaded.size(); ++i) {
    if (tape_.shape(loaded[i]).size() > 1) loaders_[loaded[i].id].push_back(cluster);
  }
}

bool Fusion::merge_into(int at) {
  const Cluster& cluster = cluster_at(at);
  if (!cluster.is_body() || cluster.is_empty()) return false;
  for (std::uint64_t candidates = find_candidates(at); candidates != 0;
       candidates &= candidates - 1) {
    const int before = at - 1 - std::countr_zero(candidates);
    if (can_move_down(before, at) && merge(before, at, at)) return true;
    if (can_move_up(at, before) && merge(before, at, before)) return false;
  }
  return false;
}

std::uint64_t Fusion::find_candidates(int at) {
  std::uint64_t candidates = 0;
  const auto distance = [&](int position) { return at - 1 - position; };
  const auto add = [&](int position) { candidates |= std::uint64_t{1} << distance(position); };
  const auto can_merge = [&](int position) {
    return distance(position) >= 0 && distance(position) < kMergeDistance &&
           cluster_at(position).is_body() && !cluster_at(position).is_empty();
  };
  for (const Ref base : cluster_at(at).loaded) {
    if (home(base) != kNowhere && can_merge(home(base))) add(home(base));
    std::vector<int>& loaders = loaders_[base.id];
    // Stages that are too far away stay so.
    std::erase_if(loaders, [&](int loader) {
      const int position = position_[static_cast<std::size_t>(loader)];
      if (position >= at) return false;
      if (!can_merge(position)) return true;
      add(position);
      return false;
    });
  }
  return candidates;
}

bool Fusion::can_move_down(int from, int to) const {
  for (int k = from + 1; k < to; ++k) {
    const int index = at_position_[static_cast<std::size_t>(k)];
    if (reads_from(clusters_[static_cast<std::size_t>(index)], from)) return false;
  }
  return true;
}

bool Fusion::can_move_up(int from, int to) const {
  const int index = at_position_[static_cast<std::size_t>(from)];
  return std::ranges::none_of(clusters_[static_cast<std::size_t>(index)].loaded,
                              [&](Ref base) { return home(base) > to; });
}

bool Fusion::reads_from(const Cluster& cluster, int at) const {
  return std::ranges::any_of(cluster.loaded, [&](Ref base) { return home(base) == at; });
}

bool Fusion::merge(int first, int second, int to) {
  Cluster& a = cluster_at(first);
  Cluster& b = cluster_at(second);
  if (a.length() + b.length() > traits_.max_body) return false;
  if (a.part().space.size() != b.part().space.size()) return false;
  const bool is_of_columns = are_columns(a.part(), b.part());
  if (a.part().reduces() && b.part().reduces() && !is_of_columns &&
      !are_columns(b.part(), a.part()) && !same_rows(a.part(), b.part()))
    return false;

  const int of_a = at_position_[static_cast<std::size_t>(first)];
  const int of_b = at_position_[static_cast<std::size_t>(second)];
  const std::size_t loaded = a.loaded.size();
  const auto set_home = [&](int cluster) {
    for (const Cluster::Member& member : b.members) home_[member.value.id] = cluster;
  };
  set_home(of_a);
  position_[static_cast<std::size_t>(of_a)] = to;
  const bool begins_with_a =
      !b.part().reduces() || is_of_columns ||
      (a.part().reduces() && a.part().space == b.part().space && same_rows(a.part(), b.part()));
  const bool is_rebuilt = !begins_with_a;
  if (is_rebuilt ? !rebuild(a, b, b, to) : !append(a, b, to)) {
    position_[static_cast<std::size_t>(of_a)] = first;
    set_home(of_b);
    return false;
  }
  note_loads(of_a, is_rebuilt ? 0 : loaded);
  b = Cluster();
  at_position_[static_cast<std::size_t>(first)] = of_b;
  at_position_[static_cast<std::size_t>(second)] = of_b;
  at_position_[static_cast<std::size_t>(to)] = of_a;
  position_[static_cast<std::size_t>(of_b)] = first == to ? second : first;
  return true;
}

bool Fusion::append(Cluster& a, const Cluster& b, int at) {
  const Cluster::Mark mark = a.mark();
  for (const Cluster::Member& member : b.members) {
    if (join(a, at, member)) continue;
    a.go_back_to(mark);
    return false;
  }
  a.forget_mark();
  a.is_merged = true;
  return true;
}

bool Fusion::rebuild(Cluster& a, const Cluster& b, const Cluster& model, int at) {
  Cluster made;
  made.part() = model.part();
  made.part().body.clear();
  std::vector<Cluster::Member> members = a.members;
  members.insert(members.end(), b.members.begin(), b.members.end());
  std::ranges::sort(members, {}, &Cluster::Member::value);
  for (const Cluster::Member& member : members) {
    if (!join(made, at, member)) return false;
  }
  a = std::move(made);
  return true;
}

void Fusion::sort_members(Cluster& cluster, int at) { rebuild(cluster, {}, cluster, at); }

bool Fusion::join(Cluster& cluster, int at, const Cluster::Member& member) {
  ++effort_.joins;
  switch (member.kind) {
    case Cluster::Member::Kind::op: return compute(cluster, at, member.value);
    case Cluster::Member::Kind::reduction:
      return reduce(cluster, at, member.value, *reduction_of(member.value));
    case Cluster::Member::Kind::copy: return copy(cluster, at, member.value, member.view);
  }
  __builtin_unreachable();
}

}  // namespace tendon::plan
