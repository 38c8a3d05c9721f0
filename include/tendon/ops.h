// The ops: free functions over Tensor, Variable and numbers, with NumPy broadcasting. Dtypes
// promote as in JAX (boolean, i32, i64, f16 | bf16, f32, f64); an op of floating operands takes
// integers as f32. Each function checks shapes and dtypes at once (ShapeError, DTypeError) and
// computes nothing yet.
#pragma once

#include <tendon/export.h>
#include <tendon/operand.h>
#include <tendon/shape.h>
#include <tendon/tensor.h>

#include <vector>

namespace tendon {

// The elementwise ops, a function for each row of <tendon/op_table.inc>:
//   neg abs sign square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log1p sin cos tan asin acos
//   atan sinh cosh tanh asinh acosh atanh sigmoid log_sigmoid softplus relu relu6 selu silu erf
//   erfc lgamma digamma floor ceil round (half to even) trunc is_nan is_inf is_finite logical_not
//   identity stop_gradient (x) leaky_relu(x, alpha = 0.2) elu(x, alpha = 1) polygamma(x, order = 1)
//   add sub mul div pow maximum minimum atan2 hypot mod (sign of b, as NumPy) squared_difference
//   logaddexp(a, b): log(exp(a) + exp(b)); xlogy(a, b): a * log(b), but 0 where a is 0
//   equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor (a, b)
//   clip(a, low, high)
// Of two booleans add and maximum are logical_or, mul and minimum logical_and, as in NumPy; other
// ops of numbers take booleans as i32.
// What pullbacks are made of:
//   step(x): 1 above 0, else 0; share_of_greater(a, b): 1, 0.5 for a tie, 0; same(a, b): 1 where
//   equal or both NaN, else 0; scale(g, d): g * d, but 0 where g is 0 whatever d is, the product of
//   every pullback; one_minus_square atan_slope sigmoid_slope tanh_slope exp_minus_square
//   normal_density gelu_erf_slope gelu_tanh_slope gelu_tanh_bell silu_slope (x), atan2_slope
//   direction logaddexp_share (a, b), power_below(a, b, n): derivatives of other ops, accurate
//   where a formula of these ops is not; exp_difference(a, b): exp(a - b), 1 where a and b are the
//   same infinity
#define TENDON_UNARY(name, ...) TENDON_API Tensor name(const Operand& x);
#define TENDON_UNARY_PARAMETER(name, parameter, initial, ...) \
  TENDON_API Tensor name(const Operand& x, double parameter = initial);
#define TENDON_BINARY(name, ...) TENDON_API Tensor name(const Operand& a, const Operand& b);
#define TENDON_TERNARY(name, ...) \
  TENDON_API Tensor name(const Operand& a, const Operand& b, const Operand& c);
#include <tendon/op_table.inc>

TENDON_API Tensor gelu(const Operand& x, bool approximate = false);  // approximate: the tanh form
// a where the condition holds, else b. An inactive side never leaks NaN or infinity into the
// gradient.
TENDON_API Tensor where(const Operand& condition, const Operand& a, const Operand& b);
TENDON_API Tensor cast(const Operand& x, DType dtype);

TENDON_API Tensor operator-(const Operand& x);
TENDON_API Tensor operator+(const Operand& a, const Operand& b);
TENDON_API Tensor operator-(const Operand& a, const Operand& b);
TENDON_API Tensor operator*(const Operand& a, const Operand& b);
TENDON_API Tensor operator/(const Operand& a, const Operand& b);
TENDON_API Tensor operator%(const Operand& a, const Operand& b);
TENDON_API Tensor operator==(const Operand& a, const Operand& b);
TENDON_API Tensor operator!=(const Operand& a, const Operand& b);
TENDON_API Tensor operator<(const Operand& a, const Operand& b);
TENDON_API Tensor operator<=(const Operand& a, const Operand& b);
TENDON_API Tensor operator>(const Operand& a, const Operand& b);
TENDON_API Tensor operator>=(const Operand& a, const Operand& b);
TENDON_API Tensor operator!(const Operand& x);
TENDON_API Tensor& operator+=(Tensor& a,
                              const Operand& b);  // these rebind the handle to a new tensor
TENDON_API Tensor& operator-=(Tensor& a, const Operand& b);
TENDON_API Tensor& operator*=(Tensor& a, const Operand& b);
TENDON_API Tensor& operator/=(Tensor& a, const Operand& b);

// Reductions. No axes: all of them. keep_dims leaves extents of 1. Sums of booleans are i32; the
// others but max and min take integers as f32. Functions of a row (mean, var, std, norm, logsumexp,
// softmax, log_softmax) compute with 16-bit values in f32 and round their result once. max and min
// of an empty axis throw ShapeError, share their gradient equally among ties, and give NaN where
// there is one.
TENDON_API Tensor reduce_sum(const Operand& x, const Axes& axes = {}, bool keep_dims = false);
// Of an empty axis: NaN, as NumPy.
TENDON_API Tensor reduce_mean(const Operand& x, const Axes& axes = {}, bool keep_dims = false);
TENDON_API Tensor reduce_max(const Operand& x, const Axes& axes = {}, bool keep_dims = false);
TENDON_API Tensor reduce_min(const Operand& x, const Axes& axes = {}, bool keep_dims = false);
// log(sum(exp(x))), shifted by the greatest (Blanchard, Higham, Higham, "Accurately computing the
// log-sum-exp and softmax functions", 2021, eq. 3.8). -inf for an empty axis and where all are
// -inf; the gradient is then 0. inf where one is inf; the gradient is then NaN there.
TENDON_API Tensor reduce_logsumexp(const Operand& x, const Axes& axes = {}, bool keep_dims = false);
// sum((x - mean)^2) / (count - ddof), by the corrected two-pass algorithm (Chan, Golub, LeVeque,
// "Algorithms for computing the sample variance", 1983, eq. 1.7). Where ddof is the count or more,
// NaN or inf, as NumPy.
TENDON_API Tensor reduce_var(const Operand& x, const Axes& axes = {}, bool keep_dims = false,
                             int ddof = 0);
// The root of reduce_var, without its overflow and underflow. The gradient is 0 where all are
// equal.
TENDON_API Tensor reduce_std(const Operand& x, const Axes& axes = {}, bool keep_dims = false,
                             int ddof = 0);
// sum(|x|^order)^(1 / order), the greatest |x| where the order is infinite; scaled, so that powers
// neither overflow nor vanish (LAPACK's dnrm2). The gradient is 0 where the norm is 0, and by an x
// that is 0 for every order; ties of an infinite order share it. Error unless order > 0.
TENDON_API Tensor reduce_norm(const Operand& x, const Axes& axes = {}, bool keep_dims = false,
                              double order = 2);
// The first index, i64, of the extreme along the axis (of the first NaN where there is one).
TENDON_API Tensor argmax(const Operand& x, int axis = 0);
TENDON_API Tensor argmin(const Operand& x, int axis = 0);

// Of an axis without elements: empty.
TENDON_API Tensor softmax(const Operand& x, int axis = -1);
TENDON_API Tensor log_softmax(const Operand& x, int axis = -1);

// (..., m, k) x (..., k, n) -> (..., m, n): leading axes broadcast, a rank-1 operand is a row
// (left) or column (right) as in NumPy. The flags transpose the last two axes of an operand first.
TENDON_API Tensor matmul(const Operand& a, const Operand& b, bool transpose_a = false,
                         bool transpose_b = false);

TENDON_API Tensor reshape(const Operand& x, const Shape& shape);  // one extent may be -1
TENDON_API Tensor transpose(const Operand& x, const Axes& permutation = {});  // none: reversed axes
TENDON_API Tensor broadcast_to(const Operand& x, const Shape& shape);
TENDON_API Tensor expand_dims(const Operand& x, const Axes& axes);   // positions in the result
TENDON_API Tensor squeeze(const Operand& x, const Axes& axes = {});  // none: every extent of 1
// x[begin : begin + size] on each axis; a size of -1 is what is left.
TENDON_API Tensor slice(const Operand& x, const Shape& begin, const Shape& size);
// x[begin : end : step] on each axis as in Python: negative positions count from the end, positions
// are clamped, steps may be negative (end = -extent - 1 then reaches the first element). No steps:
// ones.
TENDON_API Tensor strided_slice(const Operand& x, const Shape& begin, const Shape& end,
                                const Shape& step = {});
TENDON_API Tensor concat(const detail::List<Tensor>& values, int axis = 0,
                         Place place = Place::current());
TENDON_API Tensor stack(const detail::List<Tensor>& values, int axis = 0,
                        Place place = Place::current());
TENDON_API std::vector<Tensor> split(const Operand& x, int sections, int axis = 0);  // equal parts
// Parts of these sizes; a list of one size must be written as a vector, since {3} is the number 3.
TENDON_API std::vector<Tensor> split(const Operand& x, const std::vector<std::int64_t>& sizes,
                                     int axis = 0);
// params[..., indices, ...] along the axis; the result's shape is params' with that axis replaced
// by indices' shape. Negative indices count from the end; one out of range throws ShapeError when
// the value is computed. On a CUDA device the computation is under way by then, and it is thrown by
// whatever next waits for a value that comes of the op: each reading of one, until the value is
// gone, and each computation from one after the first reading. Where none is read, synchronize()
// throws it, once. Other values stay as they are. Of several ops of one run the first, and of that
// op the first index, is named.
TENDON_API Tensor gather(const Operand& params, const Operand& indices, int axis = 0);

}  // namespace tendon
