// What happens to a product before it is stored: bias, activation, and the gradients of both.
#pragma once

#include <vector>

#include "cublaslt/problem.h"

namespace emulator::cublaslt {

// Applies the problem's epilogue to one matrix of the batch, column-major and packed, and reads and
// writes bias and auxiliary buffer. The gradients that come from A and B are not its business.
template <typename Real>
void apply_epilogue(const Problem& problem, Extent batch, std::vector<Real>& matrix);

extern template void apply_epilogue(const Problem&, Extent, std::vector<float>&);
extern template void apply_epilogue(const Problem&, Extent, std::vector<double>&);

// The sums of the rows of a column-major matrix, left to right.
template <typename Real>
std::vector<Real> row_sums(const std::vector<Real>& matrix, Extent rows) {
  std::vector<Real> sums(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < matrix.size(); ++i) sums[i % sums.size()] += matrix[i];
  return sums;
}

}  // namespace emulator::cublaslt
