#include "tests/support/tape_text.h"

#include <algorithm>
#include <iterator>

#include "host/cpu/visit.h"
#include "host/ops/op_row.h"
#include "host/support/text.h"

namespace tendon::test {
namespace {

template <class List>
std::string joined(const List& list) {
  std::string text;
  for (const auto number : list) {
    fmt::format_to(std::back_inserter(text), "{}{}", text.empty() ? "" : ", ", number);
  }
  return text;
}

std::string literal_text(const Tape& tape, Ref value) {
  constexpr std::size_t kShown = 8;
  std::string text;
  const std::span<const std::byte> bytes = tape.literal(value);
  cpu::visit(tape.dtype(value), [&]<class T>() {
    const std::size_t count = bytes.size() / sizeof(T);
    const auto* elements = reinterpret_cast<const T*>(bytes.data());
    for (std::size_t i = 0; i < std::min(count, kShown); ++i) {
      if constexpr (sizeof(T) == 2) {
        fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? "" : ", ",
                       static_cast<float>(elements[i]));
      } else {
        fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? "" : ", ", elements[i]);
      }
    }
    if (count > kShown) text += ", ...";
  });
  return fmt::format(" [{}]", text);
}

std::string attributes_text(const Tape& tape, Ref value) {
  const Attributes& attributes = tape.attributes(value);
  const std::string axes = fmt::format(" axes {{{}}}", joined(attributes.axes));
  switch (tape.op(value)) {
    case Op::constant: return fmt::format(" {}", attributes.number);
    case Op::literal: return literal_text(tape, value);
    case Op::uniform: return fmt::format(" key {} {}", attributes.key[0], attributes.key[1]);
    case Op::reduce_sum:
    case Op::reduce_max:
    case Op::reduce_min: return axes + (attributes.keep_dims ? " keep_dims" : "");
    case Op::iota:
    case Op::argmax:
    case Op::argmin:
    case Op::transpose:
    case Op::concat:
    case Op::gather:
    case Op::scatter_add: return axes;
    case Op::matmul:
      return std::string(attributes.transpose_a ? " transpose_a" : "") +
             (attributes.transpose_b ? " transpose_b" : "");
    case Op::slice:
    case Op::unslice: return fmt::format(" begin {} step {}", attributes.begin, attributes.step);
    default: break;
  }
  const char* parameter = ops::row(tape.op(value)).elementwise.parameter;
  return parameter == nullptr ? "" : fmt::format(" {} {}", parameter, attributes.number);
}

std::string line(const Tape& tape, Ref value) {
  std::string text = fmt::format("%{} = {} {} {}", value.id, name(tape.op(value)),
                                 tape.dtype(value), tape.shape(value));
  for (const Ref operand : tape.operands(value)) text += fmt::format(" %{}", operand.id);
  if (tape.op(value) == Op::input) {
    const auto found = std::ranges::find(tape.inputs(), value);
    const auto i = static_cast<std::size_t>(found - tape.inputs().begin());
    if (!tape.input_name(i).empty()) text += fmt::format(" \"{}\"", tape.input_name(i));
  }
  return text + attributes_text(tape, value) + "\n";
}

std::string targets_text(const Tape& tape) {
  std::string text = "targets";
  for (const Ref target : tape.targets()) text += fmt::format(" %{}", target.id);
  return text + "\n";
}

}  // namespace

std::vector<bool> needed(const Tape& tape) {
  std::vector<bool> needed(tape.size());
  for (const Ref target : tape.targets()) needed[target.id] = true;
  for (std::uint32_t id = tape.size(); id-- > 0;) {
    if (!needed[id]) continue;
    for (const Ref operand : tape.operands(Ref{id})) needed[operand.id] = true;
  }
  return needed;
}

std::string text(const Tape& tape) {
  std::string text;
  for (std::uint32_t id = 0; id < tape.size(); ++id) text += line(tape, Ref{id});
  return text + targets_text(tape);
}

std::string text_of_needed(const Tape& tape) {
  const std::vector<bool> is_needed = needed(tape);
  std::string text;
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    if (is_needed[id]) text += line(tape, Ref{id});
  }
  return text + targets_text(tape);
}

}  // namespace tendon::test
