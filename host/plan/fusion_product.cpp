// Matrix products, and what the libraries do beside them.
#include "host/plan/fusion.h"

namespace tendon::plan {

void Fusion::add_product(Ref value) {
  const DType dtype = tape_.dtype(value);
  const Shape& shape = tape_.shape(value);
  const auto operands = tape_.operands(value);
  const Attributes& attributes = tape_.attributes(value);
  if (dtype != DType::f32 && dtype != DType::f64) return add_irregular(value);
  Contraction contraction{value,
                          factor(operands[0], attributes.transpose_a, shape),
                          factor(operands[1], attributes.transpose_b, shape),
                          {},
                          false,
                          value};
  open(Cluster::of(std::move(contraction)), value);
}

View Fusion::factor(Ref operand, bool is_transposed, const Shape& result) {
  const int rank = tape_.shape(operand).rank();
  const auto row = static_cast<std::size_t>(rank - 2);
  const auto column = static_cast<std::size_t>(rank - 1);
  const auto fits = [&](const View& seen) {
    if (!seen.is_whole() || is_uniform(operand)) return false;
    const Piece& piece = seen.pieces[0];
    const bool is_row = seen.shape[rank - 1] == 1 || piece.strides[column] == 1;
    const bool is_column = seen.shape[rank - 2] == 1 || piece.strides[row] == 1;
    // The other axis goes forward, without overlap.
    const bool is_wide =
        is_row ? piece.strides[row] >= seen.shape[rank - 1] || seen.shape[rank - 2] == 1
               : piece.strides[column] >= seen.shape[rank - 2] || seen.shape[rank - 1] == 1;
    return (is_row || is_column) && is_wide;
  };
  if (!fits(view(operand))) store(operand);
  Axes permutation;
  for (int i = 0; i < rank; ++i) permutation.push_back(i);
  View seen = is_copied_[operand.id] ? view_of(operand, tape_.shape(operand)) : view(operand);
  if (is_transposed) {
    Axes swapped;
    for (int i = 0; i + 2 < rank; ++i) swapped.push_back(i);
    swapped.push_back(rank - 1);
    swapped.push_back(rank - 2);
    seen = transpose(seen, swapped);
  }
  Shape stretched;
  for (int i = 0; i + 2 < result.rank(); ++i) stretched.push_back(result[i]);
  stretched.push_back(seen.shape[rank - 2]);
  stretched.push_back(seen.shape[rank - 1]);
  return broadcast(seen, stretched);
}

bool Fusion::join_product(Ref value) {
  const Op op = tape_.op(value);
  if (op != Op::add && op != Op::relu) return false;
  const auto operands = tape_.operands(value);
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Ref product = first_equal_[operands[i].id];
    const int at = home(product);
    if (at == kNowhere || uses_[product.id] != 1 || tape_.shape(product) != tape_.shape(value)) {
      continue;
    }
    Cluster& cluster = clusters_[static_cast<std::size_t>(at)];
    if (!cluster.whole || !std::holds_alternative<Contraction>(*cluster.whole)) continue;
    auto& contraction = std::get<Contraction>(*cluster.whole);
    if (contraction.result != product || contraction.has_relu) continue;
    if (op == Op::relu) {
      contraction.has_relu = true;
    } else {
      if (contraction.bias) continue;
      const View bias = broadcast(view(operands[1 - i]), tape_.shape(value));
      if (!is_row_vector(bias) || home(bias.pieces[0].base) >= at || is_uniform(operands[1 - i])) {
        continue;
      }
      contraction.bias = bias;
    }
    contraction.result = value;
    home_[value.id] = at;
    return true;
  }
  return false;
}

bool Fusion::is_row_vector(const View& view) {
  if (!view.is_whole()) return false;
  const int last = view.shape.rank() - 1;
  for (int i = 0; i < last; ++i) {
    if (view.shape[i] != 1 && view.pieces[0].strides[static_cast<std::size_t>(i)] != 0) {
      return false;
    }
  }
  return view.shape[last] == 1 || view.pieces[0].strides[static_cast<std::size_t>(last)] == 1;
}

}  // namespace tendon::plan
