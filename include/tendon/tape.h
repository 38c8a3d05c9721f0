// GradientTape: records what this thread computes, and answers for gradients.
#pragma once

#include <tendon/export.h>
#include <tendon/gradient.h>
#include <tendon/tensor.h>
#include <tendon/variable.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace tendon {

enum class Unconnected { none, zero };

struct TapeOptions {
  bool persistent = false;               // answers more than one gradient()
  bool watch_accessed_variables = true;  // trainable Variables are watched when read
};
struct GradientOptions {
  std::vector<std::optional<Tensor>> output_gradients =
      {};  // one a target; empty, or a nullopt: ones
  Unconnected unconnected = Unconnected::none;
};

// Something to differentiate by, or to differentiate: a tensor, or a variable (which means its
// cell: all its reads).
class TENDON_API Source {
 public:
  Source(const Tensor& tensor) : of_(tensor) {}
  Source(const Variable& variable) : of_(variable) {}
  const Tensor* tensor() const { return std::get_if<Tensor>(&of_); }
  const Variable* variable() const { return std::get_if<Variable>(&of_); }

 private:
  std::variant<Tensor, Variable> of_;
};
using Target = Source;

namespace detail {
class TapeState;
using Sources = List<Source>;
}  // namespace detail

// Suspends one tape while it lives.
class TENDON_API Pause {
 public:
  Pause(std::shared_ptr<detail::TapeState> tape, Place place);
  Pause(Pause&& other) noexcept = default;
  Pause& operator=(Pause&&) = delete;
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause();

 private:
  std::shared_ptr<detail::TapeState> tape_;
  std::uint64_t generation_ = 0;
};

// Records from construction to stop() or destruction, on the thread that made it; tapes nest in any
// order. A non-persistent tape answers one gradient(); a call that throws does not count and leaves
// the tape whole.
class TENDON_API GradientTape {
 public:
  explicit GradientTape(TapeOptions options = {}, Place place = Place::current());
  GradientTape(const GradientTape&) = delete;
  GradientTape& operator=(const GradientTape&) = delete;
  ~GradientTape();

  // Ops recorded from now on connect. Watching an integer or boolean tensor warns once a call site,
  // and never connects.
  void watch(const Source& source, Place place = Place::current());
  void watch(std::initializer_list<Source> sources, Place place = Place::current());
  void watch(const detail::Sources& sources, Place place = Place::current());

  void stop(Place place = Place::current());  // TapeError when stopped already, but after
                                              // gradient() stopped it
  void resume(
      Place place = Place::current());  // TapeError while recording; a spent tape starts afresh
  [[nodiscard]] Pause stop_recording(
      Place place = Place::current());              // TapeError when not recording
  void reset(Place place = Place::current());       // TapeError when not recording
  std::vector<Variable> watched_variables() const;  // in the order they were made

  // d(sum of the targets, each times its output gradient)/d(source), None exactly where no chain of
  // recorded, differentiable ops leads from the source to a target. Waits for nothing; the values
  // are computed when needed. TapeError where the tape is spent; ShapeError, DTypeError for output
  // gradients that do not fit; Error for an Unconnected that is none.
  Gradient gradient(const Target& target, const Source& source, const GradientOptions& options = {},
                    Place place = Place::current());
  Gradients gradient(const Target& target, std::initializer_list<Source> sources,
                     const GradientOptions& options = {}, Place place = Place::current());
  Gradients gradient(const Target& target, const detail::Sources& sources,
                     const GradientOptions& options = {}, Place place = Place::current());
  Gradients gradient(std::initializer_list<Target> targets, std::initializer_list<Source> sources,
                     const GradientOptions& options = {}, Place place = Place::current());
  Gradients gradient(std::initializer_list<Target> targets, const detail::Sources& sources,
                     const GradientOptions& options = {}, Place place = Place::current());
  Gradients gradient(const detail::Sources& targets, std::initializer_list<Source> sources,
                     const GradientOptions& options = {}, Place place = Place::current());
  Gradients gradient(const detail::Sources& targets, const detail::Sources& sources,
                     const GradientOptions& options = {}, Place place = Place::current());

  // Why the source is connected to the target, or why not. Computes nothing and does not count as a
  // gradient().
  Explanation explain(const Target& target, const Source& source,
                      Place place = Place::current()) const;

 private:
  Gradients answer(std::span<const Target> targets, std::span<const Source> sources,
                   const GradientOptions& options, Place place);
  std::shared_ptr<detail::TapeState> state_;
};

}  // namespace tendon
