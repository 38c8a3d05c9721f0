// How near another executor must come to the plain one, for each value of a tape. Found by running
// the tape's ops on the given inputs, and again with its floating sums (reduce_sum, matmul,
// scatter_add) disturbed as another order of summation would disturb them, and its functions (exp)
// as another device's would.
#pragma once

#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <cstddef>
#include <span>
#include <vector>

namespace tendon::test {

enum class Agreement {
  bits,     // no floating sum or other function leads here: the same bits; NaN is NaN
  numbers,  // only sums that are exact in any order: the same, but a sum's zero may have either
            // sign
  near,     // within a tolerance
  none,     // a jump (a comparison, floor, a cast to integers) of what is only near
};

struct Bound {
  Agreement agreement = Agreement::bits;
  double tolerance = 0;             // of near: the most that an element may differ
  bool may_turn_nonfinite = false;  // of near: partial sums may overflow in another order, or what
                                    // is computed from a sum is at the edge of its domain
};

using Bytes = std::vector<std::byte>;

// What the other executor computes exp, tanh and the like with. What is made of +, -, *, /, sqrt
// and comparisons alone has the same bits everywhere.
enum class Functions {
  same,        // the same code
  within_ulp,  // another's, within what the op table allows
};

// One a target.
std::vector<Bound> bounds(const Tape& tape, std::span<const Bytes> inputs,
                          Functions functions = Functions::same);

testing::AssertionResult agrees(DType dtype, std::span<const std::byte> got,
                                std::span<const std::byte> want, const Bound& bound);

}  // namespace tendon::test
