// The public reductions, and the functions of rows that are made of them: softmax, norms,
// deviations.
#include <tendon/error.h>
#include <tendon/ops.h>

#include <algorithm>
#include <cmath>

#include "host/ops/checks.h"
#include "host/record/operands.h"

namespace tendon {
namespace {

using record::apply;
using record::call_of;
using record::cast_to;
using record::Common;
using record::common_of;
using record::Named;
using record::Prepared;
using record::strong;

Tensor reduce(Op op, const Tensor& x, const Axes& axes, bool keep_dims, Place place) {
  const Attributes attributes{.axes = axes, .keep_dims = keep_dims};
  return apply(op, {&x}, place, &attributes);
}

// Ops on the elements that fall together when the values are reduced over some axes: a row. All are
// said to be made at one place.
class Rows {
 public:
  Rows(const Tensor& values, const Axes& axes, Place place)
      : values_(values), axes_(axes), place_(place) {}

  const Tensor& values() const { return values_; }
  Operand at(const Tensor& x) const { return {x, place_}; }
  Operand at(double number) const { return {number, place_}; }

  // Elements of a row. An axis that there is not is left to the first reduction to refuse.
  double count() const {
    const Shape& shape = values_.shape();
    double count = 1;
    for (int i = 0; i < shape.rank(); ++i) {
      const bool is_reduced = axes_.count() == 0 || std::ranges::any_of(axes_, [&](int axis) {
                                return (axis < 0 ? axis + shape.rank() : axis) == i;
                              });
      if (is_reduced) count *= static_cast<double>(shape[i]);
    }
    return count;
  }
  Tensor sum(const Tensor& of, bool keep_dims) const {
    return reduce(Op::reduce_sum, of, axes_, keep_dims, place_);
  }
  // The greatest of each row as a constant, with extents of 1. No row may be empty.
  Tensor greatest(const Tensor& of) const {
    return stop_gradient(at(reduce(Op::reduce_max, of, axes_, true, place_)));
  }
  // What has extents of 1, in the shape of the result `like`.
  Tensor as(const Tensor& like, const Tensor& kept) const {
    return kept.shape() == like.shape() ? kept : reshape(at(kept), like.shape());
  }

 private:
  const Tensor& values_;
  const Axes& axes_;
  Place place_;
};

// A function of rows that is several ops. Integers are taken as f32. 16-bit values are computed
// with in f32, and the result is rounded once: sums and counts do not overflow on the way, in the
// gradient neither.
template <class Of>
Tensor of_rows(const char* call, const Operand& x, const Axes& axes, Of&& of) {
  const Named named(call);
  const Common common = common_of({&x}, call);
  const DType given = is_floating(common.dtype) ? common.dtype : DType::f32;
  const DType computed = size_bytes(given) == 2 ? DType::f32 : given;
  const Prepared values(x, common.as(computed), x.place());
  return cast_to(of(Rows(values.tensor(), axes, x.place())), given, x.place());
}

// The values less a constant of their row, its greatest, so that their exponentials do not
// overflow. The constant cancels in what it is used for, so its gradient does too. Less nothing
// where the greatest is infinite, or there is none.
Tensor shifted(const Rows& rows) {
  if (rows.count() == 0) return rows.values();
  const Tensor greatest = rows.greatest(rows.values());
  const Tensor shift = where(is_finite(rows.at(greatest)), rows.at(greatest), rows.at(0));
  return sub(rows.at(rows.values()), rows.at(shift));
}

// The values less their mean, by two passes: the second takes away the mean that rounding left in
// the first, so that equal values give 0 (Chan, Golub, LeVeque, "Algorithms for computing the
// sample variance", 1983, eq. 1.7). That mean is 0 but for rounding, so its gradient is too.
Tensor centred(const Rows& rows) {
  const auto less_mean = [&](const Tensor& x, bool is_constant) {
    const Tensor mean = div(rows.at(rows.sum(x, true)), rows.at(rows.count()));
    return sub(rows.at(x), rows.at(is_constant ? stop_gradient(rows.at(mean)) : mean));
  };
  return less_mean(less_mean(rows.values(), false), true);
}

// 0 where x is 0, with a derivative of 0.
template <class Root>
Tensor root(const Rows& rows, const Tensor& x, Root&& of) {
  return where(equal(rows.at(x), rows.at(0)), rows.at(0), rows.at(of(rows.at(x))));
}

// The root of the sum of squares. The greatest lies in [1, 2) once all are divided by a power of
// two, so that squares neither overflow nor vanish, and no digit is lost.
Tensor euclidean_norm(const Rows& rows, bool keep_dims) {
  const auto square_root = [&](const Tensor& sum) {
    return root(rows, sum, [](const Operand& x) { return sqrt(x); });
  };
  const Tensor& x = rows.values();
  if (rows.count() == 0) return square_root(rows.sum(square(rows.at(x)), keep_dims));
  // Of a row of zeros, of subnormal numbers and of infinities the nearest power whose reciprocal is
  // a normal number too.
  const double most = x.dtype() == DType::f64 ? 1000 : 120;
  const Tensor exponent = floor(rows.at(log2(rows.at(rows.greatest(abs(rows.at(x)))))));
  const Tensor power = exp2(rows.at(clip(rows.at(exponent), rows.at(-most), rows.at(most))));
  const Tensor sum = rows.sum(square(rows.at(div(rows.at(x), rows.at(power)))), keep_dims);
  return mul(rows.at(square_root(sum)), rows.at(rows.as(sum, power)));
}

// The root of the sum of powers; each divided by the greatest first, where that is positive and
// finite.
Tensor norm_of_order(const Rows& rows, bool keep_dims, double order) {
  const Tensor sizes = abs(rows.at(rows.values()));
  const auto sum_of_powers = [&](const Tensor& of) {
    const auto power = [&](const Operand& x) { return pow(x, rows.at(order)); };
    // Below an order of 1 the derivative is infinite at 0.
    return rows.sum(order < 1 ? root(rows, of, power) : power(rows.at(of)), keep_dims);
  };
  const auto inverse_power = [&](const Operand& x) { return pow(x, rows.at(1 / order)); };
  if (rows.count() == 0) return root(rows, sum_of_powers(sizes), inverse_power);
  const Tensor greatest = rows.greatest(sizes);
  const Tensor is_scale = logical_and(rows.at(greater(rows.at(greatest), rows.at(0))),
                                      rows.at(is_finite(rows.at(greatest))));
  const Tensor scale = where(rows.at(is_scale), rows.at(greatest), rows.at(1));
  const Tensor sum = sum_of_powers(div(rows.at(sizes), rows.at(scale)));
  return mul(rows.at(root(rows, sum, inverse_power)), rows.at(rows.as(sum, scale)));
}

}  // namespace

Tensor reduce_sum(const Operand& x, const Axes& axes, bool keep_dims) {
  const Common common = common_of({&x}, "reduce_sum");
  const Prepared operand(x, common.dtype == DType::boolean ? common.as(DType::i32) : common,
                         x.place());
  return reduce(Op::reduce_sum, operand.tensor(), axes, keep_dims, x.place());
}
Tensor reduce_max(const Operand& x, const Axes& axes, bool keep_dims) {
  return reduce(Op::reduce_max, strong(x, "reduce_max").tensor(), axes, keep_dims, x.place());
}
Tensor reduce_min(const Operand& x, const Axes& axes, bool keep_dims) {
  return reduce(Op::reduce_min, strong(x, "reduce_min").tensor(), axes, keep_dims, x.place());
}

Tensor reduce_mean(const Operand& x, const Axes& axes, bool keep_dims) {
  return of_rows("reduce_mean", x, axes, [&](const Rows& rows) {
    return div(rows.at(rows.sum(rows.values(), keep_dims)), rows.at(rows.count()));
  });
}

Tensor reduce_var(const Operand& x, const Axes& axes, bool keep_dims, int ddof) {
  return of_rows("reduce_var", x, axes, [&](const Rows& rows) {
    const Tensor sum = rows.sum(square(rows.at(centred(rows))), keep_dims);
    return div(rows.at(sum), rows.at(std::max(rows.count() - ddof, 0.0)));
  });
}

Tensor reduce_std(const Operand& x, const Axes& axes, bool keep_dims, int ddof) {
  return of_rows("reduce_std", x, axes, [&](const Rows& rows) {
    const Tensor apart = centred(rows);
    const Tensor norm = euclidean_norm(Rows(apart, axes, x.place()), keep_dims);
    return div(rows.at(norm), rows.at(std::sqrt(std::max(rows.count() - ddof, 0.0))));
  });
}

Tensor reduce_norm(const Operand& x, const Axes& axes, bool keep_dims, double order) {
  return of_rows("reduce_norm", x, axes, [&](const Rows& rows) -> Tensor {
    if (!(order > 0)) {
      throw ops::error<Error>(call_of(Op::reduce_sum, x.place()),
                              "the order must be positive, is {}", order);
    }
    if (order == 2) return euclidean_norm(rows, keep_dims);
    const Tensor& values = rows.values();
    if (order == 1) return rows.sum(abs(rows.at(values)), keep_dims);
    if (std::isinf(order))
      return reduce(Op::reduce_max, abs(rows.at(values)), axes, keep_dims, x.place());
    return norm_of_order(rows, keep_dims, order);
  });
}

Tensor reduce_logsumexp(const Operand& x, const Axes& axes, bool keep_dims) {
  return of_rows("reduce_logsumexp", x, axes, [&](const Rows& rows) {
    const Tensor& values = rows.values();
    if (rows.count() == 0) return log(rows.at(rows.sum(exp(rows.at(values)), keep_dims)));
    const Tensor greatest = rows.greatest(values);
    const Tensor sum = rows.sum(exp_difference(rows.at(values), rows.at(greatest)), keep_dims);
    return add(rows.at(log(rows.at(sum))), rows.at(rows.as(sum, greatest)));
  });
}

Tensor softmax(const Operand& x, int axis) {
  return of_rows("softmax", x, axis, [](const Rows& rows) {
    const Tensor powers = exp(rows.at(shifted(rows)));
    return div(rows.at(powers), rows.at(rows.sum(powers, true)));
  });
}

Tensor log_softmax(const Operand& x, int axis) {
  return of_rows("log_softmax", x, axis, [](const Rows& rows) {
    const Tensor apart = shifted(rows);
    const Tensor sum = rows.sum(exp(rows.at(apart)), true);
    return sub(rows.at(apart), rows.at(log(rows.at(sum))));
  });
}

namespace {

Tensor arg_reduce(Op op, const Operand& x, int axis) {
  const Attributes attributes{.axes = axis};
  return apply(op, {&strong(x, name(op)).tensor()}, x.place(), &attributes);
}

}  // namespace

Tensor argmax(const Operand& x, int axis) { return arg_reduce(Op::argmax, x, axis); }
Tensor argmin(const Operand& x, int axis) { return arg_reduce(Op::argmin, x, axis); }

}  // namespace tendon
