// Making stages one.
#include <algorithm>

#include "host/plan/fusion.h"
#include "host/plan/stage.h"

namespace tendon::plan {
namespace {

// How far apart stages may be that are made one.
constexpr int kMergeDistance = 64;

}  // namespace

void Fusion::merge_clusters() {
  for (int at = 0; at < static_cast<int>(clusters_.size()); ++at) {
    while (merge_into(at)) {
    }
  }
}

bool Fusion::merge_into(int at) {
  const Cluster& cluster = clusters_[static_cast<std::size_t>(at)];
  if (!cluster.is_body() || cluster.members.empty()) return false;
  for (int before = at - 1; before >= std::max(0, at - kMergeDistance); --before) {
    const Cluster& other = clusters_[static_cast<std::size_t>(before)];
    if (!other.is_body() || other.members.empty() || !have_to_do(cluster, other, before)) {
      continue;
    }
    if (can_move_down(before, at) && merge(before, at, at)) return true;
    if (can_move_up(at, before) && merge(before, at, before)) return at != before;
  }
  return false;
}

bool Fusion::have_to_do(const Cluster& cluster, const Cluster& other, int other_at) const {
  return std::ranges::any_of(cluster.loaded, [&](Ref base) {
    return home(base) == other_at || (tape_.shape(base).size() > 1 && other.loads(base));
  });
}

bool Fusion::can_move_down(int from, int to) const {
  for (int k = from + 1; k < to; ++k) {
    if (reads_from(clusters_[static_cast<std::size_t>(k)], from)) return false;
  }
  return true;
}

bool Fusion::can_move_up(int from, int to) const {
  return std::ranges::none_of(clusters_[static_cast<std::size_t>(from)].loaded,
                              [&](Ref base) { return home(base) > to; });
}

bool Fusion::reads_from(const Cluster& cluster, int at) const {
  const auto is_there = [&](Ref base) { return home(base) == at; };
  if (cluster.is_body()) return std::ranges::any_of(cluster.loaded, is_there);
  return std::ranges::any_of(reads(*cluster.whole), is_there);
}

bool Fusion::merge(int first, int second, int at) {
  Cluster& a = clusters_[static_cast<std::size_t>(first)];
  Cluster& b = clusters_[static_cast<std::size_t>(second)];
  if (a.part().body.size() + b.part().body.size() > traits_.max_body) return false;
  if (a.part().space.size() != b.part().space.size()) return false;
  const bool is_of_columns = are_columns(a.part(), b.part());
  const Cluster& model = b.part().reduces() && !is_of_columns ? b : a;
  if (a.part().reduces() && b.part().reduces() && !is_of_columns &&
      !are_columns(b.part(), a.part()) && !same_rows(a.part(), b.part()))
    return false;
  Cluster made;
  made.part() = model.part();
  made.part().body.clear();
  std::vector<Cluster::Member> members = a.members;
  members.insert(members.end(), b.members.begin(), b.members.end());
  std::ranges::sort(members, {}, &Cluster::Member::value);
  const auto move_home = [&](const Cluster& cluster, int to) {
    for (const Cluster::Member& member : cluster.members) home_[member.value.id] = to;
  };
  move_home(a, at);
  move_home(b, at);
  for (const Cluster::Member& member : members) {
    if (join(made, at, member)) continue;
    move_home(a, first);
    move_home(b, second);
    return false;
  }
  (at == second ? b : a) = std::move(made);
  (at == second ? a : b) = Cluster{};
  return true;
}

bool Fusion::join(Cluster& cluster, int at, const Cluster::Member& member) {
  switch (member.kind) {
    case Cluster::Member::Kind::op: return compute(cluster, at, member.value);
    case Cluster::Member::Kind::reduction:
      return reduce(cluster, at, member.value, *reduction_of(member.value));
    case Cluster::Member::Kind::copy: return copy(cluster, at, member.value, member.view);
  }
  __builtin_unreachable();
}

}  // namespace tendon::plan
