"""Golden values and derivatives of the elementwise ops: python3 elementwise.py > elementwise.h

Needs jax and mpmath. JAX evaluates in f64; where its value or derivative is further than 1e-14
(relative) from a 50-digit mpmath evaluation, the rounded mpmath number is printed instead.
"""

import sys

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
from jax import nn
from jax.scipy import special

jax.config.update("jax_enable_x64", True)
mp.mp.dps = 50

SELU_SCALE = mp.mpf(1.0507009873554804934193349852946)
SELU_ALPHA = mp.mpf(1.6732632423543772848170429916717)
GELU_C = mp.sqrt(2 / mp.pi)
ZERO = mp.mpf(0)


def sign(x):
    return mp.mpf((x > 0) - (x < 0))


def half_even(x):
    return mp.nint(x)


def mp_elu(x, alpha):
    return x if x > 0 else alpha * mp.expm1(x)


def mp_clip(x, lo, hi):
    return lo if x < lo else hi if x > hi else x


def flat(fn):
    """An op whose derivative is zero everywhere it exists."""
    return lambda x: jax.lax.stop_gradient(fn(x))


UNARY = {
    "neg": (jnp.negative, lambda x: -x, [-2.5, -1e-3, 0.75, 3e5]),
    "abs": (jnp.abs, abs, [-2.5, -1e-3, 0.75, 3e5]),
    "sign": (flat(jnp.sign), sign, [-2.5, -1e-3, 0.75, 3e5]),
    "square": (jnp.square, lambda x: x * x, [-2.5, -1e-3, 0.0, 0.75, 3e5]),
    "sqrt": (jnp.sqrt, mp.sqrt, [1e-8, 0.3, 2.0, 1e6]),
    "rsqrt": (jax.lax.rsqrt, lambda x: 1 / mp.sqrt(x), [1e-6, 0.3, 2.0, 1e6]),
    "reciprocal": (jnp.reciprocal, lambda x: 1 / x, [-300.0, -0.7, 1e-3, 0.3, 1e6]),
    "exp": (jnp.exp, mp.exp, [-40.0, -1.25, 1e-9, 0.7, 30.0]),
    "exp2": (jnp.exp2, lambda x: mp.power(2, x), [-40.0, -1.25, 1e-9, 0.7, 30.5]),
    "expm1": (jnp.expm1, mp.expm1, [-40.0, -0.5, -1e-10, 1e-10, 0.25, 20.0]),
    "log": (jnp.log, mp.log, [1e-10, 0.3, 1.0000001, 2.5, 1e8]),
    "log2": (jnp.log2, lambda x: mp.log(x) / mp.log(2), [1e-10, 0.3, 1.0000001, 2.5, 1e8]),
    "log1p": (jnp.log1p, mp.log1p, [-0.999, -0.3, -1e-10, 1e-10, 0.5, 1e8]),
    "sin": (jnp.sin, mp.sin, [-100.0, -2.0, 1e-8, 0.7, 30.0]),
    "cos": (jnp.cos, mp.cos, [-100.0, -2.0, 1e-8, 0.7, 30.0]),
    "tan": (jnp.tan, mp.tan, [-10.0, -1.2, 1e-8, 0.7, 1.5]),
    "asin": (jnp.arcsin, mp.asin, [-0.99, -0.5, 1e-8, 0.3, 0.95]),
    "acos": (jnp.arccos, mp.acos, [-0.99, -0.5, 1e-8, 0.3, 0.95]),
    "atan": (jnp.arctan, mp.atan, [-50.0, -0.8, 1e-8, 0.6, 1e4]),
    "sinh": (jnp.sinh, mp.sinh, [-20.0, -1.3, 1e-8, 0.6, 10.0]),
    "cosh": (jnp.cosh, mp.cosh, [-20.0, -1.3, 1e-8, 0.6, 10.0]),
    "tanh": (jnp.tanh, mp.tanh, [-20.0, -1.3, 1e-8, 0.6, 4.0]),
    "asinh": (jnp.arcsinh, mp.asinh, [-1e5, -1.3, 1e-8, 0.6, 40.0]),
    "acosh": (jnp.arccosh, mp.acosh, [1.001, 1.5, 4.0, 1e5]),
    "atanh": (jnp.arctanh, mp.atanh, [-0.99, -0.5, 1e-8, 0.3, 0.95]),
    "sigmoid": (nn.sigmoid, lambda x: 1 / (1 + mp.exp(-x)), [-40.0, -3.0, 0.0, 1.5, 40.0]),
    "log_sigmoid": (
        nn.log_sigmoid,
        lambda x: -mp.log1p(mp.exp(-x)),
        [-40.0, -3.0, 0.0, 1.5, 40.0],
    ),
    "softplus": (nn.softplus, lambda x: mp.log1p(mp.exp(x)), [-40.0, -3.0, 0.0, 1.5, 40.0]),
    "relu": (nn.relu, lambda x: max(x, ZERO), [-40.0, -0.5, 1e-3, 7.0]),
    "relu6": (nn.relu6, lambda x: min(max(x, ZERO), mp.mpf(6)), [-4.0, -1e-3, 0.5, 5.9, 7.0]),
    "selu": (
        nn.selu,
        lambda x: SELU_SCALE * mp_elu(x, SELU_ALPHA),
        [-40.0, -1.5, -1e-6, 1e-3, 3.0],
    ),
    "gelu_erf": (
        lambda x: nn.gelu(x, approximate=False),
        lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        [-5.0, -1.2, 0.0, 0.7, 4.0],
    ),
    "gelu_tanh": (
        lambda x: nn.gelu(x, approximate=True),
        lambda x: x / (1 + mp.exp(-2 * GELU_C * (x + mp.mpf(0.044715) * x**3))),
        [-4.0, -1.2, 0.0, 0.7, 4.0],
    ),
    "silu": (nn.silu, lambda x: x / (1 + mp.exp(-x)), [-30.0, -1.2, 0.0, 0.7, 30.0]),
    "erf": (special.erf, mp.erf, [-3.0, -0.4, 1e-8, 0.7, 2.0]),
    "erfc": (special.erfc, mp.erfc, [-3.0, -0.4, 1e-8, 0.7, 2.0, 6.0]),
    "lgamma": (special.gammaln, mp.loggamma, [0.01, 0.5, 1.7, 7.25, 100.0]),
    "digamma": (special.digamma, mp.digamma, [0.05, 0.5, 2.25, 7.25, 100.0]),
    "floor": (flat(jnp.floor), mp.floor, [-2.5, -1e-3, 0.75, 1e5 + 0.5]),
    "ceil": (flat(jnp.ceil), mp.ceil, [-2.5, -1.25, 0.75, 1e5 + 0.5]),
    "round": (flat(jnp.round), half_even, [-2.5, -1.5, 0.75, 0.5, 2.5, 3.5]),
    "trunc": (flat(jnp.trunc), lambda x: mp.mpf(int(x)), [-2.5, -1.25, 0.75, 1e5 + 0.5]),
}

ALPHA = {
    "leaky_relu": (
        lambda x, alpha: nn.leaky_relu(x, alpha),
        lambda x, alpha: x if x > 0 else alpha * x,
        [(-40.0, 0.2), (-0.5, 0.2), (1e-3, 0.2), (7.0, 0.2)],
    ),
    "elu": (
        lambda x, alpha: nn.elu(x, alpha),
        mp_elu,
        [(-40.0, 1.0), (-1.5, 1.0), (-1e-6, 1.0), (1e-3, 1.0), (7.0, 1.0)],
    ),
}

BINARY = {
    "add": (jnp.add, lambda a, b: a + b, [(1.5, -0.25), (-3e5, 0.7), (0.1, 0.2), (-2.0, -7.0)]),
    "sub": (
        jnp.subtract,
        lambda a, b: a - b,
        [(1.5, -0.25), (-3e5, 0.7), (0.3, 0.1), (-2.0, -7.0)],
    ),
    "mul": (
        jnp.multiply,
        lambda a, b: a * b,
        [(1.5, -0.25), (-3e5, 0.7), (0.1, 0.2), (-2.0, -7.0)],
    ),
    "div": (jnp.divide, lambda a, b: a / b, [(1.5, -0.25), (-3e5, 0.7), (0.1, 0.3), (1e-3, -7.0)]),
    "pow": (jnp.power, mp.power, [(2.5, 3.0), (0.3, -1.5), (1.7, 0.4), (20.0, 2.5), (1e-3, 0.5)]),
    "maximum": (jnp.maximum, max, [(1.5, -0.25), (-3.0, 0.7), (0.1, 0.2), (-2.0, -7.0)]),
    "minimum": (jnp.minimum, min, [(1.5, -0.25), (-3.0, 0.7), (0.1, 0.2), (-2.0, -7.0)]),
    "atan2": (
        jnp.arctan2,
        mp.atan2,
        [(1.0, 2.0), (1.5, -0.5), (-0.3, -2.0), (-4.0, 0.01), (1e-6, 3.0)],
    ),
    "hypot": (jnp.hypot, mp.hypot, [(3.0, 4.0), (-0.5, 2.0), (1e-4, -0.7), (-300.0, -20.0)]),
    "mod": (
        jnp.mod,
        lambda a, b: a - b * mp.floor(a / b),
        [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-7.5, -2.0), (0.3, 5.0), (100.25, 0.75)],
    ),
    "squared_difference": (
        lambda a, b: jnp.square(a - b),
        lambda a, b: (a - b) ** 2,
        [(1.5, -0.25), (-300.0, 0.7), (0.1, 0.2), (-2.0, -7.0)],
    ),
}

TERNARY = {
    "clip": (
        jnp.clip,
        mp_clip,
        [(0.3, -1.0, 1.0), (-2.5, -1.0, 1.0), (7.0, -1.0, 1.0), (0.5, 0.75, 2.0)],
    ),
}

PIECEWISE = {"sign", "floor", "ceil", "round", "trunc"}


def exact(fn, at, index, order):
    """The derivative of the given order in one operand, by central differences in 200 digits."""
    if order == 0:
        with mp.workdps(50):
            return fn(*at)
    with mp.workdps(200):
        h = mp.mpf(10) ** -40
        scale = max(abs(at[index]), mp.mpf(10) ** -3)
        h *= scale

        def moved(step):
            return fn(*[x + step * h if i == index else x for i, x in enumerate(at)])

        if order == 1:
            return (moved(1) - moved(-1)) / (2 * h)
        return (moved(1) - 2 * moved(0) + moved(-1)) / (h * h)


def checked(op, what, jax_value, mp_value, fixed):
    got, want = float(jax_value), float(mp_value)
    # Differences of 200 digits leave noise where the derivative is zero.
    if abs(want) < 1e-60:
        want = 0.0
    if got == want or abs(got - want) <= 1e-14 * abs(want):
        return got
    fixed.append((op, what, got, want))
    return want


def rows():
    fixed, out = [], []
    for arity, ops in ((1, UNARY), (1, ALPHA), (2, BINARY), (3, TERNARY)):
        for op, (fn, mp_fn, points) in ops.items():
            for point in points:
                x = [point] if np.isscalar(point) else list(point)
                at = [mp.mpf(v) for v in x]
                value = checked(op, f"value{x}", fn(*x), exact(mp_fn, at, 0, 0), fixed)
                first = [0.0, 0.0, 0.0]
                second = 0.0
                if op not in PIECEWISE:
                    for i in range(arity):
                        d = jax.grad(fn, argnums=i)(*x)
                        name = f"d{'abc'[i]}{x}"
                        first[i] = checked(op, name, d, exact(mp_fn, at, i, 1), fixed)
                    d2 = jax.grad(jax.grad(fn))(*x)
                    second = checked(op, f"second{x}", d2, exact(mp_fn, at, 0, 2), fixed)
                padded = [float(v) for v in x] + [0.0] * (3 - len(x))
                out.append((op, padded + [value] + first + [second]))
    for entry in fixed:
        print("mpmath instead of jax:", *entry, file=sys.stderr)
    return out, len(fixed)


def wrapped(op, numbers):
    line, lines = f'    {{"{op}",', []
    for i, number in enumerate(numbers):
        text = repr(number) + ("}," if i == len(numbers) - 1 else ",")
        if len(line) + 1 + len(text) > 100:
            lines.append(line)
            line = "     " + text
        else:
            line += " " + text
    return lines + [line]


def main():
    out, replaced = rows()
    print(f"""\
// Values and derivatives of the elementwise ops at single points, in f64.
// Made by tests/golden/elementwise.py, JAX {jax.__version__}, mpmath {mp.__version__}; do not edit.
// {replaced} numbers are mpmath's, where JAX was further than 1e-14 from it.
#pragma once

namespace tendon::golden {{

struct ElementwisePoint {{
  const char* op;
  double a, b, c;  // operands; leaky_relu and elu have alpha in b; unused ones are 0
  double value;
  double da, db, dc;  // first derivatives
  double second;      // d2/da2
}};

// clang-format off
inline constexpr ElementwisePoint kElementwise[] = {{""")
    for op, numbers in out:
        print("\n".join(wrapped(op, numbers)))
    print("""\
};
// clang-format on

}  // namespace tendon::golden""")


main()
