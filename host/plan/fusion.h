// Fusion: the work of fuse(), over several files. fusion.cpp walks the tape; fusion_body.cpp adds
// an op to a stage; fusion_product.cpp makes matrix products; fusion_merge.cpp makes stages one;
// fusion_stages.cpp finishes them.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "host/ops/op_row.h"
#include "host/plan/cluster.h"
#include "host/plan/fuse.h"

namespace tendon::plan {

inline constexpr int kNowhere = -1;

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

class Fusion {
 public:
  Fusion(const Tape& tape, const DeviceTraits& traits)
      : tape_(tape),
        traits_(traits),
        first_equal_(tape.size()),
        uses_(tape.size()),
        views_(tape.size()),
        uniform_(tape.size(), kNotUniform),
        home_(tape.size(), kNowhere),
        is_copied_(tape.size()),
        in_memory_(tape.size()) {}
  Fused fuse();

 private:
  static constexpr std::uint32_t kNotUniform = ~std::uint32_t{0};

  // Ops that compute the same from the same are computed once. Numbers differ from run to run: two
  // constants are never known to be equal.
  void find_equal();
  bool computes_the_same(Ref a, Ref b) const;
  void count_uses();
  // What will be in memory whoever else wants it.
  void find_in_memory();
  ops::OpKind kind(Ref value) const { return ops::row(tape_.op(value)).kind; }
  const View& view(Ref value) const { return *views_[value.id]; }
  // The position of the stage that makes the value.
  int home(Ref base) const {
    const int cluster = home_[base.id];
    return cluster == kNowhere ? kNowhere : position_[static_cast<std::size_t>(cluster)];
  }
  // Whether the value is the same everywhere and few ops on numbers give it.
  bool is_uniform(Ref value) const;
  // Not in memory, since each stage that uses it makes it again.
  bool is_made_where_used(Ref base) const;
  void add(Ref value);
  // The view of other values' memory that the op is, if it computes nothing.
  std::optional<View> seen_as(Ref value);
  void add_leaf(Ref value);
  void add_pointwise(Ref value);
  void add_reduction(Ref value);
  // Joins the first stage that takes it: that of its operands, then later ones that read the same
  // memory, or any for a reduction of one number; else opens one over `space`. Returns the stage.
  int join_or_open(const Cluster::Member& member, std::span<const Ref> operands,
                   const Shape& space);
  bool join_at(int at, const Cluster::Member& member);
  bool shares_memory(const Cluster& cluster, std::span<const Ref> operands) const;
  // An elementwise op, at the level that its number of elements fits.
  bool compute(Cluster& cluster, int at, Ref value);
  bool reduce(Cluster& cluster, int at, Ref value, const Reduction& reduction);
  // Turns a pointwise stage's space into that of the reduction.
  bool begin_reducing(Cluster& cluster, Ref value, const Reduction& reduction);
  // Whether the reduction's rows are to be resident.
  bool is_resident(Ref value, const Reduction& reduction) const;
  static bool same_rows(const Part& part, const Part& other);
  // Whether what is reduced are the columns of the part's resident rows.
  static bool are_columns(const Part& part, const Part& reduced);
  bool is_arg(Ref value) const;
  // The operand with its reduced axes side by side; none where the op is computed whole.
  std::optional<Reduction> reduction_of(Ref value) const;
  // How the operand, stretched over `shape`, comes into the body at `level`; none where it cannot.
  std::optional<Operand> resolve(Cluster& cluster, int at, Ref value, const Shape& shape,
                                 Level level);
  std::optional<Operand> resolve(Cluster& cluster, int at, const View& operand, const Shape& shape,
                                 Level level);
  // A value of an earlier stage that nothing else wants in memory and that few ops make from what
  // is there: it is computed again, and neither stored nor loaded. `budget`: what that may cost.
  bool can_compute_again(Cluster& cluster, int at, Ref base, Level level, int& budget) const;
  bool is_repeated(const View& view) const;
  bool can_repeat(const Cluster& cluster, Ref base, Level level, int& budget) const;
  bool is_made_in_body(Ref base) const;
  // Of the value's op, beside an addition.
  int cost(Ref value) const;
  // A value that the part itself makes: usable in the order in which it is made.
  static std::optional<Operand> own(Cluster& cluster, const View& seen, Level level);
  // The operand as a local of the body.
  Local bring(Cluster& cluster, const Operand& operand, Level level);
  Local compute_again(Cluster& cluster, Ref value, Level level);
  static Local load(Cluster& cluster, const View& view, Level level, DType dtype);
  static Local expand(Cluster& cluster, Local row);
  Local uniform_local(Cluster& cluster, Ref value);
  // Puts the value in memory in row-major order: where it is made, or by a copy.
  void store(Ref value);
  // The value whose memory holds one that has been stored.
  Ref stored_as(Ref value) const;
  // A value that lies otherwise in memory, in its own order.
  bool copy(Cluster& cluster, int at, Ref value, const View& from);
  void add_irregular(Ref value);
  void open(Cluster cluster, Ref value);
  int add_cluster(Cluster cluster);
  void add_product(Ref value);
  // An operand as a matrix for each leading index of the result. Libraries want one of its two last
  // axes without gaps.
  View factor(Ref operand, bool is_transposed, const Shape& result);
  // What the libraries do beside a product: a row added to each row, then relu.
  bool join_product(Ref value);
  static bool is_row_vector(const View& view);
  // Ops that start from different inputs and meet later were put in different stages: those that
  // one reads from, or that read the same memory, become one where nothing between them forbids it.
  void merge_clusters();
  bool merge_into(int at);
  // Sets bit k if the stage at `at` reads what the one at `at` - 1 - k makes, or the same memory.
  std::uint64_t find_candidates(int at);
  bool can_move_down(int from, int to) const;
  bool can_move_up(int from, int to) const;
  bool reads_from(const Cluster& cluster, int at) const;
  Cluster& cluster_at(int position);
  // Makes the stages at two positions one, at the position `to`, which is one of them.
  bool merge(int first, int second, int to);
  // Adds the members of `b` behind those of `a`, or leaves both as they are.
  bool append(Cluster& a, const Cluster& b, int at);
  // Makes the members of `a` and `b` again, in the order of the tape, in a stage like `model`.
  bool rebuild(Cluster& a, const Cluster& b, const Cluster& model, int at);
  // Makes a stage of several again in the order of the tape.
  void sort_members(Cluster& cluster, int at);
  void note_loads(int cluster, std::size_t from);
  bool join(Cluster& cluster, int at, const Cluster::Member& member);
  // The stages, with what they store. Pointwise ones whose results only the caller reads become one
  // launch, the last.
  std::vector<Stage> finish(std::span<const Ref> targets);
  // Drops axes of extent 1, and sees neighbouring ones as one where every load can.
  static void collapse(Part& part);
  const Tape& tape_;
  const DeviceTraits& traits_;
  std::vector<Ref> first_equal_;     // the first value that computes the same
  std::vector<std::uint32_t> uses_;  // how many operands and targets a value is; 0: not wanted
  std::vector<std::optional<View>> views_;
  std::vector<std::uint32_t> uniform_;  // ops of the chain on numbers that gives it
  std::vector<int> home_;               // the cluster that makes it; kNowhere: in memory before
  std::vector<bool> is_copied_;         // uniform, and in memory too
  std::deque<Cluster> clusters_;
  std::vector<int> position_;              // of each cluster, in the order of the stages
  std::vector<int> at_position_;           // the cluster there, once they are merged
  std::vector<std::vector<int>> loaders_;  // clusters that load a value, while they are merged
  Effort effort_;
  std::vector<bool> in_memory_;  // a target, or of a kind that is always stored, or read by one
  int at_ = kNowhere;            // the stage that is being added to
};

// Whether an axis of the part's space is reduced.
bool is_reduced(const Part& part, int axis);

}  // namespace tendon::plan
