// What gradient() answers: a value or None, and the reason either way.
#pragma once

#include <tendon/export.h>
#include <tendon/list.h>
#include <tendon/tensor.h>

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <iterator>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tendon {

// In the order in which they are preferred.
enum class Cause {
  connected,
  cut_by_dtype,       // the source, or all ways from it, are integer or boolean
  watched_after_use,  // the op that used it first is named
  source_unwatched,
  after_reset,       // watched, used or computed before reset()
  cut_by_pause,      // computed while the tape was paused
  cut_by_host_read,  // values left through to_vector()/item() and came back as a new tensor
  cut_by_assign,     // they flowed into a variable by assign
  cut_by_op,         // argmax, floor, comparison, an op without a pullback: the op is named
  cut_by_stop_gradient,
  branch_not_taken,  // the branch and the value of its predicate are named
  custom_returned_none,
  other_tape,           // the target belongs to it
  other_thread,         // computed from the source on another thread
  linear,               // the target is a derivative that does not depend on the source
  target_not_recorded,  // no op of this tape made it: a leaf, or computed after stop()
  dead_end,        // consumed, but what it feeds never reaches the target: the last ops are named
  never_used,      // nothing recorded consumes it
  made_by_caller,  // by Gradient::of, or without a tape's answer
};
TENDON_API const char* name(Cause);                         // "unknown" for no Cause
TENDON_API std::ostream& operator<<(std::ostream&, Cause);  // never_used; Cause(99) for no Cause

// One call of the user's on the way from a source to a target.
struct Step {
  std::string op;
  std::optional<Place> where;
  bool cuts = false;  // no gradient passes it
};

struct Explanation {
  Cause cause = Cause::never_used;
  std::string text;                   // one or two plain sentences, naming file:line
  std::optional<Place> where;         // the place in the caller's source that a person would edit
  std::vector<Step> way = {};         // from the source to the target, as far as there is one
  std::vector<Step> other_cuts = {};  // of a connected source: where ways beside it are cut
};
// The cause, the text and, on a second line, the way.
TENDON_API std::ostream& operator<<(std::ostream&, const Explanation&);

namespace detail {
class Why;  // what an explanation is made from when it is asked for
}

// std::optional<Tensor> in shape, plus the reason. None is not zero: it is a property of the graph,
// not of the numbers.
class TENDON_API Gradient {
 public:
  Gradient() = default;  // None, made by the caller
  // Without a `why`, a gradient made by the caller.
  Gradient(std::optional<Tensor> value, std::shared_ptr<const detail::Why> why);
  // A gradient that no tape answered, for what takes Gradients. Error for an empty tensor.
  static Gradient of(Tensor value, Place place = Place::current());

  bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Tensor& value() const&;  // throws NoGradient, its text the explanation
  Tensor value() &&;
  const Tensor& operator*() const& { return value(); }
  Tensor operator*() && { return std::move(*this).value(); }
  const Tensor* operator->() const { return &value(); }
  // Zeros of the source's shape and dtype for None; NoGradient for a None without a source.
  Tensor value_or_zeros() const;
  explicit operator std::optional<Tensor>() const { return value_; }
  bool operator==(std::nullopt_t) const { return !has_value(); }
  // Computed when first asked for, from the tape's log; also after the tape is gone.
  const Explanation& why() const&;
  Explanation why() &&;

  const std::string& source()
      const;  // the source as the table prints it: its name, or where it was made

  // For the library's own rooms: another value for the same source, for the same reason.
  Gradient with(Tensor value) const { return {std::move(value), why_}; }

 private:
  std::optional<Tensor> value_;
  std::shared_ptr<const detail::Why> why_;
};
TENDON_API std::ostream& operator<<(std::ostream&, const Gradient&);

// In the order of the sources.
class TENDON_API Gradients {
 public:
  Gradients() = default;
  explicit Gradients(std::vector<Gradient> gradients)
      : gradients_(std::make_move_iterator(gradients.begin()),
                   std::make_move_iterator(gradients.end())) {}
  std::size_t size() const { return gradients_.size(); }
  bool empty() const { return gradients_.empty(); }
  // Error for one that is not there, as the three below.
  const Gradient& operator[](std::size_t i) const {
    return i < gradients_.size() ? gradients_[i] : missing(i);
  }
  const Gradient& at(std::size_t i) const { return (*this)[i]; }
  const Gradient& front() const { return (*this)[0]; }
  const Gradient& back() const { return (*this)[size() - 1]; }
  auto begin() const { return gradients_.begin(); }
  auto end() const { return gradients_.end(); }

  // f(value) for each gradient that has a value: unscaling, averaging over devices. None stays, and
  // every reason.
  template <class F>
  requires std::is_invocable_r_v<Tensor, F&, const Tensor&> Gradients map(F f)
  const {
    detail::ListVector<Gradient> mapped;
    mapped.reserve(size());
    for (const Gradient& gradient : gradients_)
      mapped.push_back(gradient ? gradient.with(std::invoke(f, *gradient)) : gradient);
    return adopt(std::move(mapped));
  }

  using value_type = Gradient;
  using const_iterator = detail::ListVector<Gradient>::const_iterator;
  using iterator = const_iterator;

  // For the library's own rooms.
  static Gradients adopt(detail::ListVector<Gradient> list) {
    Gradients gradients;
    gradients.gradients_ = std::move(list);
    return gradients;
  }

 private:
  [[noreturn]] const Gradient& missing(std::size_t i) const;
  detail::ListVector<Gradient> gradients_;
};
// The table: source, status, norm, counts of zero, NaN and infinite entries (computed on the device
// in one plan), why.
TENDON_API std::ostream& operator<<(std::ostream&, const Gradients&);

// The gradients, scaled by most / norm where their norm, that of all their elements together, is
// greater than `most` (Pascanu et al. 2013, "On the difficulty of training recurrent neural
// networks", Algorithm 1). None counts nothing and stays None. Computes the gradients and waits for
// the norm. Error where `most` is not a finite number above 0, and where the norm is NaN or
// infinite: it names a gradient and, as why_not_finite, the op that made it so.
TENDON_API Gradients clip_by_global_norm(const Gradients& gradients, double most,
                                         Place place = Place::current());

}  // namespace tendon
