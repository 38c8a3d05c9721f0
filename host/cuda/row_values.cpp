#include "host/cuda/row_values.h"

#include <algorithm>

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;
using plan::Part;

bool ends_phase(const Instruction& step) {
  return step.kind == Instruction::Kind::reduce && step.level == Level::row;
}

bool is_cheap(Op op) {
  return op == Op::neg || op == Op::square || op == Op::add || op == Op::sub || op == Op::mul ||
         op == Op::where;
}

}  // namespace

RowValues::RowValues(const plan::Plan& plan, const Part& part)
    : plan_(plan),
      part_(part),
      phases_(part.body.size()),
      last_uses_(part.body.size()),
      is_in_shared_memory_(part.body.size()) {
  for (Local i = 0; i < part.body.size(); ++i) {
    const Instruction& step = part.body[i];
    for (std::uint32_t j = 0; j < step.operand_count; ++j)
      phases_[i] = std::max(phases_[i], phases_[step.operands[j]]);
    if (ends_phase(step)) ++phases_[i];
    last_uses_[i] = phases_[i];
    if (step.level != Level::element && step.kind != Instruction::Kind::reduce) continue;
    for (std::uint32_t j = 0; j < step.operand_count; ++j) {
      int& last = last_uses_[step.operands[j]];
      last = std::max(last, ends_phase(step) ? phases_[i] - 1 : phases_[i]);
    }
  }
}

int RowValues::last_phase() const { return *std::ranges::max_element(phases_); }

bool RowValues::is_load(Local local) const {
  const Instruction& step = part_.body[local];
  return step.level == Level::element && step.kind == Instruction::Kind::load;
}

bool RowValues::is_same_for_each_row(Local load) const {
  const plan::View& view = part_.body[load].view;
  if (!view.is_whole() || view.pieces[0].offset != 0) return false;
  std::int64_t contiguous = 1;
  for (int i = view.shape.rank(); i-- > 0;) {
    const bool is_reduced =
        i >= part_.first_reduced && i < part_.first_reduced + part_.reduced_count;
    const std::int64_t stride = view.pieces[0].strides[static_cast<std::size_t>(i)];
    if (view.shape[i] != 1 && stride != (is_reduced ? contiguous : 0)) return false;
    if (is_reduced) contiguous *= view.shape[i];
  }
  return true;
}

std::vector<Local> RowValues::loads(bool are_same_for_each_row) const {
  std::vector<Local> loads;
  for (Local i = 0; i < part_.body.size(); ++i) {
    if (is_load(i) && is_same_for_each_row(i) == are_same_for_each_row) loads.push_back(i);
  }
  return loads;
}

bool RowValues::is_kept(Local local) const {
  return !are_read_again() && part_.body[local].kind != Instruction::Kind::expand &&
         last_uses_[local] > phases_[local] && !is_in_shared_memory_[local] &&
         !is_computed_again(local);
}

bool RowValues::is_computed_again(Local local) const {
  const Instruction& step = part_.body[local];
  if (step.kind != Instruction::Kind::compute || !is_cheap(plan_.tape.op(step.value))) return false;
  for (std::uint32_t j = 0; j < step.operand_count; ++j) {
    const Local operand = step.operands[j];
    const Instruction& from = part_.body[operand];
    if (from.level == Level::element && from.kind != Instruction::Kind::expand &&
        !is_in_shared_memory_[operand] && last_uses_[operand] < last_uses_[local])
      return false;
  }
  return true;
}

std::size_t RowValues::most_kept() const {
  std::vector<std::size_t> kept(part_.body.size() + 1);  // by phase
  for (Local i = 0; i < part_.body.size(); ++i) {
    if (part_.body[i].level != Level::element || !(is_load(i) || is_kept(i))) continue;
    for (int phase = phases_[i]; phase <= last_uses_[i]; ++phase)
      ++kept[static_cast<std::size_t>(phase)];
  }
  return *std::ranges::max_element(kept) + part_.chunked_reductions().size();
}

void RowValues::mark_wanted(Local local, int phase, std::vector<bool>& wanted) const {
  const Instruction& step = part_.body[local];
  if (step.level != Level::element || wanted[local] || is_kept_from_before(local, phase)) return;
  wanted[local] = true;
  for (std::uint32_t j = 0; j < step.operand_count; ++j)
    mark_wanted(step.operands[j], phase, wanted);
}

}  // namespace tendon::cuda
