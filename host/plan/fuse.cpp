#include "host/plan/fuse.h"

#include <algorithm>
#include <unordered_map>

#include "host/ops/op_row.h"
#include "host/plan/arena.h"

namespace tendon::plan {
namespace {

// Instructions of a body: beyond this a stage gains nothing, and its values no longer fit in cache
// or registers.
constexpr std::size_t kLongestBody = 512;
// What computing a value again may cost, in cheap ops, before it is stored and loaded instead.
constexpr int kMostAgain = 8;
// Ops on numbers alone that are computed again in each stage that uses them.
constexpr std::uint32_t kLongestUniformChain = 12;
// How many of the latest stages are looked at for one that reads the same memory.
constexpr int kLookBack = 8;
// How far apart stages may be that are made one.
constexpr int kMergeDistance = 64;

constexpr int kNowhere = -1;

// A stage that is being made. Stages run in the order of their making, and an op joins one only if
// all it needs is made by earlier ones or by the stage itself: so there are no cycles.
struct Cluster {
  // What it was made of, in order, so that it can be made again together with another.
  struct Member {
    enum class Kind : std::uint8_t { op, reduction, copy } kind = Kind::op;
    Ref value;
    View view = {};  // of a copy: what is copied
  };
  Stage stage;
  std::vector<Member> members;
  std::unordered_map<std::uint32_t, Local> locals;  // by value
  std::vector<Ref> loaded;                          // bases of its loads

  Part& part() { return stage.parts[0]; }
  bool is_body() const {
    return stage.kind == StageKind::pointwise || stage.kind == StageKind::reduce;
  }
  bool loads(Ref base) const { return std::ranges::find(loaded, base) != loaded.end(); }
};

// How an operand comes into a body.
struct Operand {
  enum class From : std::uint8_t { uniform, local, expanded, again, loaded } from = From::loaded;
  Ref value;       // of all but loaded: the base
  View view = {};  // of loaded
  Level level = Level::element;
  DType dtype = DType::f32;
};

// The reduced axes of an op and the operand's elements in an order in which they are neighbours.
struct Reduction {
  View operand;
  int first = 0;
  int count = 0;
};

bool is_reduced(const Part& part, int axis) {
  return axis >= part.first_reduced && axis < part.first_reduced + part.reduced_count;
}

// Row-major over the shape, from the base's first element.
bool is_identity(const View& view) {
  if (!view.is_whole() || view.pieces[0].offset != 0) return false;
  const Strides strides = contiguous(view.shape);
  for (int i = 0; i < view.shape.rank(); ++i) {
    const auto a = static_cast<std::size_t>(i);
    if (view.shape[i] != 1 && view.pieces[0].strides[a] != strides[a]) return false;
  }
  return true;
}

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

class Fusion {
 public:
  explicit Fusion(const Tape& tape)
      : tape_(tape),
        first_equal_(tape.size()),
        uses_(tape.size()),
        views_(tape.size()),
        uniform_(tape.size(), kNotUniform),
        home_(tape.size(), kNowhere),
        is_copied_(tape.size()),
        in_memory_(tape.size()) {}

  Fused fuse() {
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
    return fused;
  }

 private:
  static constexpr std::uint32_t kNotUniform = ~std::uint32_t{0};

  // Ops that compute the same from the same are computed once. Numbers differ from run to run: two
  // constants are never known to be equal.
  void find_equal() {
    std::unordered_multimap<std::size_t, Ref> seen;
    for (std::uint32_t id = 0; id < tape_.size(); ++id) {
      const Ref value{id};
      first_equal_[id] = value;
      if (tape_.operands(value).empty() && tape_.op(value) != Op::iota) continue;
      std::size_t hash = static_cast<std::size_t>(tape_.op(value));
      for (const Ref operand : tape_.operands(value)) {
        hash = hash * 0x9E3779B97F4A7C15U + first_equal_[operand.id].id + 1;
      }
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
  bool computes_the_same(Ref a, Ref b) const {
    return tape_.op(a) == tape_.op(b) && tape_.dtype(a) == tape_.dtype(b) &&
           tape_.shape(a) == tape_.shape(b) && tape_.attributes(a) == tape_.attributes(b) &&
           std::ranges::equal(
               tape_.operands(a), tape_.operands(b), {}, [&](Ref x) { return first_equal_[x.id]; },
               [&](Ref x) { return first_equal_[x.id]; });
  }

  void count_uses() {
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

  // What will be in memory whoever else wants it.
  void find_in_memory() {
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

  ops::OpKind kind(Ref value) const { return ops::row(tape_.op(value)).kind; }
  const View& view(Ref value) const { return *views_[value.id]; }
  int home(Ref base) const { return home_[base.id]; }
  // Whether the value is the same everywhere and few ops on numbers give it.
  bool is_uniform(Ref value) const {
    return view(value).is_whole() && uniform_[view(value).pieces[0].base.id] != kNotUniform;
  }

  // Not in memory, since each stage that uses it makes it again.
  bool is_made_where_used(Ref base) const {
    return uniform_[base.id] != kNotUniform && home(base) == kNowhere &&
           tape_.op(base) != Op::input;
  }

  void add(Ref value) {
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

  // The view of other values' memory that the op is, if it computes nothing.
  std::optional<View> seen_as(Ref value) {
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

  void add_leaf(Ref value) {
    switch (tape_.op(value)) {
      case Op::constant: uniform_[value.id] = 0; return;
      case Op::input:
        if (tape_.shape(value).size() == 1) uniform_[value.id] = 0;
        return;
      case Op::literal: return;
      default: return add_pointwise(value);  // iota, uniform
    }
  }

  void add_pointwise(Ref value) {
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
    join_or_open(operands, tape_.shape(value),
                 [&](Cluster& cluster, int at) { return compute(cluster, at, value); });
    home_[value.id] = joined_;
  }

  void add_reduction(Ref value) {
    const Ref operand = tape_.operands(value)[0];
    const std::optional<Reduction> reduction = reduction_of(value);
    if (!reduction) return add_irregular(value);
    join_or_open({&operand, 1}, reduction->operand.shape,
                 [&](Cluster& cluster, int at) { return reduce(cluster, at, value, *reduction); });
    home_[value.id] = joined_;
  }

  // Joins the first stage that takes it: that of its operands, then later ones that read the same
  // memory; else opens one. `join(cluster, index)` adds the op or says no.
  template <class Join>
  void join_or_open(std::span<const Ref> operands, const Shape& space, Join&& join) {
    int latest = kNowhere;
    for (const Ref operand : operands) {
      for (const Piece& piece : view(operand).pieces) {
        if (!view(operand).is_whole() && is_made_where_used(piece.base)) store(piece.base);
        latest = std::max(latest, home(piece.base));
      }
    }
    const int count = static_cast<int>(clusters_.size());
    if (latest != kNowhere && join_at(latest, join)) return;
    for (int at = std::max(latest + 1, count - kLookBack); at < count; ++at) {
      if (shares_memory(clusters_[static_cast<std::size_t>(at)], operands) && join_at(at, join)) {
        return;
      }
    }
    Cluster opened;
    opened.stage.parts.emplace_back();
    opened.part().space = space;
    clusters_.push_back(std::move(opened));
    if (join_at(count, join)) return;
    // Strides cannot bring an operand into the order of the space: it is copied first.
    clusters_.pop_back();
    for (const Ref operand : operands) {
      if (!is_uniform(operand)) store(operand);
    }
    clusters_.emplace_back();
    clusters_.back().stage.parts.emplace_back();
    clusters_.back().part().space = space;
    join_at(static_cast<int>(clusters_.size()) - 1, join);
  }
  template <class Join>
  bool join_at(int at, Join&& join) {
    Cluster& cluster = clusters_[static_cast<std::size_t>(at)];
    if (!cluster.is_body() || cluster.part().body.size() >= kLongestBody) return false;
    if (!join(cluster, at)) return false;
    joined_ = at;
    return true;
  }
  bool shares_memory(const Cluster& cluster, std::span<const Ref> operands) const {
    return std::ranges::any_of(operands, [&](Ref operand) {
      return std::ranges::any_of(view(operand).pieces, [&](const Piece& piece) {
        return tape_.shape(piece.base).size() > 1 && cluster.loads(piece.base);
      });
    });
  }

  // An elementwise op, at the level that its number of elements fits.
  bool compute(Cluster& cluster, int at, Ref value) {
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
    cluster.locals[value.id] = append(part, step);
    cluster.members.push_back({Cluster::Member::Kind::op, value});
    return true;
  }

  bool reduce(Cluster& cluster, int at, Ref value, const Reduction& reduction) {
    at_ = at;
    Part& part = cluster.part();
    const std::vector<Instruction> before = part.body;
    const Part old = {part.space, part.first_reduced, part.reduced_count, part.is_resident, {}, {}};
    if (!part.reduces()) {
      if (!begin_reducing(part, value, reduction)) return false;
    } else if (!same_rows(part, reduction) || (is_arg(value) && !part.is_resident)) {
      return false;
    }
    std::optional<Operand> operand =
        resolve(cluster, at, reduction.operand, reduction.operand.shape, Level::element);
    if (!operand || (!part.is_resident && operand->from == Operand::From::expanded)) {
      part.space = old.space;
      part.first_reduced = old.first_reduced;
      part.reduced_count = old.reduced_count;
      part.is_resident = old.is_resident;
      part.body = before;
      return false;
    }
    operand->dtype = tape_.dtype(tape_.operands(value)[0]);
    cluster.stage.kind = StageKind::reduce;
    const Local local = bring(cluster, *operand, Level::element);
    cluster.locals[value.id] = append(
        part, {Instruction::Kind::reduce, Level::row, tape_.dtype(value), value, 1, {local}, {}});
    cluster.members.push_back({Cluster::Member::Kind::reduction, value});
    return true;
  }

  // Turns a pointwise part's space into that of the reduction.
  bool begin_reducing(Part& part, Ref value, const Reduction& reduction) {
    const Shape& space = reduction.operand.shape;
    if (part.space.size() != space.size()) return false;
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
    }
    part.space = space;
    part.first_reduced = reduction.first;
    part.reduced_count = reduction.count;
    part.is_resident =
        part.inner_count() == 1 && (is_arg(value) || part.row_length() <= kLongestResidentRow);
    return true;
  }
  static bool same_rows(const Part& part, const Reduction& reduction) {
    return same_rows(part, Part{reduction.operand.shape, reduction.first, reduction.count});
  }
  static bool same_rows(const Part& part, const Part& other) {
    return part.space.size() == other.space.size() && part.row_length() == other.row_length() &&
           part.inner_count() == other.inner_count() && part.rows().size() == other.rows().size();
  }

  bool is_arg(Ref value) const {
    return tape_.op(value) == Op::argmax || tape_.op(value) == Op::argmin;
  }

  // The operand with its reduced axes side by side; none where the op is computed whole.
  std::optional<Reduction> reduction_of(Ref value) const {
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
    if (are_neighbours && !(is_arg(value) && inner > 1))
      return Reduction{x, first, last - first + 1};
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

  // How the operand, stretched over `shape`, comes into the body at `level`; none where it cannot.
  std::optional<Operand> resolve(Cluster& cluster, int at, Ref value, const Shape& shape,
                                 Level level) const {
    std::optional<Operand> operand = resolve(cluster, at, view(value), shape, level);
    if (operand) operand->dtype = tape_.dtype(value);
    return operand;
  }
  std::optional<Operand> resolve(Cluster& cluster, int at, const View& operand, const Shape& shape,
                                 Level level) const {
    if (operand.is_whole() && uniform_[operand.pieces[0].base.id] != kNotUniform) {
      return Operand{Operand::From::uniform, operand.pieces[0].base, {}, Level::uniform};
    }
    const Part& part = cluster.part();
    std::optional<View> seen = reshape(broadcast(operand, shape), part.shape(level));
    if (!seen) return std::nullopt;
    for (const Piece& piece : seen->pieces) {
      if (home(piece.base) > at) return std::nullopt;
      if (home(piece.base) == at) return own(cluster, *seen, level);
    }
    if (seen->is_one_element()) {
      View one{Shape(), {Piece{seen->pieces[0].base, seen->pieces[0].offset, {}, {}, {}}}};
      return Operand{Operand::From::loaded, {}, std::move(one), Level::uniform};
    }
    if (level == Level::element && is_identity(*seen)) {
      const Ref base = seen->pieces[0].base;
      int budget = kMostAgain;
      if (home(base) != kNowhere && can_compute_again(cluster, at, base, budget)) {
        return Operand{Operand::From::again, base, {}, level};
      }
    }
    if (level == Level::element && part.reduces()) {
      if (std::optional<View> rows = of_rows(part, *seen)) {
        if (!part.is_resident) return Operand{Operand::From::loaded, {}, std::move(*seen), level};
        return Operand{Operand::From::loaded, {}, std::move(*rows), Level::row};
      }
    }
    return Operand{Operand::From::loaded, {}, std::move(*seen), level};
  }

  // A value of an earlier stage that nothing else wants in memory and that few ops make from what
  // is there: it is computed again, and neither stored nor loaded. `budget`: what that may cost.
  bool can_compute_again(Cluster& cluster, int at, Ref base, int& budget) const {
    const Part& part = cluster.part();
    if (cluster.locals.contains(base.id)) return true;
    if (kind(base) != ops::OpKind::pointwise || in_memory_[base.id] ||
        tape_.shape(base).size() != part.space.size() || !is_made_in_body(base)) {
      return false;
    }
    budget -= cost(tape_.op(base));
    for (const Ref operand : tape_.operands(base)) {
      if (budget < 0) return false;
      if (is_uniform(operand)) continue;
      const std::optional<View> seen =
          reshape(broadcast(view(operand), tape_.shape(base)), part.space);
      if (!seen) return false;
      bool is_there = true;
      for (const Piece& piece : seen->pieces) {
        if (home(piece.base) > at) return false;
        is_there &=
            home(piece.base) != at && (home(piece.base) == kNowhere || in_memory_[piece.base.id]);
        if (is_there && !cluster.loads(piece.base)) --budget;
      }
      if (is_there) continue;
      if (home(seen->pieces[0].base) == at) {
        if (!own(cluster, *seen, Level::element)) return false;
      } else if (!is_identity(*seen) ||
                 !can_compute_again(cluster, at, seen->pieces[0].base, budget)) {
        return false;
      }
    }
    return budget >= 0;
  }
  bool is_made_in_body(Ref base) const {
    return home(base) != kNowhere && clusters_[static_cast<std::size_t>(home(base))].is_body();
  }
  // Beside an addition.
  static int cost(Op op) {
    switch (op) {
      case Op::neg:
      case Op::abs:
      case Op::add:
      case Op::sub:
      case Op::mul:
      case Op::scale:
      case Op::square:
      case Op::maximum:
      case Op::minimum:
      case Op::where:
      case Op::relu:
      case Op::step:
      case Op::cast: return 1;
      case Op::div:
      case Op::sqrt:
      case Op::reciprocal: return 3;
      default: return 6;
    }
  }

  // A value that the part itself makes: usable in the order in which it is made.
  std::optional<Operand> own(Cluster& cluster, const View& seen, Level level) const {
    const Part& part = cluster.part();
    const Ref base = seen.pieces[0].base;
    const auto local = cluster.locals.find(base.id);
    if (seen.pieces.size() != 1 || local == cluster.locals.end()) return std::nullopt;
    const Level made = part.body[local->second].level;
    if (made == level) {
      if (!is_identity(seen)) return std::nullopt;
      return Operand{Operand::From::local, base, {}, level};
    }
    if (made != Level::row || !part.is_resident) return std::nullopt;
    const std::optional<View> rows = of_rows(part, seen);
    if (!rows || !is_identity(*rows)) return std::nullopt;
    return Operand{Operand::From::expanded, base, {}, Level::row};
  }

  // The operand as a local of the body.
  Local bring(Cluster& cluster, const Operand& operand, Level level) {
    switch (operand.from) {
      case Operand::From::uniform: return uniform_local(cluster, operand.value);
      case Operand::From::local: return cluster.locals.at(operand.value.id);
      case Operand::From::expanded:
        return expand(cluster.part(), cluster.locals.at(operand.value.id));
      case Operand::From::again: return compute_again(cluster, operand.value);
      case Operand::From::loaded: break;
    }
    const Local local = load(cluster, operand.view, operand.level, operand.dtype);
    const bool is_row = operand.level == Level::row && level == Level::element;
    return is_row ? expand(cluster.part(), local) : local;
  }
  Local compute_again(Cluster& cluster, Ref value) {
    if (const auto found = cluster.locals.find(value.id); found != cluster.locals.end()) {
      return found->second;
    }
    Instruction step{
        Instruction::Kind::compute, Level::element, tape_.dtype(value), value, 0, {}, {}};
    for (const Ref operand : tape_.operands(value)) {
      const std::optional<Operand> resolved =
          resolve(cluster, at_, operand, tape_.shape(value), Level::element);
      step.operands[step.operand_count++] = bring(cluster, *resolved, Level::element);
    }
    const Local local = append(cluster.part(), step);
    cluster.locals[value.id] = local;
    return local;
  }
  Local load(Cluster& cluster, const View& view, Level level, DType dtype) {
    Part& part = cluster.part();
    for (Local i = 0; i < part.body.size(); ++i) {
      const Instruction& step = part.body[i];
      if (step.kind == Instruction::Kind::load && step.level == level && step.dtype == dtype &&
          step.view == view) {
        return i;
      }
    }
    const Ref value = view.pieces.empty() ? Ref{} : view.pieces[0].base;
    for (const Piece& piece : view.pieces) {
      if (!cluster.loads(piece.base)) cluster.loaded.push_back(piece.base);
    }
    return append(part, {Instruction::Kind::load, level, dtype, value, 0, {}, view});
  }
  static Local expand(Part& part, Local row) {
    for (Local i = 0; i < part.body.size(); ++i) {
      const Instruction& step = part.body[i];
      if (step.kind == Instruction::Kind::expand && step.operands[0] == row) return i;
    }
    const Instruction made = part.body[row];
    return append(
        part, {Instruction::Kind::expand, Level::element, made.dtype, made.value, 1, {row}, {}});
  }
  Local uniform_local(Cluster& cluster, Ref value) {
    if (const auto found = cluster.locals.find(value.id); found != cluster.locals.end()) {
      return found->second;
    }
    Part& part = cluster.part();
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
    const Local local = append(part, step);
    cluster.locals[value.id] = local;
    return local;
  }
  static Local append(Part& part, Instruction step) {
    part.body.push_back(std::move(step));
    return static_cast<Local>(part.body.size() - 1);
  }

  // Puts the value in memory in row-major order: where it is made, or by a copy.
  void store(Ref value) {
    const View& seen = view(value);
    if (is_copied_[value.id]) return;
    if (is_identity(seen) && seen.shape.size() == tape_.shape(seen.pieces[0].base).size()) {
      const Ref base = seen.pieces[0].base;
      if (uniform_[base.id] == kNotUniform || tape_.op(base) == Op::input) {
        return;
      }
    }
    if (!seen.is_whole()) {
      for (const Piece& piece : std::vector<Piece>(seen.pieces)) {
        if (is_made_where_used(piece.base)) store(piece.base);
      }
    }
    if (seen.shape.size() == 0) {
      // There is nothing to copy.
      views_[value.id] = view_of(value, seen.shape);
      return;
    }
    Cluster copy;
    copy.stage.parts.emplace_back();
    copy.part().space = tape_.shape(value);
    const int at = static_cast<int>(clusters_.size());
    this->copy(copy, at, value, seen);
    clusters_.push_back(std::move(copy));
    // Chains on numbers go on from the number.
    if (is_uniform(value)) {
      is_copied_[value.id] = true;
    } else {
      views_[value.id] = view_of(value, tape_.shape(value));
    }
    home_[value.id] = at;
  }

  // The value whose memory holds one that has been stored.
  Ref stored_as(Ref value) const {
    if (is_copied_[value.id]) return value;
    return view(value).pieces.empty() ? value : view(value).pieces[0].base;
  }

  // A value that lies otherwise in memory, in its own order.
  bool copy(Cluster& cluster, int at, Ref value, const View& from) {
    if (cluster.part().space.size() != tape_.shape(value).size()) return false;
    at_ = at;
    std::optional<Operand> operand = resolve(cluster, at, from, tape_.shape(value), Level::element);
    if (!operand) return false;
    operand->dtype = tape_.dtype(value);
    cluster.members.push_back({Cluster::Member::Kind::copy, value, from});
    cluster.locals[value.id] = bring(cluster, *operand, Level::element);
    return true;
  }

  void add_irregular(Ref value) {
    Cluster cluster;
    cluster.stage.kind = StageKind::irregular;
    cluster.stage.op = value;
    for (const Ref operand : tape_.operands(value)) {
      store(operand);
      cluster.stage.operands.push_back(stored_as(operand));
    }
    open(std::move(cluster), value);
  }
  void open(Cluster cluster, Ref value) {
    home_[value.id] = static_cast<int>(clusters_.size());
    clusters_.push_back(std::move(cluster));
  }

  void add_product(Ref value) {
    const DType dtype = tape_.dtype(value);
    const Shape& shape = tape_.shape(value);
    const auto operands = tape_.operands(value);
    const Attributes& attributes = tape_.attributes(value);
    if (dtype != DType::f32 && dtype != DType::f64) return add_irregular(value);
    Contraction contraction{value,
                            factor(operands[0], attributes.transpose_a, shape),
                            factor(operands[1], attributes.transpose_b, shape),
                            {},
                            false,
                            value};
    Cluster cluster;
    cluster.stage.kind = StageKind::contract;
    cluster.stage.contraction = std::move(contraction);
    open(std::move(cluster), value);
  }
  // An operand as a matrix for each leading index of the result. Libraries want one of its two last
  // axes without gaps.
  View factor(Ref operand, bool is_transposed, const Shape& result) {
    const int rank = tape_.shape(operand).rank();
    const auto row = static_cast<std::size_t>(rank - 2);
    const auto column = static_cast<std::size_t>(rank - 1);
    const auto fits = [&](const View& seen) {
      if (!seen.is_whole() || is_uniform(operand)) return false;
      const Piece& piece = seen.pieces[0];
      const bool is_row = seen.shape[rank - 1] == 1 || piece.strides[column] == 1;
      const bool is_column = seen.shape[rank - 2] == 1 || piece.strides[row] == 1;
      // The other axis goes forward, without overlap.
      const bool is_wide =
          is_row ? piece.strides[row] >= seen.shape[rank - 1] || seen.shape[rank - 2] == 1
                 : piece.strides[column] >= seen.shape[rank - 2] || seen.shape[rank - 1] == 1;
      return (is_row || is_column) && is_wide;
    };
    if (!fits(view(operand))) store(operand);
    Axes permutation;
    for (int i = 0; i < rank; ++i) permutation.push_back(i);
    View seen = is_copied_[operand.id] ? view_of(operand, tape_.shape(operand)) : view(operand);
    if (is_transposed) {
      Axes swapped;
      for (int i = 0; i + 2 < rank; ++i) swapped.push_back(i);
      swapped.push_back(rank - 1);
      swapped.push_back(rank - 2);
      seen = transpose(seen, swapped);
    }
    Shape stretched;
    for (int i = 0; i + 2 < result.rank(); ++i) stretched.push_back(result[i]);
    stretched.push_back(seen.shape[rank - 2]);
    stretched.push_back(seen.shape[rank - 1]);
    return broadcast(seen, stretched);
  }

  // What the libraries do beside a product: a row added to each row, then relu.
  bool join_product(Ref value) {
    const Op op = tape_.op(value);
    if (op != Op::add && op != Op::relu) return false;
    const auto operands = tape_.operands(value);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const Ref product = first_equal_[operands[i].id];
      const int at = home(product);
      if (at == kNowhere || uses_[product.id] != 1 || tape_.shape(product) != tape_.shape(value)) {
        continue;
      }
      Cluster& cluster = clusters_[static_cast<std::size_t>(at)];
      if (cluster.stage.kind != StageKind::contract) continue;
      Contraction& contraction = *cluster.stage.contraction;
      if (contraction.result != product || contraction.has_relu) continue;
      if (op == Op::relu) {
        contraction.has_relu = true;
      } else {
        if (contraction.bias) continue;
        const View bias = broadcast(view(operands[1 - i]), tape_.shape(value));
        if (!is_row_vector(bias) || home(bias.pieces[0].base) >= at ||
            is_uniform(operands[1 - i])) {
          continue;
        }
        contraction.bias = bias;
      }
      contraction.result = value;
      home_[value.id] = at;
      return true;
    }
    return false;
  }
  static bool is_row_vector(const View& view) {
    if (!view.is_whole()) return false;
    const int last = view.shape.rank() - 1;
    for (int i = 0; i < last; ++i) {
      if (view.shape[i] != 1 && view.pieces[0].strides[static_cast<std::size_t>(i)] != 0) {
        return false;
      }
    }
    return view.shape[last] == 1 || view.pieces[0].strides[static_cast<std::size_t>(last)] == 1;
  }

  // Ops that start from different inputs and meet later were put in different stages: those that
  // one reads from, or that read the same memory, become one where nothing between them forbids it.
  void merge_clusters() {
    for (int at = 0; at < static_cast<int>(clusters_.size()); ++at) {
      while (merge_into(at)) {
      }
    }
  }
  bool merge_into(int at) {
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
  bool have_to_do(const Cluster& cluster, const Cluster& other, int other_at) const {
    return std::ranges::any_of(cluster.loaded, [&](Ref base) {
      return home(base) == other_at || (tape_.shape(base).size() > 1 && other.loads(base));
    });
  }
  bool can_move_down(int from, int to) const {
    for (int k = from + 1; k < to; ++k) {
      if (reads_from(clusters_[static_cast<std::size_t>(k)], from)) return false;
    }
    return true;
  }
  bool can_move_up(int from, int to) const {
    return std::ranges::none_of(clusters_[static_cast<std::size_t>(from)].loaded,
                                [&](Ref base) { return home(base) > to; });
  }
  bool reads_from(const Cluster& cluster, int at) const {
    const auto is_there = [&](Ref base) { return home(base) == at; };
    if (cluster.is_body()) return std::ranges::any_of(cluster.loaded, is_there);
    return std::ranges::any_of(reads(cluster.stage), is_there);
  }

  // Makes what two clusters are made of again, as one at `at`.
  bool merge(int first, int second, int at) {
    Cluster& a = clusters_[static_cast<std::size_t>(first)];
    Cluster& b = clusters_[static_cast<std::size_t>(second)];
    if (a.part().body.size() + b.part().body.size() > kLongestBody) return false;
    if (a.part().space.size() != b.part().space.size()) return false;
    const Cluster& model = b.part().reduces() ? b : a;
    if (a.part().reduces() && b.part().reduces() && !same_rows(a.part(), b.part())) return false;
    Cluster made;
    made.stage.kind = model.stage.kind;
    Part part = model.stage.parts[0];
    part.body.clear();
    made.stage.parts.push_back(std::move(part));
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
    (at == second ? a : b) = Cluster{{}, {}, {}, {}};
    return true;
  }
  bool join(Cluster& cluster, int at, const Cluster::Member& member) {
    switch (member.kind) {
      case Cluster::Member::Kind::op: return compute(cluster, at, member.value);
      case Cluster::Member::Kind::reduction:
        return reduce(cluster, at, member.value, *reduction_of(member.value));
      case Cluster::Member::Kind::copy: return copy(cluster, at, member.value, member.view);
    }
    __builtin_unreachable();
  }

  // The stages, with what they store. Pointwise ones whose results only the caller reads become one
  // launch, the last.
  std::vector<Stage> finish(std::span<const Ref> targets) {
    std::vector<bool> is_read(tape_.size());
    for (const Cluster& cluster : clusters_) {
      for (const Ref base : reads(cluster.stage)) is_read[base.id] = true;
    }
    std::vector<bool> is_stored = is_read;
    for (const Ref target : targets) is_stored[target.id] = true;
    std::vector<Stage> stages;
    Stage last;
    for (Cluster& cluster : clusters_) {
      if (cluster.is_body() && cluster.members.empty()) continue;
      Stage& stage = cluster.stage;
      if (!cluster.is_body()) {
        stages.push_back(std::move(stage));
        continue;
      }
      bool is_last = stage.kind == StageKind::pointwise;
      std::vector<Store> stores;
      for (const auto& [id, local] : cluster.locals) {
        if (!is_stored[id] || home_[id] != static_cast<int>(&cluster - clusters_.data())) continue;
        stores.push_back({local, Ref{id}});
        is_last &= !is_read[id];
      }
      std::ranges::sort(stores, {}, [](const Store& store) { return store.value; });
      cluster.part().stores = std::move(stores);
      collapse(cluster.part());
      if (is_last) {
        last.parts.push_back(std::move(cluster.part()));
      } else {
        stages.push_back(std::move(stage));
      }
    }
    if (!last.parts.empty()) {
      last.kind = last.parts.size() == 1 ? StageKind::pointwise : StageKind::multi;
      stages.push_back(std::move(last));
    }
    return stages;
  }

  // Drops axes of extent 1, and sees neighbouring ones as one where every load can.
  static void collapse(Part& part) {
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

  const Tape& tape_;
  std::vector<Ref> first_equal_;     // the first value that computes the same
  std::vector<std::uint32_t> uses_;  // how many operands and targets a value is; 0: not wanted
  std::vector<std::optional<View>> views_;
  std::vector<std::uint32_t> uniform_;  // ops of the chain on numbers that gives it
  std::vector<int> home_;               // the cluster that makes it; kNowhere: in memory before
  std::vector<bool> is_copied_;         // uniform, and in memory too
  std::vector<Cluster> clusters_;
  std::vector<bool> in_memory_;  // a target, or of a kind that is always stored, or read by one
  int joined_ = kNowhere;
  int at_ = kNowhere;  // the stage that is being added to
};

}  // namespace

Fused fuse(const Tape& tape) { return Fusion(tape).fuse(); }

}  // namespace tendon::plan
