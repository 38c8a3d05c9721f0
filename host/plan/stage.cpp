#include "host/plan/stage.h"

#include <algorithm>
#include <type_traits>

#include "host/support/overloads.h"

namespace tendon::plan {
namespace {

void note(std::vector<Ref>& list, Ref value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}
void note(std::vector<Ref>& list, const View& view) {
  for (const Piece& piece : view.pieces) note(list, piece.base);
}
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

void note_reads(std::vector<Ref>& list, const Part& part) {
  for (const Instruction& step : part.body) {
    if (step.kind == Instruction::Kind::load) note(list, step.view);
  }
}

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
  std::vector<Ref> list;
  note_reads(list, part);
  return list;
}

std::vector<Ref> reads(const Stage& stage) {
  std::vector<Ref> list;
  for (const Part& part : bodies(stage)) note_reads(list, part);
  std::visit(support::Overloads{[](const Pointwise&) {}, [](const Reduce&) {}, [](const Multi&) {},
                                [&](const Contraction& contraction) {
                                  note(list, contraction.a);
                                  note(list, contraction.b);
                                  if (contraction.bias) note(list, *contraction.bias);
                                },
                                [&](const Irregular& irregular) {
                                  for (const Ref operand : irregular.operands) note(list, operand);
                                }},
             stage);
  return list;
}

std::vector<Ref> writes(const Stage& stage) {
  std::vector<Ref> list;
  for (const Part& part : bodies(stage)) {
    for (const Store& store : part.stores) note(list, store.value);
  }
  std::visit(
      support::Overloads{[](const Pointwise&) {}, [](const Reduce&) {}, [](const Multi&) {},
                         [&](const Contraction& contraction) { note(list, contraction.result); },
                         [&](const Irregular& irregular) { note(list, irregular.op); }},
      stage);
  return list;
}

}  // namespace tendon::plan
