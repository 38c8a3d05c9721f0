#include "host/plan/stage.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "host/support/id_map.h"
#include "host/support/overloads.h"

namespace tendon::plan {
namespace {

// Values in the order in which they are added first.
class RefList {
 public:
  void add(Ref value) {
    if (known_.size() == 0 ? std::ranges::find(list_, value) != list_.end()
                           : known_.contains(value.id))
      return;
    list_.push_back(value);
    if (known_.size() > 0) {
      known_.try_emplace(value.id, true);
    } else if (list_.size() == kFew) {
      for (const Ref in_list : list_) known_.try_emplace(in_list.id, true);
    }
  }
  void add(const View& view) {
    for (const Piece& piece : view.pieces) add(piece.base);
  }
  void add_reads(const Part& part) {
    for (const Instruction& step : part.body) {
      if (step.kind == Instruction::Kind::load) add(step.view);
    }
  }
  std::vector<Ref> list() && { return std::move(list_); }

 private:
  static constexpr std::size_t kFew = 16;  // which are found faster without a hash
  std::vector<Ref> list_;
  support::IdMap<bool> known_;  // of more than a few
};

// Of a stage that is const where the body is.
template <class Body>
struct BodiesOf {
  template <class Alternative>
  using Like = std::conditional_t<std::is_const_v<Body>, const Alternative, Alternative>;
  using Bodies = std::span<Body>;

  Bodies operator()(Like<Pointwise>& stage) const { return {&stage.part, 1}; }
  Bodies operator()(Like<Reduce>& stage) const { return {&stage.part, 1}; }
  Bodies operator()(Like<Multi>& stage) const { return stage.parts; }
  Bodies operator()(Like<Contraction>&) const { return {}; }
  Bodies operator()(Like<Irregular>&) const { return {}; }
};

}  // namespace

const char* name(const Stage& stage) {
  return std::visit(support::Overloads{[](const Pointwise&) { return "pointwise"; },
                                       [](const Reduce&) { return "reduce"; },
                                       [](const Multi&) { return "multi"; },
                                       [](const Contraction&) { return "contract"; },
                                       [](const Irregular&) { return "irregular"; }},
                    stage);
}

std::span<Part> bodies(Stage& stage) { return std::visit(BodiesOf<Part>(), stage); }
std::span<const Part> bodies(const Stage& stage) {
  return std::visit(BodiesOf<const Part>(), stage);
}

std::vector<Ref> reads(const Part& part) {
  RefList list;
  list.add_reads(part);
  return std::move(list).list();
}

std::vector<Ref> reads(const Stage& stage) {
  RefList list;
  for (const Part& part : bodies(stage)) list.add_reads(part);
  std::visit(support::Overloads{[](const Pointwise&) {}, [](const Reduce&) {}, [](const Multi&) {},
                                [&](const Contraction& contraction) {
                                  list.add(contraction.a);
                                  list.add(contraction.b);
                                  if (contraction.bias) list.add(*contraction.bias);
                                },
                                [&](const Irregular& irregular) {
                                  for (const Ref operand : irregular.operands) list.add(operand);
                                }},
             stage);
  return std::move(list).list();
}

std::vector<Ref> writes(const Stage& stage) {
  RefList list;
  for (const Part& part : bodies(stage)) {
    for (const Store& store : part.stores) list.add(store.value);
  }
  std::visit(
      support::Overloads{[](const Pointwise&) {}, [](const Reduce&) {}, [](const Multi&) {},
                         [&](const Contraction& contraction) { list.add(contraction.result); },
                         [&](const Irregular& irregular) { list.add(irregular.op); }},
      stage);
  return std::move(list).list();
}

}  // namespace tendon::plan
