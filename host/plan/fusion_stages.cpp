// From clusters to stages.
#include <algorithm>

#include "host/plan/fusion.h"
#include "host/plan/stage.h"

namespace tendon::plan {
namespace {

// Leaves out what no store depends on.
void drop_unused(Part& part) {
  std::vector<bool> is_used(part.body.size());
  for (const Store& store : part.stores) is_used[store.local] = true;
  for (std::size_t i = part.body.size(); i-- > 0;) {
    if (!is_used[i]) continue;
    for (std::uint32_t j = 0; j < part.body[i].operand_count; ++j)
      is_used[part.body[i].operands[j]] = true;
  }
  std::vector<Local> now(part.body.size());
  std::vector<Instruction> body;
  for (std::size_t i = 0; i < part.body.size(); ++i) {
    if (!is_used[i]) continue;
    now[i] = static_cast<Local>(body.size());
    body.push_back(part.body[i]);
    Instruction& step = body.back();
    for (std::uint32_t j = 0; j < step.operand_count; ++j) step.operands[j] = now[step.operands[j]];
  }
  for (Store& store : part.stores) store.local = now[store.local];
  part.body = std::move(body);
}

}  // namespace

std::vector<Stage> Fusion::finish(std::span<const Ref> targets) {
  std::vector<bool> is_read(tape_.size());
  for (const Cluster& cluster : clusters_) {
    for (const Ref base : cluster.whole ? reads(*cluster.whole) : reads(cluster.body)) {
      is_read[base.id] = true;
    }
  }
  std::vector<bool> is_stored = is_read;
  for (const Ref target : targets) is_stored[target.id] = true;
  std::vector<Stage> stages;
  std::vector<Part> last;
  for (const int index : at_position_) {
    Cluster& cluster = clusters_[static_cast<std::size_t>(index)];
    if (cluster.is_empty()) continue;
    if (!cluster.is_body()) {
      stages.push_back(std::move(*cluster.whole));
      continue;
    }
    const bool reduces = cluster.body.reduces();
    bool is_last = !reduces;
    std::vector<Store> stores;
    cluster.locals.for_each([&](std::uint32_t id, Local local) {
      if (!is_stored[id] || home_[id] != index) return;
      stores.push_back({local, Ref{id}});
      is_last &= !is_read[id];
    });
    std::ranges::sort(stores, {}, [](const Store& store) { return store.value; });
    if (stores.empty()) continue;  // what it computes is computed again where it is used
    cluster.part().stores = std::move(stores);
    drop_unused(cluster.part());
    collapse(cluster.part());
    if (is_last) {
      last.push_back(std::move(cluster.body));
    } else if (reduces) {
      stages.emplace_back(Reduce{std::move(cluster.body)});
    } else {
      stages.emplace_back(Pointwise{std::move(cluster.body)});
    }
  }
  if (last.size() == 1) {
    stages.emplace_back(Pointwise{std::move(last[0])});
  } else if (!last.empty()) {
    stages.emplace_back(Multi{std::move(last)});
  }
  return stages;
}

void Fusion::collapse(Part& part) {
  Shape space;
  Shape rows;
  int first_reduced = 0;
  int reduced_count = 0;
  int before = -1;      // the axis before, of the space,
  int row_before = -1;  // and of the rows
  int row = -1;
  for (int i = 0; i < part.space.rank(); ++i) {
    const bool reduced = is_reduced(part, i);
    if (!reduced) ++row;
    if (part.space[i] == 1) continue;
    // Rows in front of the reduced axes and rows behind them stay apart.
    bool merges = before >= 0 && is_reduced(part, before) == reduced &&
                  (before < part.first_reduced) == (i < part.first_reduced);
    for (const Instruction& step : part.body) {
      if (!merges || step.kind != Instruction::Kind::load) continue;
      if (step.level == Level::element) merges = can_collapse(step.view, before, i);
      if (step.level == Level::row && !reduced) merges = can_collapse(step.view, row_before, row);
    }
    if (merges) {
      space[space.rank() - 1] *= part.space[i];
      if (!reduced) rows[rows.rank() - 1] *= part.space[i];
    } else {
      space.push_back(part.space[i]);
      if (!reduced) rows.push_back(part.space[i]);
      if (reduced && reduced_count++ == 0) first_reduced = space.rank() - 1;
    }
    before = i;
    if (!reduced) row_before = row;
  }
  for (Instruction& step : part.body) {
    if (step.kind != Instruction::Kind::load || step.level == Level::uniform) continue;
    step.view = *reshape(step.view, step.level == Level::element ? space : rows);
  }
  part.space = space;
  part.first_reduced = first_reduced;
  part.reduced_count = reduced_count;
}

}  // namespace tendon::plan
