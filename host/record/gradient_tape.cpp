// GradientTape and its Pause: misuse is told here, what they do is TapeState's and backward's.
#include <tendon/error.h>
#include <tendon/tape.h>

#include <algorithm>
#include <mutex>

#include "host/record/backward.h"
#include "host/record/cell.h"
#include "host/record/past.h"
#include "host/record/recorder.h"
#include "host/record/tape_state.h"
#include "host/record/warning.h"
#include "host/record/why.h"
#include "host/support/text.h"

namespace tendon {
namespace {

using detail::TapeState;
using record::Recorder;

template <class... Arguments>
TapeError tape_error(const char* call, Place place, fmt::format_string<Arguments...> format,
                     Arguments&&... arguments) {
  return TapeError(fmt::format("GradientTape::{}{}: {}", call, support::at(place),
                               fmt::format(format, std::forward<Arguments>(arguments)...)));
}

// What is recorded changes on the tape's own thread only.
Recorder& own_recorder(const TapeState& tape, const char* call, Place place) {
  Recorder& recorder = record::recorder();
  if (tape.is_on() && tape.thread() != recorder.thread()) {
    throw tape_error(call, place, "the tape records on another thread");
  }
  return recorder;
}

void stop_tape(TapeState& tape, Recorder& recorder, bool by_gradient) {
  const explain::ThreadLog& log = recorder.log();
  tape.stop(log.next(), log.since(tape.started().position), by_gradient);
  recorder.remove(tape);
}

void check_seeds(std::span<const Target> targets, const GradientOptions& options, Place place) {
  const auto& seeds = options.output_gradients;
  if (seeds.empty()) return;
  if (seeds.size() != targets.size()) {
    throw ShapeError(fmt::format("gradient{}: {} output_gradients for {} target{}",
                                 support::at(place), seeds.size(), targets.size(),
                                 targets.size() == 1 ? "" : "s"));
  }
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (!seeds[i]) continue;
    const record::Node& seed = record::node_of(*seeds[i], "gradient", place);
    const auto [type, device] = record::kind_of(targets[i]);
    if (seed.type.shape != type.shape) {
      throw ShapeError(fmt::format("gradient{}: output gradient {} has shape {}, its target {}",
                                   support::at(place), i, seed.type.shape, type.shape));
    }
    if (seed.type.dtype != type.dtype) {
      throw DTypeError(fmt::format("gradient{}: output gradient {} is {}, its target {}{}",
                                   support::at(place), i, seed.type.dtype, type.dtype,
                                   support::literal_hint(seed.type.dtype, type.dtype)));
    }
    if (seed.device != device) {
      throw DeviceError(fmt::format("gradient{}: output gradient {} is on {}, its target on {}",
                                    support::at(place), i, seed.device, device));
    }
  }
}

}  // namespace

Pause::Pause(std::shared_ptr<TapeState> tape, Place place) : tape_(std::move(tape)) {
  if (!tape_) return;
  Recorder& recorder = record::recorder();
  tape_->pause(recorder.log().next(), place);
  generation_ = tape_->generation();
  recorder.tapes_changed();
}

Pause::~Pause() {
  if (!tape_ || !tape_->is_on() || tape_->generation() != generation_) return;
  Recorder& recorder = record::recorder();
  if (tape_->thread() != recorder.thread()) return;
  tape_->unpause(recorder.log().next(), Place());
  recorder.tapes_changed();
}

GradientTape::GradientTape(TapeOptions options, Place place) {
  Recorder& recorder = record::recorder();
  state_ = std::allocate_shared<TapeState>(support::PoolAllocator<TapeState>(), options,
                                           recorder.log().now(), place);
  recorder.add(state_);
}

GradientTape::~GradientTape() {
  if (!state_->is_on()) return;
  Recorder* const recorder = record::recorder_if_there();
  if (recorder != nullptr && state_->thread() == recorder->thread()) {
    stop_tape(*state_, *recorder, false);
  } else {
    state_->abandoned = true;  // its own thread forgets it when its tapes next change
  }
}

void GradientTape::watch(const Source& source, Place place) {
  Recorder& recorder = own_recorder(*state_, "watch", place);
  if (state_->is_spent())
    throw tape_error("watch", place, "the tape is spent; resume() starts it afresh");
  const DType dtype = source.variable() != nullptr
                          ? source.variable()->dtype()
                          : record::node_of(*source.tensor(), "watch", place).type.dtype;
  if (!is_floating(dtype)) {
    record::warn_once(
        place,
        fmt::format("watch{}: a tensor of {} is watched, but only floating ones have gradients",
                    support::at(place), dtype));
  }
  if (const Variable* variable = source.variable()) {
    state_->watch_cell(variable->cell(), recorder.log().next(), place);
    variable->cell()->forget_reading();
  } else {
    record::Node& node = *source.tensor()->node();
    state_->watch(node, recorder.log().next(), place);
  }
}

void GradientTape::watch(std::initializer_list<Source> sources, Place place) {
  watch(detail::Sources(sources), place);
}

void GradientTape::watch(const detail::Sources& sources, Place place) {
  for (const Source& source : sources) {
    if (source.tensor() != nullptr)
      record::node_of(*source.tensor(), "watch", place);  // all or none
  }
  for (const Source& source : sources) watch(source, place);
}

void GradientTape::stop(Place place) {
  Recorder& recorder = own_recorder(*state_, "stop", place);
  if (!state_->is_on()) {
    if (state_->stopped_by_gradient()) return;
    throw tape_error("stop", place, "the tape has stopped already");
  }
  stop_tape(*state_, recorder, false);
}

void GradientTape::resume(Place place) {
  Recorder& recorder = own_recorder(*state_, "resume", place);
  if (state_->is_on()) throw tape_error("resume", place, "the tape is recording");
  if (state_->thread() != recorder.thread())
    throw tape_error("resume", place, "the tape belongs to another thread");
  state_->start(recorder.log().now(), place);
  recorder.add(state_);
}

Pause GradientTape::stop_recording(Place place) {
  own_recorder(*state_, "stop_recording", place);
  if (!state_->is_on()) throw tape_error("stop_recording", place, "the tape is not recording");
  return Pause(state_, place);
}

void GradientTape::reset(Place place) {
  Recorder& recorder = own_recorder(*state_, "reset", place);
  if (!state_->is_on()) throw tape_error("reset", place, "the tape is not recording");
  state_->reset(recorder.log().now(), place);
  recorder.tapes_changed();
}

std::vector<Variable> GradientTape::watched_variables() const {
  std::vector<Variable> variables;
  for (const auto& watched : state_->cells()) variables.push_back(Variable::adopt(watched.cell));
  std::ranges::sort(variables, {}, [](const Variable& variable) { return variable.cell()->id(); });
  return variables;
}

namespace {

// What explanations need: the tape's log as it stands now, and the targets.
std::shared_ptr<detail::Answer> ask(const TapeState& tape, std::span<const Target> targets,
                                    const char* call, Place place) {
  auto answer = std::allocate_shared<detail::Answer>(support::PoolAllocator<detail::Answer>());
  explain::Recording& recording = answer->recording;
  recording = tape.recording();
  if (tape.is_on())
    recording.logs.push_back(record::recorder().log().since(tape.started().position));
  for (const Target& target : targets)
    answer->targets.push_back(record::asked_target(target, tape, call, place));
  return answer;
}

// What explanations need of the values that the tape did not record: those that its ops take, and
// targets. Looks at `most` nodes.
void describe_past(detail::Answer& answer, const TapeState& tape, std::span<const Target> targets,
                   std::size_t most) {
  support::PoolVector<record::NodePtr> nodes(tape.older().begin(), tape.older().end());
  const auto is_known = [&](const record::Node& node) { return answer.recording.spans(node.id); };
  for (const Target& target : targets) {
    record::NodePtr node = target.variable() != nullptr ? target.variable()->cell()->current()
                                                        : record::NodePtr(target.tensor()->node());
    if (!is_known(*node)) nodes.push_back(std::move(node));
  }
  if (nodes.empty()) return;
  record::for_past(nodes, most, is_known,
                   [&](const explain::Facts& facts, std::span<const explain::NodeId> operands) {
                     explain::Entry entry{facts};
                     entry.set_operand_count(operands.size());
                     std::ranges::copy(operands, entry.operands().begin());
                     answer.past.push_back(std::move(entry));
                   });
}

// A None is rare, and worth a long look.
constexpr std::size_t kMostForNone = 50'000;
constexpr std::size_t kMostForConnected = 32;

}  // namespace

Gradients GradientTape::answer(std::span<const Target> targets, std::span<const Source> sources,
                               const GradientOptions& options, Place place) {
  Recorder& recorder = own_recorder(*state_, "gradient", place);
  if (state_->is_spent()) {
    throw tape_error("gradient", place,
                     "a non-persistent GradientTape can compute only one set of gradients");
  }
  if (targets.empty()) throw tape_error("gradient", place, "no targets");
  for (const auto& list : {targets, sources}) {
    for (const Source& source : list) {
      if (source.tensor() != nullptr) record::node_of(*source.tensor(), "gradient", place);
    }
  }
  check_seeds(targets, options, place);
  if (options.unconnected != Unconnected::none && options.unconnected != Unconnected::zero) {
    throw Error(fmt::format("gradient{}: Unconnected({}) is neither none nor zero",
                            support::at(place), static_cast<int>(options.unconnected)));
  }

  const std::shared_ptr<detail::Answer> answer = ask(*state_, targets, "gradient", place);
  answer->whys = support::PoolVector<detail::Why>(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i)
    answer->whys[i].set(*answer, record::asked_of(sources[i], *state_, "gradient", place));

  const bool persistent = state_->options().persistent;
  if (!persistent && state_->is_on()) stop_tape(*state_, recorder, true);
  support::PoolVector<std::optional<Tensor>> values =
      record::backward(*state_, targets, sources, options.output_gradients, place);
  const bool all = std::ranges::all_of(values, &std::optional<Tensor>::has_value);
  describe_past(*answer, *state_, targets, all ? kMostForConnected : kMostForNone);
  if (!persistent) state_->spend();

  detail::ListVector<Gradient> gradients;
  gradients.reserve(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const detail::Why& why = answer->whys[i];
    if (!values[i] && options.unconnected == Unconnected::zero)
      values[i] = record::zeros_on(why.device(), why.shape(), why.dtype(), place);
    gradients.emplace_back(std::move(values[i]), std::shared_ptr<const detail::Why>(answer, &why));
  }
  return Gradients::adopt(std::move(gradients));
}

Gradient GradientTape::gradient(const Target& target, const Source& source,
                                const GradientOptions& options, Place place) {
  return answer({&target, 1}, {&source, 1}, options, place)[0];
}
Gradients GradientTape::gradient(const Target& target, std::initializer_list<Source> sources,
                                 const GradientOptions& options, Place place) {
  return answer({&target, 1}, detail::Sources(sources), options, place);
}
Gradients GradientTape::gradient(const Target& target, const detail::Sources& sources,
                                 const GradientOptions& options, Place place) {
  return answer({&target, 1}, sources, options, place);
}
Gradients GradientTape::gradient(std::initializer_list<Target> targets,
                                 std::initializer_list<Source> sources,
                                 const GradientOptions& options, Place place) {
  return answer(detail::Sources(targets), detail::Sources(sources), options, place);
}
Gradients GradientTape::gradient(std::initializer_list<Target> targets,
                                 const detail::Sources& sources, const GradientOptions& options,
                                 Place place) {
  return answer(detail::Sources(targets), sources, options, place);
}
Gradients GradientTape::gradient(const detail::Sources& targets,
                                 std::initializer_list<Source> sources,
                                 const GradientOptions& options, Place place) {
  return answer(targets, detail::Sources(sources), options, place);
}
Gradients GradientTape::gradient(const detail::Sources& targets, const detail::Sources& sources,
                                 const GradientOptions& options, Place place) {
  return answer(targets, sources, options, place);
}

Explanation GradientTape::explain(const Target& target, const Source& source, Place place) const {
  own_recorder(*state_, "explain", place);
  const std::shared_ptr<detail::Answer> answer = ask(*state_, {&target, 1}, "explain", place);
  describe_past(*answer, *state_, {&target, 1}, kMostForNone);
  return answer->explain(record::asked_of(source, *state_, "explain", place));
}

}  // namespace tendon
