#include "host/plan/cluster.h"

namespace tendon::plan {
namespace {

bool is_found_by_hash(const Instruction& step) {
  return step.kind == Instruction::Kind::load || step.kind == Instruction::Kind::expand;
}

std::size_t mix(std::size_t hash, std::size_t value) {
  return (hash ^ value) * 0x9E3779B97F4A7C15U ^ (hash >> 29);
}

std::size_t hash_of(const Instruction& step) {
  std::size_t hash = static_cast<std::size_t>(step.kind) << 16 |
                     static_cast<std::size_t>(step.level) << 8 |
                     static_cast<std::size_t>(step.dtype);
  if (step.kind == Instruction::Kind::expand) return mix(hash, step.operands[0]);
  for (const Piece& piece : step.view.pieces) {
    hash = mix(hash, piece.base.id);
    hash = mix(hash, static_cast<std::size_t>(piece.offset));
    for (int i = 0; i < step.view.shape.rank(); ++i)
      hash = mix(hash, static_cast<std::size_t>(piece.strides[static_cast<std::size_t>(i)]));
  }
  return hash;
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
  const auto [begin, end] = found_by_hash_.equal_range(hash_of(step));
  std::optional<Local> first;
  for (auto entry = begin; entry != end; ++entry) {
    if (are_equal(part().body[entry->second], step) && (!first || entry->second < *first))
      first = entry->second;
  }
  return first ? *first : append(std::move(step));
}

void Cluster::index(Local local) {
  const Instruction& step = part().body[local];
  if (!is_found_by_hash(step)) return;
  found_by_hash_.emplace(hash_of(step), local);
  if (step.kind != Instruction::Kind::load) return;
  for (const Piece& piece : step.view.pieces) {
    if (loaded_.insert(piece.base.id).second) loaded.push_back(piece.base);
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
    changed_locals_->emplace_back(value, is_new ? std::nullopt : std::optional(entry->second));
  entry->second = local;
}

Cluster::Mark Cluster::mark() {
  changed_locals_.emplace();
  return {stage.kind, part().body.size(), members.size(), loaded.size()};
}

void Cluster::go_back_to(const Mark& mark) {
  for (auto change = changed_locals_->rbegin(); change != changed_locals_->rend(); ++change) {
    if (change->second) {
      locals[change->first.id] = *change->second;
    } else {
      locals.erase(change->first.id);
    }
  }
  forget_mark();
  Part& part = this->part();
  for (Local local = static_cast<Local>(mark.body); local < part.body.size(); ++local) {
    if (!is_found_by_hash(part.body[local])) continue;
    const auto [begin, end] = found_by_hash_.equal_range(hash_of(part.body[local]));
    for (auto entry = begin; entry != end; ++entry) {
      if (entry->second != local) continue;
      found_by_hash_.erase(entry);
      break;
    }
  }
  part.body.resize(mark.body);
  members.resize(mark.members);
  while (loaded.size() > mark.loaded) {
    loaded_.erase(loaded.back().id);
    loaded.pop_back();
  }
  stage.kind = mark.kind;
}

}  // namespace tendon::plan
