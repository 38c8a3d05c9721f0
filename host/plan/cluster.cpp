#include "host/plan/cluster.h"

#include <ranges>

namespace tendon::plan {
namespace {

bool is_found_by_hash(const Instruction& step) {
  return step.kind == Instruction::Kind::load || step.kind == Instruction::Kind::expand;
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  return hash ^ hash >> 32;
}

std::uint32_t hash_of(const Instruction& step) {
  std::uint64_t hash = static_cast<std::uint64_t>(step.kind) << 16 |
                       static_cast<std::uint64_t>(step.level) << 8 |
                       static_cast<std::uint64_t>(step.dtype);
  if (step.kind == Instruction::Kind::expand) hash = mix(hash, step.operands[0]);
  for (const Piece& piece : step.view.pieces) {
    hash = mix(hash, piece.base.id);
    hash = mix(hash, static_cast<std::uint64_t>(piece.offset));
    for (int i = 0; i < step.view.shape.rank(); ++i)
      hash = mix(hash, static_cast<std::uint64_t>(piece.strides[static_cast<std::size_t>(i)]));
  }
  return static_cast<std::uint32_t>(hash) >> 1;
}

bool are_equal(const Instruction& a, const Instruction& b) {
  return a.kind == b.kind && a.level == b.level && a.dtype == b.dtype &&
         (a.kind == Instruction::Kind::expand ? a.operands[0] == b.operands[0] : a.view == b.view);
}

}  // namespace

Local Cluster::append(Instruction step) {
  part().body.push_back(std::move(step));
  const auto local = static_cast<Local>(part().body.size() - 1);
  index(local);
  return local;
}

Local Cluster::find_or_append(Instruction step) {
  const Local* const found = find(step).second;
  return found == nullptr ? append(std::move(step)) : *found;
}

std::pair<std::uint32_t, const Local*> Cluster::find(const Instruction& step) const {
  std::uint32_t hash = hash_of(step);
  const Local* found = found_by_hash_.find(hash);
  while (found != nullptr && !are_equal(part().body[*found], step))
    found = found_by_hash_.find(++hash);
  return {hash, found};
}

void Cluster::index(Local local) {
  const Instruction& step = part().body[local];
  if (!is_found_by_hash(step)) return;
  found_by_hash_.try_emplace(find(step).first, local);
  if (step.kind != Instruction::Kind::load) return;
  for (const Piece& piece : step.view.pieces) {
    if (loaded_.try_emplace(piece.base.id, true).second) loaded.push_back(piece.base);
  }
}

void Cluster::index_loads() {
  found_by_hash_.clear();
  loaded_.clear();
  loaded.clear();
  for (Local local = 0; local < part().body.size(); ++local) index(local);
}

void Cluster::set_local(Ref value, Local local) {
  const auto [entry, is_new] = locals.try_emplace(value.id, local);
  if (changed_locals_)
    changed_locals_->emplace_back(value, is_new ? std::nullopt : std::optional(*entry));
  *entry = local;
}

Cluster::Mark Cluster::mark() {
  changed_locals_.emplace();
  return {part().body.size(), members.size(), loaded.size(), expensive};
}

void Cluster::go_back_to(const Mark& mark) {
  for (const auto& [value, before] : std::ranges::reverse_view(*changed_locals_)) {
    if (before) {
      *locals.find(value.id) = *before;
    } else {
      locals.erase(value.id);
    }
  }
  forget_mark();
  Part& part = this->part();
  // The last first: where hashes meet, the later one has the next.
  for (auto local = static_cast<Local>(part.body.size()); local-- > mark.body;) {
    if (!is_found_by_hash(part.body[local])) continue;
    const auto [hash, found] = find(part.body[local]);
    if (found != nullptr && *found == local) found_by_hash_.erase(hash);
  }
  part.body.resize(mark.body);
  members.resize(mark.members);
  while (loaded.size() > mark.loaded) {
    loaded_.erase(loaded.back().id);
    loaded.pop_back();
  }
  expensive = mark.expensive;
}

}  // namespace tendon::plan
