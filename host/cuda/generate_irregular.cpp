// Ops that are computed whole, from operands in row-major order. They are few and rarely matter:
// each kernel is the plainest that is parallel and deterministic.
#include <algorithm>

#include "host/cuda/loop.h"

namespace tendon::cuda {
namespace {

std::size_t at(int axis) { return static_cast<std::size_t>(axis); }
int positive(int axis, int rank) { return axis < 0 ? axis + rank : axis; }

Strides contiguous(const Shape& shape) {
  Strides strides{};
  std::int64_t step = 1;
  for (int i = shape.rank(); i-- > 0; step *= shape[i]) strides[at(i)] = step;
  return strides;
}

class Irregular {
 public:
  Irregular(const plan::Plan& plan, const plan::Irregular& stage)
      : tape_(plan.tape),
        stage_(stage),
        op_(stage.op),
        attributes_(tape_.attributes(op_)),
        shape_(tape_.shape(op_)),
        dtype_(tape_.dtype(op_)) {}

  std::vector<GeneratedKernel> write() {
    switch (tape_.op(op_)) {
      case Op::gather: return {gather()};
      case Op::scatter_add: return {scatter_add()};
      case Op::matmul: return {matmul()};
      case Op::reduce_sum:
      case Op::reduce_max:
      case Op::reduce_min: return {reduce()};
      case Op::argmax:
      case Op::argmin: return {arg_reduce()};
      case Op::reshape:
        return {copy(operand(0), shape_, contiguous(shape_), 0, contiguous(shape_), 0)};
      case Op::transpose: return {transpose()};
      case Op::broadcast_to:
        return {copy(operand(0), shape_, broadcast(), 0, contiguous(shape_), 0)};
      case Op::slice: {
        const auto [strides, begin] = window(operand_shape(0));
        return {copy(operand(0), shape_, strides, begin, contiguous(shape_), 0)};
      }
      case Op::unslice: {
        const auto [strides, begin] = window(shape_);
        const Shape& from = operand_shape(0);
        return {zeros(), copy(operand(0), from, contiguous(from), 0, strides, begin)};
      }
      case Op::concat: return concat();
      default: throw Error(fmt::format("no CUDA kernel computes {}", name(tape_.op(op_))));
    }
  }

 private:
  Ref operand(std::size_t i) const { return stage_.operands[i]; }  // the value that is in memory
  // Of the op's operand; the value in memory may have another, with the same elements in order.
  const Shape& operand_shape(std::size_t i) const { return tape_.shape(tape_.operands(op_)[i]); }
  std::string comment() const {
    return fmt::format("irregular: {} {}", name(tape_.op(op_)), stored_type(dtype_));
  }
  std::string into(Loop& loop) const { return loop.out.address(op_, dtype_, true); }
  std::string from(Loop& loop, std::size_t i) const {
    return loop.out.address(operand(i), tape_.dtype(operand(i)), false);
  }

  GeneratedKernel copy(Ref value, const Shape& shape, const Strides& from_strides,
                       std::int64_t from_begin, const Strides& into_strides,
                       std::int64_t into_begin) const {
    Loop loop(shape.size(), "copy", comment());
    loop.offset("source", "i", shape, from_strides, from_begin);
    loop.offset("target", "i", shape, into_strides, into_begin);
    loop.out.line("{}[target] = {}[source];", into(loop), loop.out.address(value, dtype_, false));
    return loop.finish();
  }

  GeneratedKernel zeros() const {
    Loop loop(shape_.size(), "zeros", comment());
    loop.out.line("{}[i] = stored_as<{}>({}(0));", into(loop), stored_type(dtype_),
                  value_type(dtype_));
    return loop.finish();
  }

  GeneratedKernel transpose() const {
    const Shape& from = operand_shape(0);
    const Strides own = contiguous(from);
    Strides strides{};
    for (int i = 0; i < shape_.rank(); ++i)
      strides[at(i)] = own[at(positive(attributes_.axes[i], shape_.rank()))];
    return copy(operand(0), shape_, strides, 0, contiguous(shape_), 0);
  }

  Strides broadcast() const {
    const Shape& from = operand_shape(0);
    const Strides own = contiguous(from);
    Strides strides{};
    const int missing = shape_.rank() - from.rank();
    for (int i = missing; i < shape_.rank(); ++i)
      strides[at(i)] = from[i - missing] == 1 ? 0 : own[at(i - missing)];
    return strides;
  }

  // The elements at begin, begin + step, … of a contiguous shape.
  std::pair<Strides, std::int64_t> window(const Shape& of) const {
    Strides strides = contiguous(of);
    std::int64_t begin = 0;
    for (int i = 0; i < of.rank(); ++i) {
      begin += attributes_.begin[i] * strides[at(i)];
      strides[at(i)] *= attributes_.step[i];
    }
    return {strides, begin};
  }

  std::vector<GeneratedKernel> concat() const {
    std::vector<GeneratedKernel> kernels;
    const int axis = positive(attributes_.axes[0], shape_.rank());
    const Strides strides = contiguous(shape_);
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < stage_.operands.size(); ++i) {
      const Shape& from = operand_shape(i);
      kernels.push_back(copy(operand(i), from, contiguous(from), 0, strides, begin));
      begin += from[axis] * strides[at(axis)];
    }
    return kernels;
  }

  GeneratedKernel gather() const {
    const Walk table(operand_shape(0), attributes_.axes[0]);
    Loop loop(shape_.size(), "gather", comment());
    Emitter& out = loop.out;
    const std::string inner = out.word("inner", std::max<std::int64_t>(table.inner, 1)),
                      extent = out.word("extent", table.extent),
                      count =
                          out.word("indices", std::max<std::int64_t>(operand_shape(1).size(), 1));
    out.line("const index column = i % {0}, k = i / {0} % {1}, front = i / {0} / {1};", inner,
             count);
    write_index(out, op_, from(loop, 1), "k", extent, "column == 0 && front == 0");
    out.line("{}[i] = at < 0 ? stored_as<{}>({}(0)) : {}[(front * {} + at) * {} + column];",
             into(loop), stored_type(dtype_), value_type(dtype_), from(loop, 0), extent, inner);
    return loop.finish();
  }

  // Of few indices (of many: scatter.h). A thread for each result adds the updates that are its
  // own, in their order.
  GeneratedKernel scatter_add() const {
    const Walk table(shape_, attributes_.axes[0]);
    Loop loop(shape_.size(), "scatter_add", comment());
    Emitter& out = loop.out;
    const std::string inner = out.word("inner", std::max<std::int64_t>(table.inner, 1)),
                      extent = out.word("extent", table.extent),
                      count = out.word("indices", operand_shape(1).size());
    const std::string target = into(loop), updates = from(loop, 0), indices = from(loop, 1);
    out.line("const index column = i % {0}, own = i / {0} % {1}, front = i / {0} / {1};", inner,
             extent);
    out.line("{0} sum = {0}(0);", value_type(dtype_));
    out.open(fmt::format("for (index k = 0; k < {}; ++k) {{", count));
    write_index(out, op_, indices, "k", extent, "i == 0");
    out.line("if (at == own) sum = op::add(sum, value_of({}[(front * {} + k) * {} + column]));",
             updates, count, inner);
    out.close();
    out.line("{}[i] = stored_as<{}>(sum);", target, stored_type(dtype_));
    return loop.finish();
  }

  GeneratedKernel matmul() const {
    const Shape &a = operand_shape(0), &b = operand_shape(1);
    const int rank = shape_.rank();
    Loop loop(shape_.size(), "matmul", comment());
    Emitter& out = loop.out;
    const std::string rows = out.word("rows", std::max<std::int64_t>(shape_[rank - 2], 1)),
                      columns = out.word("columns", std::max<std::int64_t>(shape_[rank - 1], 1));
    const std::string inner = out.word("inner", a[a.rank() - (attributes_.transpose_a ? 2 : 1)]);
    const auto leading = [&](const Shape& of) {
      const Strides own = contiguous(of);
      Strides strides{};
      for (int i = 0; i + 2 < of.rank(); ++i)
        strides[at(rank - of.rank() + i)] = of[i] == 1 ? 0 : own[at(i)];
      return strides;
    };
    Shape batch;
    for (int i = 0; i + 2 < rank; ++i) batch.push_back(shape_[i]);
    out.line("const index column = i % {0}, row = i / {0} % {1}, matrix = i / {0} / {1};", columns,
             rows);
    loop.offset("left", "matrix", batch, leading(a), 0);
    loop.offset("right", "matrix", batch, leading(b), 0);
    const auto strides_of = [&](const Shape& of, bool transposed) {
      const std::string width = out.word("width", of[of.rank() - 1]);
      return transposed ? std::pair<std::string, std::string>{"1", width}
                        : std::pair<std::string, std::string>{width, "1"};
    };
    const auto [a_row, a_column] = strides_of(a, attributes_.transpose_a);
    const auto [b_row, b_column] = strides_of(b, attributes_.transpose_b);
    out.line("{} sum = 0;", value_type(dtype_));
    out.line(
        "for (index k = 0; k < {}; ++k) sum = op::add(sum, op::mul(value_of({}[left + row * {} + k "
        "* {}]), value_of({}[right + k * {} + column * {}])));",
        inner, from(loop, 0), a_row, a_column, from(loop, 1), b_row, b_column);
    out.line("{}[i] = stored_as<{}>(sum);", into(loop), stored_type(dtype_));
    return loop.finish();
  }

  // A thread for each result.
  GeneratedKernel reduce() const {
    const Shape& from_shape = operand_shape(0);
    const Strides own = contiguous(from_shape);
    unsigned reduced = attributes_.axes.count() == 0 ? ~0u : 0u;
    for (const int axis : attributes_.axes) reduced |= 1u << positive(axis, from_shape.rank());
    Shape kept, gone;
    Strides kept_strides{}, gone_strides{};
    for (int i = 0; i < from_shape.rank(); ++i) {
      const bool is_gone = (reduced >> i & 1) != 0;
      Shape& shape = is_gone ? gone : kept;
      (is_gone ? gone_strides : kept_strides)[at(shape.rank())] = own[at(i)];
      shape.push_back(from_shape[i]);
    }
    const std::string type(value_type(dtype_));
    const Op op = tape_.op(op_);
    Loop loop(shape_.size(), "reduce", comment());
    Emitter& out = loop.out;
    loop.offset("begin", "i", kept, kept_strides, 0);
    out.line("{} result = {};", type,
             op == Op::reduce_sum   ? type + "(0)"
             : op == Op::reduce_max ? fmt::format("Limits<{}>::lowest()", type)
                                    : fmt::format("Limits<{}>::highest()", type));
    out.open(fmt::format("for (index k = 0; k < {}; ++k) {{", out.word("length", gone.size())));
    loop.offset("from", "k", gone, gone_strides, 0);
    out.line("result = op::{}(result, value_of({}[begin + from]));",
             op == Op::reduce_sum   ? "add"
             : op == Op::reduce_max ? "maximum"
                                    : "minimum",
             from(loop, 0));
    out.close();
    out.line("{}[i] = stored_as<{}>(result);", into(loop), stored_type(dtype_));
    return loop.finish();
  }

  GeneratedKernel arg_reduce() const {
    const Shape& table_shape = operand_shape(0);
    const Walk table(table_shape, attributes_.axes[0]);
    const std::string type(value_type(tape_.dtype(operand(0))));
    Loop loop(shape_.size(), "arg_reduce", comment());
    Emitter& out = loop.out;
    const std::string inner = out.word("inner", std::max<std::int64_t>(table.inner, 1)),
                      extent = out.word("extent", table.extent);
    out.line("const index column = i % {0}, front = i / {0};", inner);
    out.line("Indexed<{0}> best = {{{0}(0), -1}};", type);
    out.line(
        "for (index k = 0; k < {0}; ++k) best = extreme<{1}>(best, "
        "Indexed<{2}>{{value_of({3}[(front * {0} + k) * {4} + column]), k}});",
        extent, tape_.op(op_) == Op::argmax, type, from(loop, 0), inner);
    out.line("{}[i] = best.index;", into(loop));
    return loop.finish();
  }

  const Tape& tape_;
  const plan::Irregular& stage_;
  Ref op_;
  const Attributes& attributes_;
  const Shape& shape_;
  DType dtype_;
};

}  // namespace

std::vector<GeneratedKernel> generate_irregular(const plan::Plan& plan,
                                                const plan::Irregular& irregular) {
  return Irregular(plan, irregular).write();
}

}  // namespace tendon::cuda
