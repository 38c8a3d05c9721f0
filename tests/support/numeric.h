// What tests of numbers share: points, tensors from and to f64, and checks of values and
// derivatives. A check answers and asserts nothing, so that a test can also ask whether it reports
// what is wrong.
#pragma once

#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace tendon::test {

using Values = std::vector<double>;
using Operands = std::vector<Tensor>;
using Function = std::function<Tensor(const Operands&)>;

// Numbers inside (low, high) that f32 can hold, always the same; another salt, other numbers.
Values points(std::int64_t count, double low, double high, unsigned salt = 0);

Tensor tensor(const Values& values, const Shape& shape, DType dtype = DType::f64);
Values values(const Tensor& tensor);  // of any dtype

// What NumPy's broadcasting makes of row-major values of a shape, and the sum that undoes it.
Values expanded(const Values& values, const Shape& from, const Shape& to);
Values summed(const Values& values, const Shape& from, const Shape& to);

// |got - want| in units of an f32's last place at want. 0 for two NaN or equal infinities.
double ulp_distance(double got, double want);
testing::AssertionResult within_ulp(const Values& got, const Values& want, double ulp);
// |got - want| <= tolerance * max(1, |want|); NaN is near NaN.
testing::AssertionResult near(const Values& got, const Values& want, double tolerance = 1e-12);
// Equal dtypes, shapes and values; NaN equals NaN, and -0 is not 0.
testing::AssertionResult same(const Tensor& got, const Tensor& want);

// The gradient of sum(cotangent * f) by each operand, as a tape answers it.
std::vector<Gradient> gradients(const Function& f, const Operands& at, const Tensor& cotangent);

// The same by operand k, zeros where it is None; what derivatives are checked through.
using Derivative = std::function<Tensor(const Function& f, const Operands& at,
                                        const Tensor& cotangent, std::size_t k)>;
Tensor derivative(const Function& f, const Operands& at, const Tensor& cotangent, std::size_t k);

enum class Sweep {
  each,      // moves one element at a time
  together,  // moves all: element i of the result depends on element i of the operands alone
};

// Compares the derivative by each f64 operand with central differences of f. Points beside a kink
// are left out; too many of them, and the check fails.
testing::AssertionResult gradient_agrees(const Function& f, const Operands& at,
                                         Sweep sweep = Sweep::each,
                                         const Derivative& by = derivative);
// The derivative of the derivative with central differences of the derivative.
testing::AssertionResult second_order_agrees(const Function& f, const Operands& at,
                                             Sweep sweep = Sweep::each);

// Applies one op through a TapeBuilder, compile() and an Executable. The value, and where asked for
// the gradients of its sum; a gradient that is None is left out.
std::vector<Tensor> through_executable(Op op, const Operands& operands,
                                       const Attributes& attributes = {},
                                       bool with_gradients = false);

// Whether the call throws an E whose text has all the words and names a line of the caller's file
// near the call of this function.
testing::AssertionResult words_found(const std::string& text, std::span<const std::string> words,
                                     Place place);
template <class E>
testing::AssertionResult throws(const std::function<void()>& call,
                                const std::vector<std::string>& words,
                                Place place = Place::current()) {
  try {
    call();
  } catch (const E& error) {
    return words_found(error.what(), words, place);
  } catch (const std::exception& error) {
    return testing::AssertionFailure() << "threw another type, saying: " << error.what();
  }
  return testing::AssertionFailure() << "threw nothing";
}

}  // namespace tendon::test
