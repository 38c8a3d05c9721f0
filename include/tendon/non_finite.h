// Which op made a value that is not finite.
#pragma once

#include <tendon/export.h>
#include <tendon/tensor.h>

#include <iosfwd>
#include <optional>
#include <string>

namespace tendon {

struct NonFinite {
  std::string text;  // "sqrt at fit.cpp:12 made nan at element (3,) from -0.25 (sub at ...)"
  std::optional<Place> where;  // of the op that made it, or of what ended the history
};
TENDON_API std::ostream& operator<<(std::ostream&, const NonFinite&);

// The first op, forward or backward, that made a NaN or an infinity which leads to those in the
// tensor, with its operands' values there; nullopt where all is finite, and for integers and
// booleans. Computes what is pending, and the tensor's history once more, in which it looks; needs
// no tape, and costs nothing before it is asked for. Callable from any thread.
//
// The history is that of the run that computed the tensor, and of those that computed what that
// read, as far as their memory is still held. The text says where it ends: at values given by the
// caller, at a variable that was assigned since, at memory that was freed, or at a run so long ago
// that it was forgotten (runs are remembered in 64 MiB in all, and one of more than about 100,000
// ops is not). Error for an empty tensor.
TENDON_API std::optional<NonFinite> why_not_finite(const Tensor& tensor,
                                                   Place place = Place::current());

// Adds a column to the next table of Gradients that is printed on the stream: which op first made a
// value that is not finite. std::cout << tendon::first_non_finite << gradients;
TENDON_API std::ostream& first_non_finite(std::ostream&);

}  // namespace tendon
