// What a plan costs, and its text.
#include <algorithm>
#include <map>
#include <set>

#include "host/ops/op_row.h"
#include "host/plan/stage.h"
#include "host/support/overloads.h"
#include "host/support/text.h"

namespace tendon::plan {
namespace {

// Elements of a base that views of it touch.
class Touched {
 public:
  void add(const Tape& tape, const View& view) {
    for (const Piece& piece : view.pieces) {
      std::vector<Piece>& pieces = pieces_[piece.base];
      if (std::ranges::find(pieces, piece) == pieces.end()) pieces.push_back(piece);
      shapes_[piece.base] = tape.shape(piece.base).size();
      ranks_[piece.base] = std::max(ranks_[piece.base], view.shape.rank());
    }
  }
  void add_whole(const Tape& tape, Ref base) { add(tape, view_of(base, tape.shape(base))); }
  std::int64_t bytes(const Tape& tape) const {
    std::int64_t sum = 0;
    for (const auto& [base, pieces] : pieces_) {
      sum += count(base, pieces) * static_cast<std::int64_t>(size_bytes(tape.dtype(base)));
    }
    return sum;
  }

 private:
  std::int64_t count(Ref base, const std::vector<Piece>& pieces) const {
    if (pieces.size() == 1) {
      std::int64_t product = 1;
      each_axis(base, pieces[0], [&](std::int64_t, std::int64_t extent) { product *= extent; });
      return product;
    }
    // Several ways to look at one value may meet: they are counted element by element.
    std::vector<bool> touched(static_cast<std::size_t>(shapes_.at(base)));
    for (const Piece& piece : pieces) mark(base, piece, touched);
    return std::ranges::count(touched, true);
  }
  // The axes along which the piece moves.
  template <class Visit>
  void each_axis(Ref base, const Piece& piece, Visit&& visit) const {
    for (int i = 0; i < ranks_.at(base); ++i) {
      const auto a = static_cast<std::size_t>(i);
      if (piece.strides[a] != 0) visit(piece.strides[a], piece.end[a] - piece.begin[a]);
    }
  }
  void mark(Ref base, const Piece& piece, std::vector<bool>& touched) const {
    std::vector<std::int64_t> offsets{piece.offset};
    for (int i = 0; i < ranks_.at(base); ++i) {
      const auto a = static_cast<std::size_t>(i);
      offsets[0] += piece.begin[a] * piece.strides[a];
    }
    each_axis(base, piece, [&](std::int64_t stride, std::int64_t extent) {
      std::vector<std::int64_t> next;
      for (const std::int64_t offset : offsets) {
        for (std::int64_t k = 0; k < extent; ++k) next.push_back(offset + k * stride);
      }
      offsets = std::move(next);
    });
    for (const std::int64_t offset : offsets) touched[static_cast<std::size_t>(offset)] = true;
  }

  std::map<Ref, std::vector<Piece>> pieces_;
  std::map<Ref, std::int64_t> shapes_;
  std::map<Ref, int> ranks_;
};

Touched touched_by(const Tape& tape, const Stage& stage) {
  Touched touched;
  for (const Part& part : bodies(stage)) {
    if (part.rows().size() == 0) continue;  // nothing runs
    for (const Instruction& step : part.body) {
      if (step.kind == Instruction::Kind::load) touched.add(tape, step.view);
    }
  }
  const auto add = support::Overloads{
      [](const Pointwise&) {},
      [](const Reduce&) {},
      [](const Multi&) {},
      [&](const Contraction& contraction) {
        if (tape.shape(contraction.product).size() == 0) return;
        touched.add(tape, contraction.a);
        touched.add(tape, contraction.b);
        if (contraction.bias) touched.add(tape, *contraction.bias);
      },
      [&](const Irregular& irregular) {
        for (const Ref operand : irregular.operands) touched.add_whole(tape, operand);
      },
  };
  std::visit(add, stage);
  return touched;
}

bool is_op(const Instruction& step) {
  return step.kind == Instruction::Kind::compute || step.kind == Instruction::Kind::reduce ||
         step.kind == Instruction::Kind::generate;
}

std::int64_t flops(const Tape& tape, const Contraction& c) {
  const std::int64_t inner = c.a.shape[c.a.shape.rank() - 1];
  return tape.shape(c.product).size() * (2 * inner + (c.bias ? 1 : 0) + (c.has_relu ? 1 : 0));
}
std::int64_t flops(const Tape& tape, const Irregular& irregular) {
  const Ref op = irregular.op;
  if (tape.op(op) == Op::scatter_add) return tape.shape(irregular.operands[0]).size();
  if (tape.op(op) != Op::matmul) return 0;
  const Shape& a = tape.shape(tape.operands(op)[0]);
  const bool transposed = tape.attributes(op).transpose_a;
  return 2 * tape.shape(op).size() * a[a.rank() - (transposed ? 2 : 1)];
}

// An op on an element counts as one operation, whatever it is.
std::int64_t flops(const Tape& tape, const Stage& stage) {
  std::int64_t sum = 0;
  for (const Part& part : bodies(stage)) {
    for (const Instruction& step : part.body) {
      if (!is_op(step)) continue;
      const bool reduces = step.kind == Instruction::Kind::reduce;
      sum += part.shape(reduces ? Level::element : step.level).size();
    }
  }
  const auto add = support::Overloads{
      [](const Pointwise&) {},
      [](const Reduce&) {},
      [](const Multi&) {},
      [&](const Contraction& contraction) { sum += flops(tape, contraction); },
      [&](const Irregular& irregular) { sum += flops(tape, irregular); },
  };
  std::visit(add, stage);
  return sum;
}

// The ops of a stage, each once.
std::set<Ref> ops_of(const Tape& tape, const Stage& stage) {
  std::set<Ref> ops;
  for (const Part& part : bodies(stage)) {
    for (const Instruction& step : part.body) {
      if (is_op(step)) ops.insert(step.value);
    }
  }
  const auto add = support::Overloads{
      [](const Pointwise&) {},
      [](const Reduce&) {},
      [](const Multi&) {},
      [&](const Contraction& c) {
        for (Ref op = c.result; op != c.product;) {
          ops.insert(op);
          Ref before = tape.operands(op)[0];
          if (tape.op(op) == Op::add && before != c.product) before = tape.operands(op)[1];
          op = before;
        }
        ops.insert(c.product);
      },
      [&](const Irregular& irregular) { ops.insert(irregular.op); },
  };
  std::visit(add, stage);
  return ops;
}

std::string typed(const Tape& tape, Ref value) {
  return fmt::format("{}{}", tape.dtype(value), tape.shape(value));
}
std::string listed(const Tape& tape, const std::vector<Ref>& values) {
  std::string list;
  for (const Ref value : values) {
    fmt::format_to(std::back_inserter(list), "{}%{} {}", list.empty() ? "" : ", ", value.id,
                   typed(tape, value));
  }
  return list;
}

// One line for a person: what kind, which ops, what it reads and writes, and where it was asked
// for.
std::string line(const Tape& tape, const Stage& stage) {
  constexpr std::size_t kMostNamed = 8;
  const std::set<Ref> ops = ops_of(tape, stage);
  std::string names;
  std::size_t named = 0;
  for (const Ref op : ops) {
    if (named++ == kMostNamed) break;
    fmt::format_to(std::back_inserter(names), "{}{}", names.empty() ? "" : " ", name(tape.op(op)));
  }
  if (ops.size() > kMostNamed) {
    fmt::format_to(std::back_inserter(names), " and {} more", ops.size() - kMostNamed);
  }
  if (ops.empty()) names = "copy";
  std::vector<Ref> from = reads(stage);
  std::ranges::sort(from);
  std::vector<Ref> into = writes(stage);
  std::ranges::sort(into);
  const Place place = ops.empty() ? Place() : tape.place(*ops.begin());
  return fmt::format("{}: {}; {} -> {}{}", name(stage), names, listed(tape, from),
                     listed(tape, into), support::at(place));
}

std::string view_text(const View& view) {
  std::string text;
  for (const Piece& piece : view.pieces) {
    fmt::format_to(std::back_inserter(text), " %{}[", piece.base.id);
    if (piece.offset != 0) fmt::format_to(std::back_inserter(text), "{} + ", piece.offset);
    for (int i = 0; i < view.shape.rank(); ++i) {
      const auto a = static_cast<std::size_t>(i);
      fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? "" : " ", piece.strides[a]);
      if (piece.begin[a] > 0 || piece.end[a] < view.shape[i]) {
        fmt::format_to(std::back_inserter(text), " in {}..{}", piece.begin[a], piece.end[a]);
      }
    }
    text += ']';
  }
  return text.empty() ? " zero" : text;
}

std::string part_text(const Tape& tape, const Part& part) {
  constexpr const char* kLevels[] = {"uniform", "row", "element", "column"};
  std::string text = "  over (";
  for (int i = 0; i < part.space.rank(); ++i) {
    const bool starts = part.reduces() && i == part.first_reduced;
    const bool ends = part.reduces() && i == part.first_reduced + part.reduced_count;
    text += fmt::format("{}{}{}", i == 0 ? "" : ", ",
                        starts ? "reduced "
                        : ends ? "kept "
                               : "",
                        part.space[i]);
  }
  text += part.reduces() ? part.is_resident ? ") rows resident\n" : ") in chunks\n" : ")\n";
  for (Local local = 0; local < part.body.size(); ++local) {
    const Instruction& step = part.body[local];
    text += fmt::format("    {} = {} {} ", local, kLevels[static_cast<std::size_t>(step.level)],
                        step.dtype);
    switch (step.kind) {
      case Instruction::Kind::number: text += "number"; break;
      case Instruction::Kind::load: text += "load" + view_text(step.view); break;
      case Instruction::Kind::expand: text += "expand"; break;
      case Instruction::Kind::generate:
      case Instruction::Kind::compute:
      case Instruction::Kind::reduce: text += name(tape.op(step.value)); break;
    }
    for (std::uint32_t i = 0; i < step.operand_count; ++i) {
      text += fmt::format(" {}", step.operands[i]);
    }
    text += '\n';
  }
  for (const Store& store : part.stores) {
    text += fmt::format("    %{} = {}\n", store.value.id, store.local);
  }
  return text;
}

}  // namespace

std::int64_t count_ops(const Plan& plan) {
  std::int64_t count = 0;
  const auto add_whole = support::Overloads{
      [](const Pointwise&) {},
      [](const Reduce&) {},
      [](const Multi&) {},
      [&](const Contraction& c) { count += 1 + (c.bias ? 1 : 0) + (c.has_relu ? 1 : 0); },
      [&](const Irregular&) { ++count; },
  };
  for (const Stage& stage : plan.stages) {
    for (const Part& part : bodies(stage)) count += std::ranges::count_if(part.body, is_op);
    std::visit(add_whole, stage);
  }
  return count;
}

StageCost cost(const Tape& tape, const Stage& stage) {
  StageCost cost{touched_by(tape, stage).bytes(tape), 0, flops(tape, stage), line(tape, stage)};
  for (const Ref value : writes(stage)) cost.bytes_written += tape.bytes(value);
  return cost;
}

PlanSummary summarize(const Plan& plan) {
  const Tape& tape = plan.tape;
  PlanSummary summary;
  summary.ops = plan.op_count;
  summary.launches = static_cast<std::int64_t>(plan.stages.size());
  summary.peak_bytes = plan.arena_bytes;
  Touched of_inputs;
  for (const Stage& stage : plan.stages) {
    StageCost of_stage = cost(tape, stage);
    summary.bytes_read += of_stage.bytes_read;
    summary.bytes_written += of_stage.bytes_written;
    summary.flops += of_stage.flops;
    summary.kernels.push_back(std::move(of_stage.line));
    for (const Ref base : reads(stage)) {
      if (tape.op(base) == Op::input) of_inputs.add_whole(tape, base);
    }
  }
  for (const Copy& copy : plan.copies) {
    summary.bytes_read += tape.bytes(copy.value);
    summary.bytes_written += tape.bytes(copy.value);
    if (tape.op(copy.value) == Op::input) of_inputs.add_whole(tape, copy.value);
  }
  summary.floor_bytes = of_inputs.bytes(tape);
  const std::set<Ref> targets(tape.targets().begin(), tape.targets().end());
  for (const Ref target : targets) {
    summary.floor_bytes += tape.bytes(target);
    if (tape.op(target) != Op::input) summary.peak_bytes += tape.bytes(target);
  }
  return summary;
}

std::string text(const Plan& plan, bool with_bodies) {
  std::string text;
  for (const Stage& stage : plan.stages) {
    text += line(plan.tape, stage) + '\n';
    if (!with_bodies) continue;
    for (const Part& part : bodies(stage)) text += part_text(plan.tape, part);
  }
  for (const Copy& copy : plan.copies) {
    text += fmt::format("copy: %{} -> output {}\n", copy.value.id, copy.output);
  }
  text += fmt::format("arena: {} bytes\n", plan.arena_bytes);
  return text;
}

}  // namespace tendon::plan
