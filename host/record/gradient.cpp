// Gradient and Gradients: access, and the printed table.
#include <tendon/error.h>
#include <tendon/gradient.h>
#include <tendon/non_finite.h>
#include <tendon/ops.h>
#include <tendon/run.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

#include "host/record/evaluate.h"
#include "host/record/past.h"
#include "host/record/recorder.h"
#include "host/record/why.h"
#include "host/support/text.h"

namespace tendon {

const char* name(Cause cause) {
  constexpr const char* kNames[] = {"connected",
                                    "cut_by_dtype",
                                    "watched_after_use",
                                    "source_unwatched",
                                    "after_reset",
                                    "cut_by_pause",
                                    "cut_by_host_read",
                                    "cut_by_assign",
                                    "cut_by_op",
                                    "cut_by_stop_gradient",
                                    "branch_not_taken",
                                    "custom_returned_none",
                                    "other_tape",
                                    "other_thread",
                                    "linear",
                                    "target_not_recorded",
                                    "dead_end",
                                    "never_used",
                                    "made_by_caller"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(Cause::made_by_caller) + 1);
  const auto index = static_cast<std::size_t>(cause);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

std::ostream& operator<<(std::ostream& stream, Cause cause) {
  if (cause > Cause::made_by_caller)
    return stream << fmt::format("Cause({})", static_cast<int>(cause));
  return stream << name(cause);
}

std::ostream& operator<<(std::ostream& stream, const Explanation& explanation) {
  stream << explanation.cause << ": " << explanation.text;
  const std::vector<Step>& way = explanation.way;
  if (way.empty()) return stream;
  constexpr std::size_t kEnds = 6;  // of a long way, and where it is cut
  stream << "\n  way: source";
  std::size_t left_out = 0;
  for (std::size_t i = 0; i < way.size(); ++i) {
    if (i >= kEnds && i + kEnds < way.size() && !way[i].cuts) {
      ++left_out;
      continue;
    }
    if (left_out > 0) stream << " -> " << std::exchange(left_out, 0) << " more";
    stream << " -> " << way[i].op;
    if (way[i].where) stream << support::at(*way[i].where);
    if (way[i].cuts) stream << " (cut)";
  }
  return stream;
}

namespace {

// What a gradient without a `why` answers: one made by the caller, or moved from.
const detail::Why& why_of(const std::shared_ptr<const detail::Why>& why) {
  static const auto* const none = new detail::Why;  // never destroyed
  return why ? *why : *none;
}

}  // namespace

Gradient::Gradient(std::optional<Tensor> value, std::shared_ptr<const detail::Why> why)
    : value_(std::move(value)), why_(std::move(why)) {}

Gradient Gradient::of(Tensor value, Place place) {
  const record::Node& node = record::node_of(value, "Gradient::of", place);
  auto why = std::make_shared<const detail::Why>(node.type, node.device, place);
  return {std::move(value), std::move(why)};
}

const Tensor& Gradient::value() const& {
  if (!value_) {
    throw NoGradient(fmt::format("the gradient by {} is None ({}): {}", source(), name(why().cause),
                                 why().text));
  }
  return *value_;
}
Tensor Gradient::value() && { return static_cast<const Gradient&>(*this).value(); }

Tensor Gradient::value_or_zeros() const {
  if (!value_ && !why_) return value();  // of what source?
  return value_ ? *value_ : record::zeros_on(why_->device(), why_->shape(), why_->dtype(), Place());
}

const Explanation& Gradient::why() const& { return why_of(why_).explanation(); }
Explanation Gradient::why() && { return why_of(why_).explanation(); }
const std::string& Gradient::source() const { return why_of(why_).label(); }

std::ostream& operator<<(std::ostream& stream, const Gradient& gradient) {
  if (gradient) return stream << *gradient;
  return stream << "None (" << gradient.why().cause << ": " << gradient.why().text << ')';
}

namespace {

// What the table says of a value, each a scalar that one plan computes for the whole table.
struct Figures {
  Tensor norm;
  Tensor zero;
  Tensor nan;
  Tensor infinite;
};

Figures figures_of(const Tensor& value) {
  const auto count = [](const Tensor& condition) { return reduce_sum(condition.cast(DType::i64)); };
  // In f64, and scaled by the greatest entry, so that a tiny norm is not printed as 0 and a huge
  // one not as inf.
  const Tensor wide = abs(value.cast(DType::f64));
  Tensor norm = full({}, 0, DType::f64);
  if (value.size() > 0) {
    const Tensor greatest = reduce_max(wide);
    const Tensor unit = where(greatest > 0, greatest, 1.0);
    norm = where(is_finite(greatest), unit * sqrt(reduce_sum(square(wide / unit))), greatest);
  }
  return {norm, count(value == 0), count(is_nan(value)), count(is_inf(value))};
}

// "connected; another way is cut: round at fit.cpp:6".
std::string connected(const Explanation& why) {
  std::string text = "connected";
  if (why.other_cuts.empty()) return text;
  text += why.other_cuts.size() == 1
              ? "; another way is cut: "
              : fmt::format("; {} other ways are cut: ", why.other_cuts.size());
  for (std::size_t i = 0; i < why.other_cuts.size(); ++i) {
    const Step& cut = why.other_cuts[i];
    text +=
        fmt::format("{}{}{}", i == 0 ? "" : ", ", cut.op, cut.where ? support::at(*cut.where) : "");
  }
  return text;
}

using Row = std::vector<std::string>;

// Set on a stream where the next table has the column.
int first_non_finite_index() {
  static const int index = std::ios_base::xalloc();
  return index;
}

}  // namespace

std::ostream& first_non_finite(std::ostream& stream) {
  stream.iword(first_non_finite_index()) = 1;
  return stream;
}

const Gradient& Gradients::missing(std::size_t i) const {
  throw Error(fmt::format("Gradients: there is no gradient {} among {}",
                          static_cast<std::ptrdiff_t>(i), size()));
}

std::ostream& operator<<(std::ostream& stream, const Gradients& gradients) {
  const record::Suspend suspend;
  const bool tells_first = std::exchange(stream.iword(first_non_finite_index()), 0) != 0;
  support::PoolVector<record::Node*> nodes;
  for (const Gradient& gradient : gradients) {
    if (tells_first && gradient && !gradient->is_empty_handle()) nodes.push_back(gradient->node());
  }
  const auto held = record::read_by(nodes);  // until the search has read it
  std::vector<std::optional<Figures>> figures;
  std::vector<Tensor> asked;
  for (const Gradient& gradient : gradients) {
    const bool has_figures = gradient && !gradient->is_empty_handle();  // one moved from has none
    figures.push_back(has_figures ? std::optional(figures_of(*gradient)) : std::nullopt);
    if (!figures.back()) continue;
    for (const Tensor& figure : {figures.back()->norm, figures.back()->zero, figures.back()->nan,
                                 figures.back()->infinite}) {
      asked.push_back(figure);
    }
  }
  run(asked);

  std::vector<Row> rows = {{"source", "gradient", "norm", "zero", "nan", "inf", "why"}};
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Gradient& gradient = gradients[i];
    const Explanation& why = gradient.why();
    const std::string reason = fmt::format("{}: {}", name(why.cause), why.text);
    if (!figures[i]) {
      rows.push_back({gradient.source(), gradient ? "empty" : "None", "", "", "", "", reason});
      continue;
    }
    const auto read = [](const Tensor& scalar) { return record::scalar_of(scalar); };
    const auto counted = [&](const Tensor& scalar) {
      return fmt::format("{}", static_cast<std::int64_t>(read(scalar)));
    };
    rows.push_back({gradient.source(), fmt::format("{} {}", gradient->dtype(), gradient->shape()),
                    fmt::format("{:.4g}", std::abs(read(figures[i]->norm))),
                    counted(figures[i]->zero), counted(figures[i]->nan),
                    counted(figures[i]->infinite),
                    why.cause == Cause::connected ? connected(why) : reason});
  }
  if (tells_first) {
    rows[0].insert(rows[0].end() - 1, "first non-finite");
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const std::optional<NonFinite> found =
          figures[i] ? why_not_finite(*gradients[i]) : std::nullopt;
      rows[i + 1].insert(rows[i + 1].end() - 1, found ? found->text : "");
    }
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], row[k].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t k = 0; k + 1 < row.size(); ++k) {
      const bool is_number = k >= 2 && k <= 5;
      line += is_number ? fmt::format("{:>{}}  ", row[k], widths[k])
                        : fmt::format("{:<{}}  ", row[k], widths[k]);
    }
    stream << line << row.back() << '\n';
  }
  return stream;
}

}  // namespace tendon
