#include "host/record/why.h"

#include "host/explain/explain.h"
#include "host/record/cell.h"
#include "host/record/recorder.h"
#include "host/record/tape_state.h"
#include "host/support/text.h"

namespace tendon {
namespace detail {

std::string Asked::label() const {
  if (name) return name->empty() ? fmt::format("variable{}", support::at(subject.place)) : *name;
  if (subject.event == explain::Event::op)
    return fmt::format("{}{}", function, support::at(subject.place));
  return fmt::format("{}{}", is_reading ? "reading" : "tensor", support::at(subject.place));
}

explain::Subject Asked::labeled() const {
  explain::Subject labeled = subject;
  if (name) {
    labeled.label = name->empty() ? fmt::format("the variable{}", support::at(subject.place))
                                  : fmt::format("the variable '{}'", *name);
  } else if (subject.event == explain::Event::op && ops::row(subject.op).arity != 0) {
    labeled.label = fmt::format("the result of {}{}", function, support::at(subject.place));
  } else {
    const std::string at = support::at(subject.place);
    labeled.label = fmt::format("the {} tensor {}{}{}", subject.dtype, shape,
                                at.empty()   ? ""
                                : is_reading ? " read"
                                             : " made",
                                at);
  }
  return labeled;
}

void Why::set(const Answer& answer, Asked source) {
  answer_ = &answer;
  source_ = std::move(source);
}

const Explanation& Why::explanation() const {
  std::call_once(explained_, [this] {
    if (answer_ != nullptr) {
      explanation_ = answer_->explain(source_);
      return;
    }
    const Place place = source_.subject.place;
    const bool is_known = place.line() != 0;
    explanation_.cause = Cause::made_by_caller;
    explanation_.text =
        is_known
            ? fmt::format("It was made by Gradient::of{}; no tape answered it.", support::at(place))
            : "The program made it, or has moved it elsewhere; no tape answered it.";
    if (is_known) explanation_.where = place;
  });
  return explanation_;
}

const std::string& Why::label() const {
  std::call_once(labeled_, [this] {
    label_ = answer_ != nullptr ? source_.label()
                                : fmt::format("gradient{}", support::at(source_.subject.place));
  });
  return label_;
}

Explanation Answer::explain(const Asked& source) const {
  std::vector<explain::Subject> subjects;
  for (const Asked& target : targets) subjects.push_back(target.labeled());
  std::call_once(graphed_, [this] { graph_.emplace(recording, past); });
  return explain::explain(*graph_, subjects, source.labeled());
}

}  // namespace detail

namespace record {

Kind kind_of(const Source& source) {
  if (const Variable* variable = source.variable())
    return {variable->cell()->type(), variable->cell()->device()};
  const Node& node = *source.tensor()->node();
  return {node.type, node.device};
}

detail::Asked asked_of(const Source& source, const detail::TapeState& tape, const char* call,
                       Place place) {
  detail::Asked asked;
  explain::Subject& subject = asked.subject;
  if (const Variable* variable = source.variable()) {
    const std::shared_ptr<detail::Cell>& cell = variable->cell();
    asked.name = cell->shared_name();
    asked.shape = cell->type().shape;
    asked.device = cell->device();
    subject.cell = cell->id();
    subject.dtype = cell->type().dtype;
    subject.place = cell->place();
    subject.watched_cell =
        tape.watches_cell(*cell) || (cell->trainable() && tape.options().watch_accessed_variables);
    subject.event = explain::Event::read;
    if (const auto* watched = tape.find(*cell)) {
      subject.values.reserve(watched->reads.size() + 1);
      subject.values.assign(watched->reads.begin(), watched->reads.end());
      subject.watched_from = watched->from;
      subject.watch_place = watched->place;
    }
    subject.values.push_back(cell->current()->id);
    return asked;
  }
  const Node& node = node_of(*source.tensor(), call, place);
  asked.function = node.called != nullptr ? node.called : name(node.op);
  asked.is_reading = node.cell != 0;
  asked.shape = node.type.shape;
  asked.device = node.device;
  subject.values = {node.id};
  subject.dtype = node.type.dtype;
  subject.event = node.event;
  subject.op = node.op;
  subject.place = node.place;
  return asked;
}

detail::Asked asked_target(const Target& target, const detail::TapeState& tape, const char* call,
                           Place place) {
  detail::Asked asked = asked_of(target, tape, call, place);
  explain::Subject& subject = asked.subject;
  // A variable is the value that it has now, not those it had.
  if (subject.cell != 0) subject.values = {subject.values.back()};
  subject.value_of = target.variable() != nullptr ? subject.cell : target.tensor()->node()->cell;
  if (target.tensor() != nullptr) {
    const record::TapeIds& tapes = target.tensor()->node()->tapes;
    if (tapes.first() != 0 && !tapes.contains(tape.id()))
      subject.other_tape = {recorder().place_of(tapes.first())};
  }
  return asked;
}

}  // namespace record
}  // namespace tendon
