// why_not_finite: computes a value's history once more and looks where it stops being finite.
#include <tendon/error.h>
#include <tendon/non_finite.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
#include <utility>

#include "host/ops/op_row.h"
#include "host/plan/program_cache.h"
#include "host/record/cell.h"
#include "host/record/evaluate.h"
#include "host/record/history.h"
#include "host/record/past.h"
#include "host/record/recorder.h"
#include "host/support/text.h"
#include "host/tape/tape_arrays.h"

namespace tendon {
namespace record {
namespace {

using detail::Cell;
using detail::Origin;
using detail::TapeArrays;

using StoragePtr = std::shared_ptr<Storage>;

// What is found in an array, the worst of it.
enum Finding : std::int32_t { kFinite, kInfinite, kNan };

// An array on the host.
class Values {
 public:
  Values() = default;
  Values(DType dtype, const Shape& shape, const Storage& storage)
      : dtype_(dtype), shape_(shape), bytes_(storage.bytes()) {
    storage.copy_to_host(bytes_.data());
  }
  Values(DType dtype, double number) : dtype_(dtype), number_(number) {}  // wherever it is read

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::int64_t size() const { return bytes_.empty() ? 1 : shape_.size(); }
  double operator[](std::int64_t i) const {
    if (bytes_.empty()) return number_;
    const std::byte* const at = bytes_.data() + static_cast<std::size_t>(i) * size_bytes(dtype_);
    const auto as = [&]<class T>(T value) {
      std::memcpy(&value, at, sizeof value);
      return value;
    };
    switch (dtype_) {
      case DType::boolean: return as(bool{}) ? 1 : 0;
      case DType::i32: return as(std::int32_t{});
      case DType::i64: return static_cast<double>(as(std::int64_t{}));
      case DType::f16: return as(half{});
      case DType::bf16: return as(bfloat16{});
      case DType::f32: return as(float{});
      case DType::f64: return as(double{});
    }
    __builtin_unreachable();
  }
  std::string text(std::int64_t i) const {
    const double value = (*this)[i];
    if (dtype_ == DType::boolean) return value != 0 ? "true" : "false";
    if (std::isnan(value)) return "nan";
    return fmt::format("{:.7g}", value);
  }
  // The first element that is NaN, or else the first that is infinite; -1: all are finite.
  std::int64_t first_non_finite() const {
    std::int64_t infinite = -1;
    for (std::int64_t i = 0; i < size(); ++i) {
      if (std::isnan((*this)[i])) return i;
      if (infinite < 0 && std::isinf((*this)[i])) infinite = i;
    }
    return infinite;
  }

 private:
  DType dtype_ = DType::f32;
  Shape shape_;
  std::vector<std::byte> bytes_;
  double number_ = 0;
};

using Index = std::array<std::int64_t, kMaxRank>;

Index index_of(const Shape& shape, std::int64_t at) {
  Index index{};
  for (int axis = shape.rank(); axis-- > 0;) {
    index[static_cast<std::size_t>(axis)] = at % shape[axis];
    at /= shape[axis];
  }
  return index;
}

// " at element (1, 0)"; nothing for a scalar.
std::string text_element(const Shape& shape, std::int64_t at) {
  if (shape.rank() == 0) return "";
  const Index index = index_of(shape, at);
  std::string text;
  for (int axis = 0; axis < shape.rank(); ++axis)
    text += fmt::format("{}{}", axis > 0 ? ", " : "", index[static_cast<std::size_t>(axis)]);
  return fmt::format(" at element ({}{})", text, shape.rank() == 1 ? "," : "");
}

// The element of an operand that an elementwise op reads for its own.
std::int64_t broadcast_index(const Shape& result, std::int64_t at, const Shape& operand) {
  const Index index = index_of(result, at);
  std::int64_t flat = 0;
  for (int axis = 0; axis < operand.rank(); ++axis) {
    const auto of_result = static_cast<std::size_t>(axis + result.rank() - operand.rank());
    flat = flat * operand[axis] + (operand[axis] == 1 ? 0 : index[of_result]);
  }
  return flat;
}

// The history of a value while it is looked into.
class Inquiry {
 public:
  explicit Inquiry(History history) : history_(std::move(history)), tape_(history_.tape) {
    input_of_.resize(tape_.size(), kNoInput);
    find_origins();
    for (std::size_t i = 0; i < history_.inputs.size(); ++i) {
      input_of_[tape_.inputs()[i].id] = i;
      inputs_.push_back(history_.inputs[i].lock());
    }
  }

  const Tape& tape() const { return tape_; }
  Origin origin(Ref value) const { return origins_[value.id]; }
  bool is_input(Ref value) const { return input_of_[value.id] != kNoInput; }
  const StoragePtr& storage(Ref input) const { return inputs_[input_of_[input.id]]; }
  std::uint64_t cell(Ref input) const { return origin_of_input(input).cell; }
  // Of an input that is there: its value, of which the run may have read a part.
  StoragePtr whole(Ref input) const { return origin_of_input(input).storage.lock(); }
  Values values_of_whole(Ref input) const {
    const Shape& part = tape_.shape(input);
    const History::Part& read = origin_of_input(input).part;
    return {tape_.dtype(input), read.bytes == 0 ? part : read.whole, *whole(input)};
  }
  // Whether what it is computed from is still there.
  bool is_known(Ref value) const { return is_known_[value.id]; }
  Finding finding(Ref value) const { return findings_[value.id]; }

  // Finds the values that lead to this one and are still in memory, and reads them.
  void look(Ref target) {
    const std::vector<bool> leads = leads_to({&target, 1});
    is_known_.assign(tape_.size(), true);
    findings_.assign(tape_.size(), kFinite);
    std::vector<Ref> asked;
    for (std::uint32_t id = 0; id < tape_.size(); ++id) {
      const Ref value{id};
      if (!leads[id]) continue;
      if (is_input(value)) is_known_[id] = storage(value) != nullptr;
      for (const Ref operand : tape_.operands(value)) {
        if (!is_known(operand)) is_known_[id] = false;
      }
      if (!is_known_[id] || !is_floating(tape_.dtype(value)) || tape_.shape(value).size() == 0)
        continue;
      if (tape_.op(value) == Op::constant) {
        const double number = tape_.attributes(value).number;
        findings_[id] = std::isnan(number) ? kNan : std::isinf(number) ? kInfinite : kFinite;
      } else {
        asked.push_back(value);
      }
    }
    // A few hundred at a time: each is a result of the run.
    constexpr std::size_t kMost = 256;
    for (std::size_t begin = 0; begin < asked.size(); begin += kMost)
      find(std::span(asked).subspan(begin, std::min(kMost, asked.size() - begin)));
  }

  // The values, each as an array on the host.
  std::vector<Values> values_of(std::span<const Ref> values) const {
    std::vector<Ref> computed;
    for (const Ref value : values) {
      if (!is_input(value) && tape_.op(value) != Op::constant &&
          std::ranges::find(computed, value) == computed.end()) {
        computed.push_back(value);
      }
    }
    Excerpt excerpt = excerpt_of(computed);
    std::vector<Ref> targets;
    for (const Ref value : computed) targets.push_back(excerpt.ref[value.id]);
    TapeArrays::set_targets(excerpt.tape, targets);
    const std::vector<StoragePtr> results = compute(excerpt.tape, excerpt.inputs);
    std::vector<Values> all;
    for (const Ref value : values) {
      const DType dtype = tape_.dtype(value);
      if (tape_.op(value) == Op::constant) {
        all.emplace_back(dtype, tape_.attributes(value).number);
      } else {
        const auto at = std::ranges::find(computed, value) - computed.begin();
        all.emplace_back(
            dtype, tape_.shape(value),
            is_input(value) ? *storage(value) : *results[static_cast<std::size_t>(at)]);
      }
    }
    return all;
  }

 private:
  static constexpr std::size_t kNoInput = std::numeric_limits<std::size_t>::max();

  struct Excerpt {
    Tape tape;
    std::vector<Ref> ref;  // by the history's value
    std::vector<StoragePtr> inputs;
  };

  void find_origins() {
    for (std::uint32_t id = 0; id < tape_.size(); ++id) {
      const Op op = tape_.op(Ref{id});
      origins_.push_back({op == Op::input || op == Op::constant ? nullptr : name(op), 0});
    }
    for (const History::Named& named : history_.named) origins_[named.value] = named.origin;
    for (const History::Expansion& expansion : history_.expansions) {
      for (std::uint32_t i = 0; i < expansion.count; ++i) {
        const std::uint32_t value = history_.expanded[expansion.begin + i];
        if (value >= tape_.size()) continue;  // not computed
        origins_[value] = expansion.ops ? *expansion.ops->origin(Ref{expansion.ops->begin() + i})
                                        : Origin{expansion.called, 0};
      }
    }
  }

  std::vector<bool> leads_to(std::span<const Ref> values) const {
    std::vector<bool> leads(tape_.size());
    for (const Ref value : values) leads[value.id] = true;
    for (std::uint32_t id = tape_.size(); id-- > 0;) {
      if (!leads[id]) continue;
      for (const Ref operand : tape_.operands(Ref{id})) leads[operand.id] = true;
    }
    return leads;
  }

  Excerpt excerpt_of(std::span<const Ref> values) const {
    const std::vector<bool> leads = leads_to(values);
    Excerpt excerpt;
    excerpt.ref.resize(tape_.size());
    std::vector<Ref> operands;
    for (std::uint32_t id = 0; id < tape_.size(); ++id) {
      if (!leads[id]) continue;
      const Ref value{id};
      Ref& made = excerpt.ref[id];
      if (is_input(value)) {
        made = TapeArrays::input(excerpt.tape, tape_.dtype(value), tape_.shape(value),
                                 tape_.place(value));
        excerpt.inputs.push_back(storage(value));
        continue;
      }
      operands.clear();
      for (const Ref operand : tape_.operands(value)) operands.push_back(excerpt.ref[operand.id]);
      made = TapeArrays::append(excerpt.tape, tape_.op(value), operands,
                                TapeArrays::own_attributes(tape_, value), tape_.dtype(value),
                                tape_.shape(value), tape_.place(value));
    }
    return excerpt;
  }

  std::vector<StoragePtr> compute(const Tape& tape, std::span<const StoragePtr> inputs) const {
    std::vector<StoragePtr> results;
    if (tape.targets().empty()) return results;
    plan::Backend& backend = backend_of(history_.device);
    std::vector<const void*> from;
    std::vector<std::shared_ptr<const plan::Outcome>> before;
    for (const StoragePtr& input : inputs) {
      from.push_back(input->data());
      if (input->outcome()) before.push_back(input->outcome());
    }
    std::vector<void*> into;
    for (const Ref target : tape.targets()) {
      results.push_back(std::make_shared<Storage>(backend, tape.bytes(target), "why_not_finite",
                                                  tape.place(target)));
      into.push_back(results.back()->data());
    }
    const std::shared_ptr<const plan::Program> program = plan::program_for(backend, tape);
    backend.execute(*program, tape, from, into, Stream(), before);
    return results;
  }

  void find(std::span<const Ref> values) {
    Excerpt excerpt = excerpt_of(values);
    TapeBuilder builder(std::move(excerpt.tape));
    const Attributes to_i32{.dtype = DType::i32};
    const Ref two = builder.constant(2, DType::i32);
    std::vector<Ref> targets;
    for (const Ref value : values) {
      const Ref x = excerpt.ref[value.id];
      const Ref nan = builder.apply(Op::cast, {builder.apply(Op::is_nan, {x})}, to_i32);
      const Ref infinite = builder.apply(Op::cast, {builder.apply(Op::is_inf, {x})}, to_i32);
      const Ref each = builder.apply(Op::add, {builder.apply(Op::mul, {nan, two}), infinite});
      targets.push_back(builder.shape(each).rank() == 0 ? each
                                                        : builder.apply(Op::reduce_max, {each}));
    }
    const Tape tape = std::move(builder).finish(targets);
    const std::vector<StoragePtr> results = compute(tape, excerpt.inputs);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::int32_t found = 0;
      results[i]->copy_to_host(&found);
      findings_[values[i].id] = static_cast<Finding>(found);
    }
  }

  const History::Input& origin_of_input(Ref input) const {
    return history_.inputs[input_of_[input.id]];
  }

  History history_;
  const Tape& tape_;
  std::vector<Origin> origins_;
  std::vector<std::size_t> input_of_;  // by value
  std::vector<StoragePtr> inputs_;     // null: freed
  std::vector<bool> is_known_;
  std::vector<Finding> findings_;
};

// "the gradient of sqrt at fit.cpp:12".
std::string text_op(Op op, Origin origin, Place place) {
  std::string text;
  for (std::uint32_t i = 0; i < origin.order; ++i) text += "the gradient of ";
  if (origin.name != nullptr) {
    text += origin.name;
  } else {
    text += origin.order > 0 ? "the value" : name(op);
  }
  return text + support::at(place);
}

std::optional<Place> known(Place place) {
  return place.line() == 0 ? std::nullopt : std::optional(place);
}

std::string text_variable(const Cell& cell) {
  return cell.name().empty() ? fmt::format("the variable{}", support::at(cell.place()))
                             : fmt::format("variable '{}'", cell.name());
}

// What a value read by a run is called; no more than it is worth beside a number.
std::string text_value(const Inquiry& inquiry, Ref value) {
  const Tape& tape = inquiry.tape();
  const Place place = tape.place(value);
  if (!inquiry.is_input(value)) return text_op(tape.op(value), inquiry.origin(value), place);
  if (const std::uint64_t id = inquiry.cell(value); id != 0) {
    const std::shared_ptr<Cell> cell = Cell::find(id);
    return cell ? text_variable(*cell) : fmt::format("a variable read{}", support::at(place));
  }
  if (inquiry.origin(value).name != nullptr)
    return text_op(tape.op(value), inquiry.origin(value), place);
  return fmt::format("given{}", support::at(place));
}

// What an op made of what, at the first element that is not finite.
std::string text_making(const Inquiry& inquiry, Ref made) {
  const Tape& tape = inquiry.tape();
  const Op op = tape.op(made);
  const Origin origin = inquiry.origin(made);
  std::vector<Ref> asked(tape.operands(made).begin(), tape.operands(made).end());
  constexpr std::size_t kMostOperands = 4;
  const bool is_elementwise = ops::row(op).kind == ops::OpKind::pointwise;
  if (asked.size() > kMostOperands) asked.clear();
  asked.push_back(made);
  const std::vector<Values> values = inquiry.values_of(asked);
  const Values& result = values.back();
  const std::int64_t at = std::max<std::int64_t>(result.first_non_finite(), 0);

  std::string text = text_op(op, origin, tape.place(made));
  const bool is_inside =
      origin.order > 0 || origin.name == nullptr || std::string_view(origin.name) != name(op);
  text += fmt::format(" made {}{}", result.text(at), text_element(tape.shape(made), at));
  if (is_inside) text += fmt::format(" in its {}", name(op));
  if (asked.size() == 1) return text;
  text += origin.order > 0 ? ": its operands there are " : " from ";
  for (std::size_t i = 0; i + 1 < asked.size(); ++i) {
    const Ref operand = asked[i];
    if (i > 0) text += i + 2 < asked.size() ? ", " : " and ";
    const Values& of = values[i];
    const bool is_constant = tape.op(operand) == Op::constant;
    if (is_constant || is_elementwise) {
      text += of.text(is_constant ? 0 : broadcast_index(tape.shape(made), at, of.shape()));
    } else {
      double least = std::numeric_limits<double>::infinity(), greatest = -least;
      for (std::int64_t k = 0; k < of.size(); ++k) {
        least = std::fmin(least, of[k]);
        greatest = std::fmax(greatest, of[k]);
      }
      text += of.size() == 1
                  ? of.text(0)
                  : fmt::format("{} values of {:.7g} to {:.7g}", of.size(), least, greatest);
    }
    const bool is_same_call = !inquiry.is_input(operand) &&
                              text_value(inquiry, operand) == text_op(op, origin, tape.place(made));
    if (!is_constant && !is_same_call) text += fmt::format(" ({})", text_value(inquiry, operand));
  }
  return text;
}

// The values that lead to one of these and hold what is looked for, or are not known.
std::vector<bool> way_to(const Inquiry& inquiry, std::span<const Ref> values, Finding least) {
  const Tape& tape = inquiry.tape();
  std::vector<bool> on_way(tape.size());
  for (const Ref value : values) on_way[value.id] = true;
  for (std::uint32_t id = tape.size(); id-- > 0;) {
    if (!on_way[id]) continue;
    for (const Ref operand : tape.operands(Ref{id})) {
      if (!inquiry.is_known(operand) || inquiry.finding(operand) >= least)
        on_way[operand.id] = true;
    }
  }
  return on_way;
}

// Where it begins: an input that holds it already, since that was there before, or the first op
// that makes it of operands without it. A number that the caller wrote is deliberate.
std::optional<Ref> beginning(const Inquiry& inquiry, std::span<const Ref> values, Finding least) {
  const Tape& tape = inquiry.tape();
  const std::vector<bool> on_way = way_to(inquiry, values, least);
  std::optional<Ref> first;
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    const Ref value{id};
    if (!on_way[id] || !inquiry.is_known(value) || inquiry.finding(value) < least) continue;
    if (inquiry.is_input(value)) return value;
    const bool is_made =
        tape.op(value) != Op::constant &&
        std::ranges::none_of(tape.operands(value), [&](Ref operand) {
          return tape.op(operand) != Op::constant && inquiry.finding(operand) >= least;
        });
    if (is_made && !first) first = value;
  }
  return first;
}

// Where the history of a value that cannot be computed again ends.
NonFinite end_of(const Inquiry& inquiry, const std::string& what, Ref target) {
  const Tape& tape = inquiry.tape();
  const std::vector<bool> on_way = way_to(inquiry, {&target, 1}, kInfinite);
  std::optional<Ref> freed;
  for (const Ref input : tape.inputs()) {
    if (!on_way[input.id] || inquiry.storage(input)) continue;
    if (!freed) freed = input;
    const std::shared_ptr<Cell> cell = Cell::find(inquiry.cell(input));
    if (!cell) continue;
    const Place place = cell->current()->place;
    return {fmt::format("{}: its history ends at {}, which was assigned since{}", what,
                        text_variable(*cell), support::at(place)),
            known(place)};
  }
  if (freed) {
    return {fmt::format("{}: its history ends at a value ({}) whose memory was freed", what,
                        text_value(inquiry, *freed)),
            known(tape.place(*freed))};
  }
  return {fmt::format("{}: computed again, no op on the way there makes it", what),
          known(tape.place(target))};
}

// A value on the way back, with what the caller knows it as.
struct Held {
  StoragePtr storage;
  Values values;
  std::string name;  // "variable 'w'", "the values given at fit.cpp:9"
  Place place;
};

Held held_input(const Inquiry& inquiry, Ref input) {
  const std::string name = text_value(inquiry, input);
  return {inquiry.whole(input), inquiry.values_of_whole(input),
          name.starts_with("given") ? "the values " + name : name, inquiry.tape().place(input)};
}

// What is said of a value, or an input of the run that computed it, to go on with.
struct Answer {
  NonFinite found;
  std::optional<Held> before;
};

Answer look_into(const Held& held) {
  const std::int64_t at = std::max<std::int64_t>(held.values.first_non_finite(), 0);
  const std::string what = held.values.text(at) + text_element(held.values.shape(), at);
  if (!held.storage->history()) {
    const bool is_named = !held.name.starts_with("the values given");
    return {{is_named ? fmt::format("the values given for {} hold {}", held.name, what)
                      : fmt::format("{} hold {}", held.name, what),
             known(held.place)},
            {}};
  }
  std::optional<History> history = copy_of(*held.storage->history());
  if (!history) {
    return {{fmt::format("{} holds {}: what computed it is forgotten, it is too long ago",
                         held.name, what),
             known(held.place)},
            {}};
  }
  const Ref target{held.storage->history_value()};
  Inquiry inquiry(*std::move(history));
  const Tape& tape = inquiry.tape();
  if (tape.op(target) == Op::constant) {
    return {{fmt::format("the number {} was given{}", held.values.text(at),
                         support::at(tape.place(target))),
             known(tape.place(target))},
            {}};
  }
  inquiry.look(target);
  const bool is_nan = std::isnan(held.values[at]);
  const std::optional<Ref> made = beginning(inquiry, {&target, 1}, is_nan ? kNan : kInfinite);
  if (!made) {
    return {end_of(inquiry,
                   fmt::format("{} is {}",
                               text_op(tape.op(target), inquiry.origin(target), tape.place(target)),
                               what),
                   target),
            {}};
  }
  if (inquiry.is_input(*made)) return {{}, held_input(inquiry, *made)};
  NonFinite found{text_making(inquiry, *made), known(tape.place(*made))};
  // A NaN may be made of infinities: those came first.
  std::vector<Ref> infinite;
  for (const Ref operand : tape.operands(*made)) {
    if (tape.op(operand) != Op::constant && inquiry.finding(operand) == kInfinite)
      infinite.push_back(operand);
  }
  const std::optional<Ref> first =
      infinite.empty() ? std::nullopt : beginning(inquiry, infinite, kInfinite);
  if (!first) return {std::move(found), {}};
  if (inquiry.is_input(*first)) return {std::move(found), held_input(inquiry, *first)};
  return {{text_making(inquiry, *first) + "; then " + found.text, known(tape.place(*first))}, {}};
}

NonFinite why(Held held) {
  std::string then;
  while (true) {
    Answer answer = look_into(held);
    if (!answer.found.text.empty())
      then.insert(0, (then.empty() ? "" : "; then ")).insert(0, answer.found.text);
    if (!answer.before) return {std::move(then), answer.found.where};
    held = *std::move(answer.before);
  }
}

}  // namespace
}  // namespace record

std::optional<NonFinite> why_not_finite(const Tensor& tensor, Place place) {
  record::Node& node = record::node_of(tensor, "why_not_finite", place);
  if (!is_floating(node.type.dtype)) return std::nullopt;
  const record::Suspend suspend;
  record::Node* nodes[] = {&node};
  const auto held = record::read_by(nodes);  // or the run that follows would free it
  record::evaluate(nodes);
  record::Values values(node.type.dtype, node.type.shape, *node.value);
  if (node.type.shape.size() == 0 || values.first_non_finite() < 0) return std::nullopt;
  std::string name;
  if (const std::shared_ptr<detail::Cell> cell = detail::Cell::find(node.cell)) {
    name = record::text_variable(*cell);
  } else if (node.event == explain::Event::data) {
    name = "the values given" + support::at(node.place);
  } else {
    name = record::text_op(node.op, record::origin_of(node), node.place);
  }
  return record::why({node.value, std::move(values), std::move(name), node.place});
}

std::ostream& operator<<(std::ostream& stream, const NonFinite& found) {
  return stream << found.text;
}

}  // namespace tendon
