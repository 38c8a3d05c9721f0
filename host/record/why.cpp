#include "host/record/why.h"

#include "host/record/cell.h"
#include "host/record/tape_state.h"
#include "host/support/text.h"

namespace tendon {

const Explanation& detail::Why::explanation() const {
  std::call_once(once_, [this] {
    explanation_ = explain::explain(question_->recording, question_->targets, source_);
  });
  return explanation_;
}

namespace record {
namespace {

const char* function_of(const Node& node) {
  return node.called != nullptr ? node.called : name(node.op);
}

}  // namespace

std::string label_of(const Source& source) {
  if (const Variable* variable = source.variable()) {
    const detail::Cell& cell = *variable->cell();
    return cell.name().empty() ? fmt::format("variable{}", support::at(cell.place())) : cell.name();
  }
  const Node& node = *source.tensor()->node();
  if (node.event == explain::Event::op)
    return fmt::format("{}{}", function_of(node), support::at(node.place));
  if (node.cell == 0) return fmt::format("tensor{}", support::at(node.place));
  return fmt::format("reading{}", support::at(node.place));
}

Kind kind_of(const Source& source) {
  if (const Variable* variable = source.variable())
    return {variable->cell()->type(), variable->cell()->device()};
  const Node& node = *source.tensor()->node();
  return {node.type, node.device};
}

explain::Subject subject_of(const Source& source, const detail::TapeState& tape, const char* call,
                            Place place) {
  explain::Subject subject;
  if (const Variable* variable = source.variable()) {
    const std::shared_ptr<detail::Cell>& cell = variable->cell();
    subject.cell = cell->id();
    subject.dtype = cell->type().dtype;
    subject.place = cell->place();
    subject.label = cell->name().empty() ? fmt::format("the variable{}", support::at(cell->place()))
                                         : fmt::format("the variable '{}'", cell->name());
    subject.watched_cell =
        tape.watches_cell(*cell) || (cell->trainable() && tape.options().watch_accessed_variables);
    subject.event = explain::Event::read;
    if (const auto* watched = tape.find(*cell)) {
      subject.values.assign(watched->reads.begin(), watched->reads.end());
      subject.watched_from = watched->from;
      subject.watch_place = watched->place;
    }
    subject.values.push_back(cell->current()->id);
    return subject;
  }
  const Node& node = node_of(*source.tensor(), call, place);
  subject.values = {node.id};
  subject.dtype = node.type.dtype;
  subject.event = node.event;
  subject.op = node.op;
  subject.place = node.place;
  subject.label =
      node.event == explain::Event::op && ops::row(node.op).arity != 0
          ? fmt::format("the result of {}{}", function_of(node), support::at(node.place))
          : fmt::format("the {} tensor {} made{}", node.type.dtype, node.type.shape,
                        support::at(node.place));
  return subject;
}

explain::Subject target_of(const Target& target, const detail::TapeState& tape, const char* call,
                           Place place) {
  explain::Subject subject = subject_of(target, tape, call, place);
  // A variable is the value that it has now, not those it had.
  if (subject.cell != 0) subject.values = {subject.values.back()};
  subject.value_of = target.variable() != nullptr ? subject.cell : target.tensor()->node()->cell;
  return subject;
}

}  // namespace record
}  // namespace tendon
