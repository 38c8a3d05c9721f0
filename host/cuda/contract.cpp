#include "host/cuda/contract.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "host/cuda/cublaslt.h"
#include "host/support/text.h"

namespace tendon::cuda {
namespace {

constexpr std::int64_t kArenaAlignment = 256;

std::size_t at(int axis) { return static_cast<std::size_t>(axis); }
std::int64_t bytes_of(DType dtype) { return static_cast<std::int64_t>(size_bytes(dtype)); }
std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// That of the last two axes.
Matrix matrix_of(const Shape& shape, const plan::Strides& strides) {
  const int rank = shape.rank();
  return {shape[rank - 2], shape[rank - 1], strides[at(rank - 2)], strides[at(rank - 1)]};
}

// The leading axes, those that lie as one taken together, from the innermost.
std::vector<Run> leading_runs(const Shape& shape, const plan::Strides& a, const plan::Strides& b) {
  const plan::Strides c = plan::contiguous(shape);
  std::vector<Run> runs;
  for (int axis = shape.rank() - 2; axis-- > 0;) {
    if (shape[axis] == 1) continue;
    const Run next{shape[axis], {a[at(axis)], b[at(axis)], c[at(axis)]}};
    if (!runs.empty() && next.step == runs.back().step * runs.back().extent) {
      runs.back().extent *= next.extent;
    } else {
      runs.push_back(next);
    }
  }
  return runs;
}

// Matrices that share b are one matrix with all their rows, where these lie evenly.
void join_rows(std::vector<Run>& runs, Matrix& a) {
  if (runs.empty() || runs[0].step.b != 0) return;
  Matrix joined = a;
  joined.rows *= runs[0].extent;
  if (a.rows == 1) joined.row_stride = runs[0].step.a;
  if (runs[0].step.a != a.rows * joined.row_stride || !layout_of(joined)) return;
  a = joined;
  runs.erase(runs.begin());
}

// The places, with each the index-th after it.
void repeat(std::vector<Elements>& places, std::span<const std::int64_t> indices,
            const Elements& step) {
  std::vector<Elements> repeated;
  repeated.reserve(places.size() * indices.size());
  for (const Elements& place : places) {
    for (const std::int64_t index : indices) repeated.push_back(place + step * index);
  }
  places = std::move(repeated);
}

// The longest run that goes forward is the library's batch; the others become calls.
void choose_batch(std::span<const Run> runs, Product& product) {
  const Run* longest = nullptr;
  for (const Run& run : runs) {
    const bool is_forward = run.step.a >= 0 && run.step.b >= 0;
    if (is_forward && (longest == nullptr || run.extent > longest->extent)) longest = &run;
  }
  for (const Run& run : runs) {
    std::vector<std::int64_t> indices;
    if (&run == longest) {
      // All calls take equally many. The last one ends with the run: where it would go beyond, it
      // begins earlier and computes some matrices again.
      const std::int64_t calls = (run.extent + kMostMatrices - 1) / kMostMatrices;
      const std::int64_t count = (run.extent + calls - 1) / calls;
      for (std::int64_t i = 0; i < calls; ++i)
        indices.push_back(std::min(i * count, run.extent - count));
      product.batch = {count, run.step};
    } else {
      for (std::int64_t i = 0; i < run.extent; ++i) indices.push_back(i);
    }
    repeat(product.places, indices, run.step);
  }
}

// Writes the view's elements in row-major order.
plan::Part packing(const plan::View& view, DType dtype, Ref base) {
  plan::Part part;
  part.space = view.shape;
  part.body.push_back({.kind = plan::Instruction::Kind::load,
                       .level = plan::Level::element,
                       .dtype = dtype,
                       .value = base,
                       .view = view});
  part.stores.push_back({0, base});
  return part;
}

// The view with an extent of 1 on the leading axes along which it repeats itself.
plan::View without_repetition(plan::View view) {
  if (!view.is_whole()) return view;
  plan::Piece piece = view.pieces[0];
  for (int axis = 0; axis + 2 < view.shape.rank(); ++axis) {
    if (piece.strides[at(axis)] != 0) continue;
    view.shape[axis] = 1;
    piece.end[at(axis)] = 1;
  }
  view.pieces = {piece};
  return view;
}

bool is_taken_as_it_lies(const plan::View& view) {
  return view.is_whole() && layout_of(matrix_of(view.shape, view.pieces[0].strides)).has_value();
}

}  // namespace

PackedOperands packed_operands(const Tape& tape, const plan::Contraction& contraction) {
  PackedOperands packed;
  if (tape.shape(contraction.product).size() == 0 || contraction.a.shape.size() == 0) return packed;
  const DType dtype = tape.dtype(contraction.product);
  const auto pack = [&](const plan::View& view, std::optional<PackedOperand>& operand) {
    if (is_taken_as_it_lies(view)) return;
    const Ref base = view.pieces.empty() ? contraction.result : view.pieces[0].base;
    operand = {packing(without_repetition(view), dtype, base), packed.bytes};
    packed.bytes += aligned(operand->part.space.size() * bytes_of(dtype));
  };
  pack(contraction.a, packed.a);
  pack(contraction.b, packed.b);
  return packed;
}

std::optional<plan::Part> epilogue_of(const Tape& tape, const plan::Contraction& contraction) {
  const Ref result = contraction.result;
  const Shape& shape = tape.shape(result);
  if ((!contraction.bias && !contraction.has_relu) || shape.size() == 0) return std::nullopt;
  plan::Part part;
  // The bias is a row: matrices are one matrix with all their rows.
  const std::int64_t columns = shape[shape.rank() - 1];
  part.space = {shape.size() / columns, columns};
  const auto step = [&](plan::Instruction::Kind kind, Ref value) -> plan::Instruction& {
    return part.body.emplace_back(plan::Instruction{
        .kind = kind, .level = plan::Level::element, .dtype = tape.dtype(result), .value = value});
  };
  step(plan::Instruction::Kind::load, result).view = plan::view_of(result, part.space);
  if (contraction.bias) {
    const plan::Piece& row = contraction.bias->pieces[0];
    plan::View bias = plan::view_of(row.base, part.space);
    plan::Piece piece = bias.pieces[0];
    piece.offset = row.offset;
    piece.strides[0] = 0;
    bias.pieces = {piece};
    step(plan::Instruction::Kind::load, row.base).view = bias;
    plan::Instruction& sum = step(plan::Instruction::Kind::compute,
                                  contraction.has_relu ? tape.operands(result)[0] : result);
    sum.operand_count = 2;
    sum.operands[1] = 1;
  }
  if (contraction.has_relu) {
    const auto before = static_cast<plan::Local>(part.body.size() - 1);
    plan::Instruction& relu = step(plan::Instruction::Kind::compute, result);
    relu.operand_count = 1;
    relu.operands[0] = before;
  }
  part.stores.push_back({static_cast<plan::Local>(part.body.size() - 1), result});
  return part;
}

struct PreparedContraction::Impl {
  Impl(const Tape& tape, const plan::Contraction& contraction, int its_device);

  // Bytes of the workspace; gives where they begin.
  std::int64_t reserve(std::int64_t bytes) {
    return std::exchange(workspace_bytes, workspace_bytes + aligned(bytes));
  }
  static plan::Piece take(const plan::View& view, std::optional<PackedOperand> packed,
                          Operand& operand);
  void take_bias(const plan::View& view);
  void take_operands(const Tape& tape, const plan::Contraction& contraction, Product& made);
  void take_zeros(const Shape& result, Product& made);

  int device;
  DType dtype;
  Operand a, b;
  std::optional<Operand> bias;
  std::int64_t bias_offset = 0;  // in bytes
  std::int64_t workspace_bytes = 0;
  std::int64_t library_offset = 0;  // in the workspace
  std::int64_t zeros_bytes = 0;     // at the workspace's begin, where they are both operands
  std::int64_t cleared_bytes = 0;   // of the result
  std::optional<LibraryProduct> product;
  std::optional<plan::Part> epilogue;
};

PreparedContraction::Impl::Impl(const Tape& tape, const plan::Contraction& contraction,
                                int its_device)
    : device(its_device), dtype(tape.dtype(contraction.product)) {
  const Shape& result = tape.shape(contraction.product);
  // An operand without elements has no base: any value in memory will do.
  a.value = b.value = contraction.result;
  if (contraction.bias) bias.emplace().value = contraction.result;
  if (result.size() == 0) return;
  const bool has_terms = contraction.a.shape.size() > 0;
  if (!has_terms && !contraction.bias) {
    cleared_bytes = result.size() * bytes_of(dtype);
    return;
  }
  if (contraction.bias) take_bias(*contraction.bias);
  Product made{
      .dtype = dtype,
      .has_bias = contraction.bias.has_value(),
      .has_relu = contraction.has_relu,
      .text = fmt::format("matmul{}: {} x {}, {}", support::at(tape.place(contraction.product)),
                          contraction.a.shape, contraction.b.shape, dtype)};
  if (has_terms) {
    take_operands(tape, contraction, made);
  } else {
    take_zeros(result, made);
  }
  product.emplace(std::move(made), device);
  const Product& known = product->product();
  if (known.has_bias != contraction.bias.has_value() || known.has_relu != contraction.has_relu) {
    bias.reset();
    epilogue = epilogue_of(tape, contraction);
  }
  library_offset = reserve(static_cast<std::int64_t>(product->workspace_bytes()));
}

// How the operand's elements lie: as in the view, or as they are packed.
plan::Piece PreparedContraction::Impl::take(const plan::View& view,
                                            std::optional<PackedOperand> packed, Operand& operand) {
  if (!view.pieces.empty()) operand.value = view.pieces[0].base;
  if (!packed) return view.pieces[0];
  const Shape space = packed->part.space;
  operand.pack_offset = packed->offset;
  operand.pack = std::move(packed->part);
  plan::Piece made{.base = operand.value, .strides = plan::contiguous(space)};
  for (int axis = 0; axis + 2 < view.shape.rank(); ++axis) {
    if (space[axis] != view.shape[axis]) made.strides[at(axis)] = 0;
  }
  return made;
}

// A contiguous row: the planner leaves any other addition to a kernel.
void PreparedContraction::Impl::take_bias(const plan::View& view) {
  bias->value = view.pieces[0].base;
  bias_offset = view.pieces[0].offset * bytes_of(dtype);
}

void PreparedContraction::Impl::take_operands(const Tape& tape,
                                              const plan::Contraction& contraction, Product& made) {
  PackedOperands packed = packed_operands(tape, contraction);
  reserve(packed.bytes);
  const plan::Piece in_a = take(contraction.a, std::move(packed.a), a);
  const plan::Piece in_b = take(contraction.b, std::move(packed.b), b);
  made.a = matrix_of(contraction.a.shape, in_a.strides);
  made.b = matrix_of(contraction.b.shape, in_b.strides);
  made.places.push_back({in_a.offset, in_b.offset, 0});
  std::vector<Run> runs = leading_runs(tape.shape(contraction.product), in_a.strides, in_b.strides);
  join_rows(runs, made.a);
  choose_batch(runs, made);
}

// A sum of no terms is one of a single zero, so that the library goes on with bias and relu.
void PreparedContraction::Impl::take_zeros(const Shape& result, Product& made) {
  const std::int64_t columns = result[result.rank() - 1];
  const std::int64_t rows = result.size() / columns;
  made.a = {rows, 1, 1, 1};
  made.b = {1, columns, columns, 1};
  made.places.push_back({});
  zeros_bytes = std::max(rows, columns) * bytes_of(dtype);
  reserve(zeros_bytes);
}

PreparedContraction::PreparedContraction(const Tape& tape, const plan::Contraction& contraction,
                                         int device)
    : impl_(std::make_unique<Impl>(tape, contraction, device)) {}
PreparedContraction::~PreparedContraction() = default;
PreparedContraction::PreparedContraction(PreparedContraction&&) noexcept = default;
PreparedContraction& PreparedContraction::operator=(PreparedContraction&&) noexcept = default;

const PreparedContraction::Operand& PreparedContraction::a() const { return impl_->a; }
const PreparedContraction::Operand& PreparedContraction::b() const { return impl_->b; }
const std::optional<PreparedContraction::Operand>& PreparedContraction::bias() const {
  return impl_->bias;
}
const std::optional<plan::Part>& PreparedContraction::epilogue() const { return impl_->epilogue; }
std::int64_t PreparedContraction::workspace_bytes() const { return impl_->workspace_bytes; }

void PreparedContraction::warm_up(Memory& memory) const {
  const std::size_t bytes = impl_->product ? impl_->product->warm_up_bytes() : 0;
  if (bytes == 0) return;
  const DeviceScope scope(impl_->device);
  Block scratch;
  try {
    scratch = Block(memory, bytes, "matmul", Place());
  } catch (const OutOfMemory&) {
    return;
  }
  TENDON_CUDA_CHECK(cudaMemsetAsync(scratch.data(), 0, bytes, memory.stream()));
  impl_->product->warm_up(scratch.data(), memory.stream());
}

void PreparedContraction::run(const void* a, const void* b, const void* bias, void* result,
                              void* workspace, cudaStream_t stream) const {
  const DeviceScope scope(impl_->device);
  const auto clear = [stream](void* memory, std::int64_t bytes) {
    TENDON_CUDA_CHECK(cudaMemsetAsync(memory, 0, static_cast<std::size_t>(bytes), stream));
  };
  if (impl_->cleared_bytes > 0) clear(result, impl_->cleared_bytes);
  if (!impl_->product) return;
  if (impl_->zeros_bytes > 0) {
    clear(workspace, impl_->zeros_bytes);
    a = b = workspace;
  }
  if (impl_->bias) bias = static_cast<const std::byte*>(bias) + impl_->bias_offset;
  impl_->product->run(a, b, impl_->bias ? bias : nullptr, result,
                      static_cast<std::byte*>(workspace) + impl_->library_offset, stream);
}

}  // namespace tendon::cuda
