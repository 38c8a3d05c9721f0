// Adding an op to a stage: how its operands come into the body.
#include <algorithm>

#include "host/plan/fusion.h"

namespace tendon::plan {
namespace {

// Loading a value costs nothing if at least this many elements use each of its elements.
constexpr std::int64_t kSmall = 64;

// The view of an element's row, where it is the same for all of the row.
std::optional<View> of_rows(const Part& part, const View& view) {
  View rows{part.rows(), {}};
  for (const Piece& piece : view.pieces) {
    Piece next{piece.base, piece.offset, {}, {}, {}};
    std::size_t into = 0;
    for (int i = 0; i < part.space.rank(); ++i) {
      const auto a = static_cast<std::size_t>(i);
      if (is_reduced(part, i)) {
        if (piece.begin[a] > 0 || piece.end[a] < part.space[i]) return std::nullopt;
        if (part.space[i] != 1 && piece.strides[a] != 0) return std::nullopt;
        continue;
      }
      next.strides[into] = piece.strides[a];
      next.begin[into] = piece.begin[a];
      next.end[into++] = piece.end[a];
    }
    rows.pieces.push_back(next);
  }
  return rows;
}

Part part_of(const Reduction& reduction) {
  return {reduction.operand.shape, reduction.first, reduction.count};
}

}  // namespace

bool is_reduced(const Part& part, int axis) {
  return axis >= part.first_reduced && axis < part.first_reduced + part.reduced_count;
}

bool Fusion::compute(Cluster& cluster, int at, Ref value) {
  at_ = at;
  Part& part = cluster.part();
  const std::int64_t size = tape_.shape(value).size();
  Level level = Level::element;
  if (size != part.space.size()) {
    if (!part.reduces() || size != part.rows().size()) return false;
    level = Level::row;
  }
  const auto operands = tape_.operands(value);
  Operand resolved[3];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::optional<Operand> operand =
        resolve(cluster, at, operands[i], tape_.shape(value), level);
    if (!operand) return false;
    resolved[i] = *operand;
  }
  Instruction step{operands.empty() ? Instruction::Kind::generate : Instruction::Kind::compute,
                   level,
                   tape_.dtype(value),
                   value,
                   static_cast<std::uint32_t>(operands.size()),
                   {},
                   {}};
  for (std::size_t i = 0; i < operands.size(); ++i) {
    step.operands[i] = bring(cluster, resolved[i], level);
  }
  cluster.set_local(value, cluster.append(step));
  cluster.members.push_back({Cluster::Member::Kind::op, value});
  if (ops::row(tape_.op(value)).cost > ops::kCostOfFunction) ++cluster.expensive;
  return true;
}

bool Fusion::reduce(Cluster& cluster, int at, Ref value, const Reduction& reduction) {
  at_ = at;
  Part& part = cluster.part();
  const bool begins = !part.reduces();
  const std::optional<Part> before = begins ? std::optional(part) : std::nullopt;
  Level level = Level::row;
  if (begins) {
    if (!begin_reducing(cluster, value, reduction)) return false;
  } else if (!is_arg(value) && are_columns(part, part_of(reduction))) {
    const auto width =
        static_cast<std::int64_t>(std::max<std::size_t>(size_bytes(tape_.dtype(value)), 4));
    if (part.chunked_reductions().size() == traits_.column_reductions ||
        width * part.row_length() > traits_.column_row_bytes)
      return false;
    level = Level::column;
  } else if (!same_rows(part, part_of(reduction)) ||
             part.is_resident != is_resident(value, reduction)) {
    return false;
  }
  std::optional<Operand> operand =
      resolve(cluster, at, reduction.operand, reduction.operand.shape, Level::element);
  if (!operand || (!part.is_resident && operand->from == Operand::From::expanded)) {
    if (begins) {
      part = *before;
      cluster.index_loads();
    }
    return false;
  }
  operand->dtype = tape_.dtype(tape_.operands(value)[0]);
  const Local local = bring(cluster, *operand, Level::element);
  cluster.set_local(
      value, cluster.append(
                 {Instruction::Kind::reduce, level, tape_.dtype(value), value, 1, {local}, {}}));
  cluster.members.push_back({Cluster::Member::Kind::reduction, value});
  return true;
}

bool Fusion::begin_reducing(Cluster& cluster, Ref value, const Reduction& reduction) {
  Part& part = cluster.part();
  const Shape& space = reduction.operand.shape;
  if (part.space.size() != space.size()) return false;
  // Stages that reduce store what each row or element has, and no number for all of them.
  const bool copies_number =
      std::ranges::any_of(cluster.members, [&](const Cluster::Member& member) {
        return part.body[*cluster.local(member.value)].level == Level::uniform;
      });
  if (copies_number) return false;
  if (part.space != space) {
    for (const Instruction& step : part.body) {
      if (step.level == Level::element && step.kind == Instruction::Kind::load &&
          !reshape(step.view, space)) {
        return false;
      }
    }
    for (Instruction& step : part.body) {
      if (step.level == Level::element && step.kind == Instruction::Kind::load) {
        step.view = *reshape(step.view, space);
      }
    }
    cluster.index_loads();
  }
  part.space = space;
  part.first_reduced = reduction.first;
  part.reduced_count = reduction.count;
  part.is_resident = is_resident(value, reduction);
  return true;
}

// By the op and its shape alone: a row that is resident is summed in another order.
bool Fusion::is_resident(Ref value, const Reduction& reduction) const {
  const Part part = part_of(reduction);
  return part.inner_count() == 1 &&
         (is_arg(value) || part.row_length() <= traits_.resident_row_elements);
}

bool Fusion::same_rows(const Part& part, const Part& other) {
  return part.space.size() == other.space.size() && part.row_length() == other.row_length() &&
         part.inner_count() == other.inner_count() && part.rows().size() == other.rows().size();
}

bool Fusion::are_columns(const Part& part, const Part& reduced) {
  return part.is_resident && part.space.size() > 0 && reduced.outer_count() == 1 &&
         reduced.inner_count() == part.row_length() && reduced.row_length() == part.rows().size();
}

bool Fusion::is_arg(Ref value) const {
  return tape_.op(value) == Op::argmax || tape_.op(value) == Op::argmin;
}

std::optional<Reduction> Fusion::reduction_of(Ref value) const {
  const View& x = view(tape_.operands(value)[0]);
  const Shape shape = tape_.shape(tape_.operands(value)[0]);
  const Axes& axes = tape_.attributes(value).axes;
  unsigned reduced = axes.count() == 0 ? ~0U : 0;
  for (const int axis : axes) reduced |= 1U << (axis < 0 ? axis + shape.rank() : axis);
  int first = shape.rank();
  int last = -1;
  std::int64_t length = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (((reduced >> i) & 1U) == 0 || shape[i] == 1) continue;
    first = std::min(first, i);
    last = i;
    length *= shape[i];
  }
  if (length == 1) return std::nullopt;
  bool are_neighbours = true;
  std::int64_t inner = 1;
  for (int i = first; i < shape.rank(); ++i) {
    const bool is_kept = ((reduced >> i) & 1U) == 0;
    if (is_kept && shape[i] != 1 && i < last) are_neighbours = false;
    if (i > last) inner *= shape[i];
  }
  if (are_neighbours && !(is_arg(value) && inner > 1)) return Reduction{x, first, last - first + 1};
  Axes permutation;
  int kept = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    if (((reduced >> i) & 1U) == 0) permutation.push_back(i), ++kept;
  }
  for (int i = 0; i < shape.rank(); ++i) {
    if (((reduced >> i) & 1U) != 0) permutation.push_back(i);
  }
  return Reduction{transpose(x, permutation), kept, shape.rank() - kept};
}

std::optional<Operand> Fusion::resolve(Cluster& cluster, int at, Ref value, const Shape& shape,
                                       Level level) {
  std::optional<Operand> operand = resolve(cluster, at, view(value), shape, level);
  if (operand) operand->dtype = tape_.dtype(value);
  return operand;
}

std::optional<Operand> Fusion::resolve(Cluster& cluster, int at, const View& operand,
                                       const Shape& shape, Level level) {
  ++effort_.resolves;
  if (operand.pieces.size() == 1 && uniform_[operand.pieces[0].base.id] != kNotUniform &&
      operand.is_whole()) {
    return Operand{Operand::From::uniform, operand.pieces[0].base, {}, Level::uniform};
  }
  const Part& part = cluster.part();
  const Shape space = part.shape(level);
  const View* seen = &operand;
  std::optional<View> changed;
  if (operand.shape != shape || shape != space) {
    changed = reshape(broadcast(operand, shape), space);
    if (!changed) return std::nullopt;
    seen = &*changed;
  }
  for (const Piece& piece : seen->pieces) {
    if (home(piece.base) > at) return std::nullopt;
    if (home(piece.base) == at) return own(cluster, *seen, level);
  }
  if (seen->is_one_element()) {
    View one{Shape(), {Piece{seen->pieces[0].base, seen->pieces[0].offset, {}, {}, {}}}};
    return Operand{Operand::From::loaded, {}, std::move(one), Level::uniform};
  }
  if (seen->is_whole() && home(seen->pieces[0].base) != kNowhere) {
    const Ref base = seen->pieces[0].base;
    int budget = traits_.recompute_budget;
    if (is_row_major(*seen) ? can_compute_again(cluster, at, base, level, budget)
                            : is_repeated(*seen) && can_repeat(cluster, base, level, budget)) {
      return Operand{Operand::From::again, base, {}, level};
    }
  }
  if (level == Level::element && part.reduces() && part.is_resident) {
    if (std::optional<View> rows = of_rows(part, *seen))
      return Operand{Operand::From::loaded, {}, std::move(*rows), Level::row};
  }
  return Operand{Operand::From::loaded, {}, *seen, level};
}

bool Fusion::can_compute_again(Cluster& cluster, int at, Ref base, Level level, int& budget) const {
  const Part& part = cluster.part();
  if (const Local* const local = cluster.local(base)) return part.body[*local].level == level;
  if (tape_.op(base) == Op::iota) return true;
  const Shape space = part.shape(level);
  if (kind(base) != ops::OpKind::pointwise || in_memory_[base.id] ||
      tape_.shape(base).size() != space.size() || !is_made_in_body(base)) {
    return false;
  }
  budget -= cost(base);
  for (const Ref operand : tape_.operands(base)) {
    if (budget < 0) return false;
    if (is_uniform(operand)) continue;
    const std::optional<View> seen = reshape(broadcast(view(operand), tape_.shape(base)), space);
    if (!seen) return false;
    bool is_there = true;
    for (const Piece& piece : seen->pieces) {
      if (home(piece.base) > at) return false;
      // A value of rows is stored for next to nothing.
      const bool is_small = kSmall * tape_.shape(piece.base).size() <= space.size();
      is_there &= home(piece.base) != at &&
                  (home(piece.base) == kNowhere || in_memory_[piece.base.id] || is_small);
      if (is_there && !cluster.loads(piece.base)) --budget;
    }
    if (is_there) continue;
    if (home(seen->pieces[0].base) == at) {
      if (!own(cluster, *seen, level)) return false;
    } else if (!is_row_major(*seen) ||
               !can_compute_again(cluster, at, seen->pieces[0].base, level, budget)) {
      return false;
    }
  }
  return budget >= 0;
}

// Whether the elements are those of the base in their order, again and again.
bool Fusion::is_repeated(const View& view) const {
  const Piece& piece = view.pieces[0];
  const std::int64_t size = tape_.shape(piece.base).size();
  if (!view.is_whole() || piece.offset != 0) return false;
  std::int64_t contiguous = 1;
  for (int i = view.shape.rank(); i-- > 0;) {
    if (view.shape[i] == 1) continue;
    if (piece.strides[static_cast<std::size_t>(i)] != (contiguous < size ? contiguous : 0))
      return false;
    contiguous *= view.shape[i];
  }
  return contiguous > 0 && contiguous % size == 0;
}

// An iota's formula gives its elements again and again; so does what few ops make of it alone.
bool Fusion::can_repeat(const Cluster& cluster, Ref base, Level level, int& budget) const {
  if (const Local* const local = cluster.local(base))
    return cluster.part().body[*local].level == level;
  if (tape_.op(base) == Op::iota) return true;
  if (kind(base) != ops::OpKind::pointwise || in_memory_[base.id]) return false;
  budget -= cost(base);
  return budget >= 0 && std::ranges::all_of(tape_.operands(base), [&](Ref operand) {
           return is_uniform(operand) ||
                  (is_row_major(view(operand)) &&
                   tape_.shape(operand).size() == tape_.shape(base).size() &&
                   can_repeat(cluster, view(operand).pieces[0].base, level, budget));
         });
}

bool Fusion::is_made_in_body(Ref base) const {
  return home(base) != kNowhere && clusters_[static_cast<std::size_t>(home(base))].is_body();
}

int Fusion::cost(Ref value) const {
  // What is computed from narrow elements is stored and loaded as wide ones.
  constexpr int kSavedByNarrowLoads = 3;
  if (tape_.op(value) == Op::cast &&
      size_bytes(tape_.dtype(tape_.operands(value)[0])) < size_bytes(tape_.dtype(value)))
    return -kSavedByNarrowLoads;
  return ops::row(tape_.op(value)).cost;
}

std::optional<Operand> Fusion::own(Cluster& cluster, const View& seen, Level level) {
  const Part& part = cluster.part();
  const Ref base = seen.pieces[0].base;
  const Local* const local = cluster.local(base);
  if (seen.pieces.size() != 1 || local == nullptr) return std::nullopt;
  const Level made = part.body[*local].level;
  if (made == level) {
    if (!is_row_major(seen)) return std::nullopt;
    return Operand{Operand::From::local, base, {}, level};
  }
  if (made != Level::row || !part.is_resident) return std::nullopt;
  const std::optional<View> rows = of_rows(part, seen);
  if (!rows || !is_row_major(*rows)) return std::nullopt;
  return Operand{Operand::From::expanded, base, {}, Level::row};
}

Local Fusion::bring(Cluster& cluster, const Operand& operand, Level level) {
  switch (operand.from) {
    case Operand::From::uniform: return uniform_local(cluster, operand.value);
    case Operand::From::local: return *cluster.local(operand.value);
    case Operand::From::expanded: return expand(cluster, *cluster.local(operand.value));
    case Operand::From::again: return compute_again(cluster, operand.value, operand.level);
    case Operand::From::loaded: break;
  }
  const Local local = load(cluster, operand.view, operand.level, operand.dtype);
  const bool is_row = operand.level == Level::row && level == Level::element;
  return is_row ? expand(cluster, local) : local;
}

Local Fusion::compute_again(Cluster& cluster, Ref value, Level level) {
  if (const Local* const found = cluster.local(value)) {
    return *found;
  }
  const auto operands = tape_.operands(value);
  Instruction step{operands.empty() ? Instruction::Kind::generate : Instruction::Kind::compute,
                   level,
                   tape_.dtype(value),
                   value,
                   0,
                   {},
                   {}};
  const bool is_repeated = tape_.shape(value).size() != cluster.part().shape(level).size();
  for (const Ref operand : operands) {
    Local& into = step.operands[step.operand_count++];
    if (is_repeated && !is_uniform(operand)) {
      into = compute_again(cluster, view(operand).pieces[0].base, level);
      continue;
    }
    const std::optional<Operand> resolved =
        resolve(cluster, at_, operand, tape_.shape(value), level);
    into = bring(cluster, *resolved, level);
  }
  const Local local = cluster.append(step);
  cluster.set_local(value, local);
  return local;
}

Local Fusion::load(Cluster& cluster, const View& view, Level level, DType dtype) {
  const Ref value = view.pieces.empty() ? Ref{} : view.pieces[0].base;
  return cluster.find_or_append({Instruction::Kind::load, level, dtype, value, 0, {}, view});
}

Local Fusion::expand(Cluster& cluster, Local row) {
  const Instruction& made = cluster.part().body[row];
  return cluster.find_or_append(
      {Instruction::Kind::expand, Level::element, made.dtype, made.value, 1, {row}, {}});
}

Local Fusion::uniform_local(Cluster& cluster, Ref value) {
  if (const Local* const found = cluster.local(value)) {
    return *found;
  }
  const DType dtype = tape_.dtype(value);
  Instruction step{Instruction::Kind::compute, Level::uniform, dtype, value, 0, {}, {}};
  if (tape_.op(value) == Op::constant) {
    step.kind = Instruction::Kind::number;
  } else if (tape_.op(value) == Op::input) {
    return load(cluster, {Shape(), {Piece{value, 0, {}, {}, {}}}}, Level::uniform, dtype);
  } else {
    for (const Ref operand : tape_.operands(value)) {
      step.operands[step.operand_count++] = uniform_local(cluster, view(operand).pieces[0].base);
    }
  }
  const Local local = cluster.append(step);
  cluster.set_local(value, local);
  return local;
}

bool Fusion::copy(Cluster& cluster, int at, Ref value, const View& from) {
  if (cluster.part().space.size() != tape_.shape(value).size()) return false;
  at_ = at;
  std::optional<Operand> operand = resolve(cluster, at, from, tape_.shape(value), Level::element);
  if (!operand) return false;
  operand->dtype = tape_.dtype(value);
  if (operand->from == Operand::From::uniform && cluster.part().reduces()) return false;
  cluster.members.push_back({Cluster::Member::Kind::copy, value, from});
  cluster.set_local(value, bring(cluster, *operand, Level::element));
  return true;
}

}  // namespace tendon::plan
