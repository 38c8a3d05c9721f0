"""Values and derivatives of every row of the op table over its whole domain: python3 accuracy.py > accuracy.txt

Needs mpmath. A function below is the row's definition; its derivatives are central differences of it in 400 digits,
but at the points where it is not smooth or not finite, which are listed with their answers. Operands are f32 numbers
(log-spaced magnitudes, the interesting interval evenly, both neighbours of special points), and some that only f64 holds.

A line is: op, operands (and parameter), value, first derivatives (a, b, c), second derivatives (aa, ab, bb, or aa of a
unary op). A row without derivatives has its value alone.
"""

import random
import struct
import sys

import mpmath as mp

mp.mp.dps = 60
INF = float("inf")
NAN = float("nan")
TINY, LEAST, MOST = 2.0**-149, 2.0**-126, (2 - 2.0**-23) * 2.0**127
LN2 = mp.log(2)


def f32(x):
    """The nearest f32 number."""
    if x != x or abs(x) == INF:
        return x
    try:
        return struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return INF if x > 0 else -INF


def after(x, steps=1):
    """The f32 number `steps` after x, of either sign."""
    bits = struct.unpack("i", struct.pack("f", x))[0]
    if bits < 0:
        bits = -(bits & 0x7FFFFFFF)
    bits += steps
    if bits < 0:
        bits = -bits - 0x80000000
    return struct.unpack("f", struct.pack("i", bits))[0]


def around(*points):
    """Points with both their neighbours, and a few further off."""
    found = []
    for point in points:
        x = f32(point)
        found += [after(x, steps) for steps in (-1000, -10, -1, 0, 1, 10, 1000)]
    return found


def spread(rng, count, low, high):
    return [f32(rng.uniform(low, high)) for _ in range(count)]


def log_spaced(count, low=TINY, high=MOST):
    """Magnitudes with irregular digits."""
    first, last = mp.log(low), mp.log(high)
    step = (last - first) / (count - 1)
    return [f32(float(mp.exp(first + i * step))) for i in range(count)]


def both(points):
    return [s * x for x in points for s in (1, -1)]


def derivative(fn, at, orders):
    """The mixed derivative of the given orders by central differences; the noise is too small for f64."""
    smallest = min(abs(x) if x != 0 else 1 for x in at)
    with mp.workdps(820 + int(2 * max(0, -mp.log10(smallest)))):
        steps = [mp.mpf(10) ** -140 * (min(abs(mp.mpf(x)), 1) if x != 0 else 1) for x in at]

        def differences(point, left):
            for k, order in enumerate(left):
                if order == 0:
                    continue
                rest = left[:k] + (order - 1,) + left[k + 1 :]
                up = point[:k] + (point[k] + steps[k],) + point[k + 1 :]
                down = point[:k] + (point[k] - steps[k],) + point[k + 1 :]
                return (differences(up, rest) - differences(down, rest)) / (2 * steps[k])
            return fn(*point)

        return differences(tuple(mp.mpf(x) for x in at), tuple(orders))


def number(x):
    if isinstance(x, (complex, mp.mpc)):
        raise ValueError(f"complex {x}")
    return float(x)


def smooth(fn, arity=1):
    """All that a line needs, of a function that is smooth at the point."""
    orders = {
        1: [(1,), (2,)],
        2: [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)],
    }[arity]

    def line(*at):
        with mp.workdps(100):
            value = fn(*[mp.mpf(x) for x in at])
        return [number(x) for x in [value] + [derivative(fn, at, order) for order in orders]]

    return line


# ---------------------------------------------------------------- unary rows

SELU_SCALE, SELU_ALPHA = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def sigmoid_slope(x):
    return mp.exp(-abs(x)) / (1 + mp.exp(-abs(x))) ** 2


def silu(x):
    return x * sigmoid(x)


def silu_slope(x):
    s = sigmoid(x)
    return s + x * sigmoid_slope(x)


def normal_density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def normal_distribution(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def gelu_erf(x):
    return x * normal_distribution(x)


def gelu_erf_slope(x):
    return normal_distribution(x) + x * normal_density(x)


def gate_argument(x):
    return 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)


def gelu_tanh(x):
    return x * sigmoid(gate_argument(x))


def gelu_tanh_slope(x):
    u = gate_argument(x)
    return sigmoid(u) + x * sigmoid_slope(u) * 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * x * x)


def lgamma(x):
    return mp.log(abs(mp.gamma(x))) if abs(x) < 1e5 else mp.re(mp.loggamma(x))


def psi_line(order):
    """polygamma of that order and what follows."""

    def line(x):
        with mp.workdps(60):
            values = []
            for n in range(order, order + 3):
                values.append(psi(n, mp.mpf(x)))
            return [number(v) for v in values]

    return line


def psi(n, x):
    if n == -1:
        return lgamma(x)
    if x < 0 and abs(x) < 1e-10:  # mpmath loses digits there: the recurrence
        return psi(n, x + 1) - (-1) ** n * mp.factorial(n) / x ** (n + 1)
    with mp.workdps(120):
        return mp.re(mp.psi(n, x))


# For each row: the line of a point, its points, and lines that are given: {operands: [results]}.
UNARY = {}


def row(name, line, points, given=None, wide=()):
    UNARY[name] = (line, points, given or {}, wide)


def every(rng):
    """Magnitudes of all f32 numbers, both signs."""
    return both(log_spaced(90)) + spread(rng, 120, -9, 9) + [0.0, -0.0]


def positive(rng):
    return log_spaced(190) + spread(rng, 100, 0, 9)


WIDE = both([1e-300, 1e-160, 1e-100, 1 / 3, 0.1, 1.1, 3.7, 1e50, 1e100, 1e160, 1e300])
WIDE_POSITIVE = [abs(x) for x in WIDE[::2]]


def rows(rng):
    exact = lambda value, first, second: lambda x: [value(x), first(x), second(x)]
    zero, one = (lambda x: 0.0), (lambda x: 1.0)
    infinite = [INF, -INF]

    row("neg", exact(lambda x: -x, lambda x: -1.0, zero), every(rng) + infinite)
    row("abs", exact(abs, lambda x: (x > 0) - (x < 0), zero), every(rng) + infinite)
    row("sign", exact(lambda x: x if x == 0 else (x > 0) - (x < 0), zero, zero), every(rng) + infinite)
    row("step", exact(lambda x: x > 0, zero, zero), every(rng) + infinite)
    row("square", smooth(lambda x: x * x), every(rng), {(INF,): [INF, INF, 2], (-INF,): [INF, -INF, 2]}, WIDE)
    row("sqrt", smooth(mp.sqrt), positive(rng), {(0.0,): [0, INF, -INF], (INF,): [INF, 0, 0]}, WIDE_POSITIVE)
    row(
        "rsqrt",
        smooth(lambda x: 1 / mp.sqrt(x)),
        positive(rng),
        {(0.0,): [INF, -INF, INF], (INF,): [0, 0, 0]},
        WIDE_POSITIVE,
    )
    row(
        "reciprocal",
        smooth(lambda x: 1 / x),
        both(log_spaced(100)) + spread(rng, 100, -9, 9),
        {(0.0,): [INF, -INF, INF], "(-0.0,)": [-INF, -INF, -INF], (INF,): [0, 0, 0], (-INF,): [0, 0, 0]},
        WIDE,
    )
    tails = spread(rng, 80, -104, 89) + around(-103.97, -87.336, 88.72, -1, 1)
    row("exp", smooth(mp.exp), every(rng) + tails, {(INF,): [INF] * 3, (-INF,): [0] * 3}, WIDE)
    row(
        "exp2",
        smooth(lambda x: mp.power(2, x)),
        every(rng) + spread(rng, 80, -149, 128) + around(-149, -126, 128, 1),
        {(INF,): [INF] * 3, (-INF,): [0] * 3},
        WIDE,
    )
    row(
        "expm1",
        smooth(mp.expm1),
        every(rng) + tails + spread(rng, 30, -20, 0),
        {(INF,): [INF] * 3, (-INF,): [-1, 0, 0]},
        WIDE,
    )
    row(
        "log", smooth(mp.log), positive(rng) + around(1, 2), {(0.0,): [-INF, INF, -INF], (INF,): [INF, 0, 0]}, WIDE_POSITIVE
    )
    row(
        "log2",
        smooth(lambda x: mp.log(x) / mp.log(2)),
        positive(rng) + around(1, 2),
        {(0.0,): [-INF, INF, -INF], (INF,): [INF, 0, 0]},
        WIDE_POSITIVE,
    )
    row(
        "log1p",
        smooth(mp.log1p),
        positive(rng) + [-x for x in log_spaced(70, TINY, 0.9)] + spread(rng, 50, -1, 1) + [after(-1.0, k) for k in (1, 2, 9, 1000)] + [0.0, -0.0],
        {(-1.0,): [-INF, INF, -INF], (INF,): [INF, 0, 0]},
        WIDE_POSITIVE,
    )
    turns = around(*[k * mp.pi / 2 for k in (-3, -2, -1, 1, 2, 3, 4, 22)])
    row("sin", smooth(mp.sin), every(rng) + turns, None, WIDE)
    row("cos", smooth(mp.cos), every(rng) + turns, None, WIDE)
    row("tan", smooth(mp.tan), every(rng) + turns, None, WIDE)
    inside = both(log_spaced(100, TINY, 0.99)) + spread(rng, 100, -1, 1) + [s * after(1.0, -k) for k in (1, 2, 3, 10, 1000) for s in (1, -1)] + [0.0, -0.0]
    small = [x for x in WIDE if abs(x) < 1]
    row("asin", smooth(mp.asin), inside, {(1.0,): [mp.pi / 2, INF, INF], (-1.0,): [-mp.pi / 2, INF, -INF]}, small)
    row("acos", smooth(mp.acos), inside, {(1.0,): [0, -INF, -INF], (-1.0,): [mp.pi, -INF, INF]}, small)
    row("atanh", smooth(mp.atanh), inside, {(1.0,): [INF, INF, INF], (-1.0,): [-INF, INF, -INF]}, small)
    row("one_minus_square", smooth(lambda x: 1 - x * x), every(rng) + around(1, -1), {(INF,): [-INF, -INF, -2], (-INF,): [-INF, INF, -2]}, WIDE)
    row("atan", smooth(mp.atan), every(rng), {(INF,): [mp.pi / 2, 0, 0], (-INF,): [-mp.pi / 2, 0, 0]}, WIDE)
    row("atan_slope", smooth(lambda x: 1 / (1 + x * x)), every(rng), {(INF,): [0, 0, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("sinh", smooth(mp.sinh), every(rng) + both(spread(rng, 40, 1, 90)) + around(89.4, -89.4), {(INF,): [INF] * 3, (-INF,): [-INF, INF, -INF]}, WIDE)
    row("cosh", smooth(mp.cosh), every(rng) + both(spread(rng, 40, 1, 90)) + around(89.4, -89.4), {(INF,): [INF] * 3, (-INF,): [INF, -INF, INF]}, WIDE)
    bell = every(rng) + both(spread(rng, 60, 0, 60))
    row("tanh", smooth(mp.tanh), bell, {(INF,): [1, 0, 0], (-INF,): [-1, 0, 0]}, WIDE)
    row("tanh_slope", smooth(lambda x: 1 / mp.cosh(x) ** 2), bell, {(INF,): [0] * 3, (-INF,): [0] * 3}, WIDE)
    row("asinh", smooth(mp.asinh), every(rng), {(INF,): [INF, 0, 0], (-INF,): [-INF, 0, 0]}, WIDE)
    row(
        "acosh",
        smooth(mp.acosh),
        [x for x in log_spaced(200, 1.001, MOST)] + spread(rng, 100, 1, 9) + [after(1.0, k) for k in (1, 2, 3, 10, 1000)],
        {(1.0,): [0, INF, -INF], (INF,): [INF, 0, 0]},
        [1.1, 3.7, 1e50, 1e100, 1e300],
    )
    gates = every(rng) + both(spread(rng, 60, 0, 110)) + around(-87.3, -88.72, -103.9, 17.33)
    row("sigmoid", smooth(sigmoid), gates, {(INF,): [1, 0, 0], (-INF,): [0] * 3}, WIDE)
    row("sigmoid_slope", smooth(lambda x: sigmoid(x) * sigmoid(-x)), gates, {(INF,): [0] * 3, (-INF,): [0] * 3}, WIDE)
    row("log_sigmoid", smooth(lambda x: -mp.log1p(mp.exp(-x))), gates, {(INF,): [0, 0, 0], (-INF,): [-INF, 1, 0]}, WIDE)
    row("softplus", smooth(lambda x: mp.log1p(mp.exp(x))), gates, {(INF,): [INF, 1, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("relu", exact(lambda x: max(x, 0.0), lambda x: x > 0, zero), every(rng) + infinite)
    row("relu6", exact(lambda x: min(max(x, 0.0), 6.0), lambda x: 0 < x < 6, zero), every(rng) + infinite + around(6))
    slope = SELU_SCALE * SELU_ALPHA
    row(
        "selu",
        lambda x: [SELU_SCALE * x, SELU_SCALE, 0] if x > 0 else [slope * mp.expm1(x), slope * mp.exp(x), slope * mp.exp(x)],
        every(rng) + spread(rng, 80, -104, 0),
        {(INF,): [INF, SELU_SCALE, 0]},
        WIDE,
    )
    zero_of_gelu = around(-0.7517916)
    row("gelu_erf", smooth(gelu_erf), every(rng) + spread(rng, 80, -15, 9) + zero_of_gelu, {(INF,): [INF, 1, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("gelu_erf_slope", smooth(gelu_erf_slope), every(rng) + spread(rng, 80, -15, 15), {(INF,): [1, 0, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("normal_density", smooth(normal_density), every(rng) + both(spread(rng, 60, 0, 15)), {(INF,): [0] * 3, (-INF,): [0] * 3}, WIDE)
    row("exp_minus_square", smooth(lambda x: mp.exp(-x * x)), every(rng) + both(spread(rng, 60, 0, 11)), {(INF,): [0] * 3, (-INF,): [0] * 3}, WIDE)
    row("gelu_tanh", smooth(gelu_tanh), every(rng) + spread(rng, 80, -11, 9), {(INF,): [INF, 1, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("gelu_tanh_slope", smooth(gelu_tanh_slope), every(rng) + spread(rng, 80, -11, 11), {(INF,): [1, 0, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("gelu_tanh_bell", smooth(lambda x: sigmoid_slope(gate_argument(x))), every(rng) + spread(rng, 80, -11, 11), {(INF,): [0, 0, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("silu", smooth(silu), gates, {(INF,): [INF, 1, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("silu_slope", smooth(silu_slope), gates, {(INF,): [1, 0, 0], (-INF,): [0, 0, 0]}, WIDE)
    row("erf", smooth(mp.erf), every(rng) + both(spread(rng, 60, 0, 11)), {(INF,): [1, 0, 0], (-INF,): [-1, 0, 0]}, WIDE)
    row("erfc", smooth(mp.erfc), every(rng) + both(spread(rng, 60, 0, 11)), {(INF,): [0, 0, 0], (-INF,): [2, 0, 0]}, WIDE)
    integers = [x for k in range(1, 8) for x in around(-k) if x != -k]
    gammas = (
        both(log_spaced(60, TINY, 1)) + log_spaced(80, 1, MOST) + spread(rng, 80, 0, 9) + spread(rng, 60, -9, 0)
        + integers + around(1, 2, 1.4616321) + [-1e-20, -1e-13]
    )
    gammas = [x for x in gammas if x > 0 or x != int(x)]
    wide_gammas = [-1e-20, -1e-13, -1e-100, 1e-300, 0.1, 1 / 3, 1.1, 3.7, -0.1, -3.7, -1 - 2.0**-40, -5 + 2.0**-45, 1e50, 1e100, 1e300]
    row("lgamma", psi_line(-1), gammas, {(INF,): [INF, INF, 0]}, wide_gammas)
    row("digamma", psi_line(0), gammas, {(0.0,): [-INF, INF, -INF], "(-0.0,)": [INF, INF, INF], (INF,): [INF, 0, 0]}, wide_gammas)
    whole = every(rng) + [k + 0.5 for k in range(-20, 20)] + infinite
    for name, value in (
        ("floor", lambda x: x if abs(x) in (INF, 0) else mp.floor(x)),
        ("ceil", lambda x: x if abs(x) in (INF, 0) else mp.ceil(x)),
        ("round", lambda x: x if abs(x) in (INF, 0) else mp.nint(x)),
        ("trunc", lambda x: x if abs(x) in (INF, 0) else mp.sign(x) * mp.floor(abs(x))),
        ("stop_gradient", lambda x: x),
    ):
        row(name, lambda x, value=value: [value(x)], whole)
    for name, value in (
        ("is_nan", lambda x: x != x),
        ("is_inf", lambda x: abs(x) == INF),
        ("is_finite", lambda x: abs(x) < INF),
    ):
        row(name, lambda x, value=value: [value(x)], whole + [NAN])
    row("logical_not", lambda x: [x == 0], [0.0, 1.0])
    row("identity", exact(lambda x: x, one, zero), every(rng) + infinite)


# ------------------------------------------------------- rows with a parameter


def parameter_rows(rng):
    points = every(rng) + spread(rng, 80, -104, 0)
    alphas = [0.2, 0.01, 1.0, 2.5]
    leaky = [(x, alphas[i % 4]) for i, x in enumerate(points)]
    yield "leaky_relu", lambda x, alpha: [x, 1, 0] if x > 0 else [alpha * mp.mpf(x), alpha, 0], leaky
    elu = [(x, [1.0, 0.5, 2.0, 1.0][i % 4]) for i, x in enumerate(points)] + [(INF, 1.0), (-INF, 1.0)]
    yield (
        "elu",
        lambda x, alpha: [x, 1, 0] if x > 0 else [alpha * mp.expm1(x), alpha * mp.exp(x), alpha * mp.exp(x)],
        elu,
    )
    near_integers = [x for k in range(1, 5) for x in around(-k) if x != -k]
    at = (
        log_spaced(80, 1e-12, 1e12) + spread(rng, 90, 0, 9) + spread(rng, 60, -6, 0) + near_integers
        + [-x for x in log_spaced(40, 1e-12, 0.9)] + around(1)
    )
    poly = [(x, float(1 + i % 3)) for i, x in enumerate(at)]

    def line(x, n):
        return psi_line(int(n))(x)

    yield "polygamma", line, poly


# --------------------------------------------------------------- binary rows


def pairs(rng, count=150):
    """Pairs of log-spaced magnitudes of every sign, and some that lie close to one another."""
    magnitudes = log_spaced(count, 1e-37, 1e37)
    found = []
    for i in range(count):
        found.append((rng.choice((-1, 1)) * magnitudes[i], rng.choice((-1, 1)) * magnitudes[rng.randrange(count)]))
    for i in range(count):
        a = rng.choice((-1, 1)) * magnitudes[i]
        found.append((a, f32(a * rng.uniform(0.5, 2) * rng.choice((-1, 1)))))
    found += [(f32(rng.uniform(-9, 9)), f32(rng.uniform(-9, 9))) for _ in range(80)]
    for a in (1.0, 3.7, 1e-25, 1e25, 1e-20, 1e20):
        a = f32(a)
        found += [(a, after(a, k)) for k in (-1, 0, 1)] + [(a, -a), (-a, a)]
    return found


def xlogy(a, b):
    return a * mp.log(b) if a != 0 else mp.mpf(0) * b


def logaddexp(a, b):
    return max(a, b) + mp.log1p(mp.exp(-abs(a - b)))


def floor_mod(a, b):
    return a - b * mp.floor(a / b)


def binary_rows(rng):
    every_pair = pairs(rng)
    close = [p for p in every_pair if 1e-18 < abs(p[0]) < 1e18 and 1e-18 < abs(p[1]) < 1e18]
    yield "add", lambda a, b: [mp.mpf(a) + b, 1, 1, 0, 0, 0], every_pair + [(INF, 1.0), (1.0, -INF)]
    yield "sub", lambda a, b: [mp.mpf(a) - b, 1, -1, 0, 0, 0], every_pair + [(INF, 1.0), (1.0, -INF)]
    yield "mul", lambda a, b: [mp.mpf(a) * b, b, a, 0, 1, 0], every_pair + [(INF, 1.0), (2.0, -INF)]
    yield (
        "div",
        lambda a, b: [mp.mpf(a) / b, 1 / mp.mpf(b), -mp.mpf(a) / b / b, 0, -1 / mp.mpf(b) ** 2, 2 * mp.mpf(a) / mp.mpf(b) ** 3],
        every_pair,
    )
    exponents = [2.0, 3.0, 0.5, -1.0, -0.5, 1.0, 1.5, -2.0, 10.0, 0.1, -3.3, 1e-3, 0.7, 1 / 3, 2.2]
    bases = log_spaced(240, 1e-37, 1e37)
    powers = [(a, f32(rng.choice(exponents))) for a in bases]
    powers += [(f32(rng.uniform(0.2, 3)), f32(rng.uniform(-20, 20))) for _ in range(120)]
    powers += [(x, f32(rng.uniform(-300, 300))) for x in around(1) if x != 1]
    powers += [(f32(rng.uniform(0, 9)), f32(rng.uniform(-1, 1) * 10 ** rng.uniform(-30, 0))) for _ in range(40)]

    def power(a, b):
        a, b = mp.mpf(a), mp.mpf(b)
        l = mp.log(a)
        y = mp.exp(b * l)
        return [y, b * y / a, y * l, b * (b - 1) * y / a**2, y / a * (1 + b * l), y * l * l]

    negative = [(-2.0, 3.0), (-2.0, 2.0), (-1.5, -3.0), (-1e-5, 2.0), (-1e5, 3.0), (-3.0, 1.0)]
    known = {(a, b): [mp.mpf(a) ** b, b * mp.mpf(a) ** (b - 1), 0, b * (b - 1) * mp.mpf(a) ** (b - 2), NAN, 0] for a, b in negative}
    known[(0.0, 2.0)] = [0, 0, 0, 2, NAN, 0]
    known[(0.0, 1.0)] = [0, 1, 0, 0, NAN, 0]
    known[(0.0, 0.5)] = [0, INF, 0, -INF, NAN, 0]
    yield "pow", lambda a, b: known.get((a, b)) or power(a, b), powers + list(known)
    ties = every_pair + [(0.0, -0.0), (INF, INF), (INF, -INF), (1.0, INF)]

    def greater(a, b):
        return 1.0 if a > b else 0.5 if a == b else 0.0

    yield "maximum", lambda a, b: [max(a, b), greater(a, b), greater(b, a), 0, 0, 0], ties
    yield "minimum", lambda a, b: [min(a, b), greater(b, a), greater(a, b), 0, 0, 0], ties
    yield "share_of_greater", lambda a, b: [greater(a, b), 0, 0, 0, 0, 0], ties
    yield "same", lambda a, b: [float(a == b or (a != a and b != b)), 0, 0, 0, 0, 0], ties + [(NAN, NAN), (NAN, 1.0)]

    def angle(a, b):
        a, b = mp.mpf(a), mp.mpf(b)
        s = a * a + b * b
        return [mp.atan2(a, b), b / s, -a / s, -2 * a * b / s**2, (a - b) * (a + b) / s**2, 2 * a * b / s**2]

    def angle_slope(a, b):
        a, b = mp.mpf(a), mp.mpf(b)
        s = a * a + b * b
        return [b / s, -2 * a * b / s**2, (a - b) * (a + b) / s**2, 2 * b * (3 * a * a - b * b) / s**3, 2 * a * (3 * b * b - a * a) / s**3, 2 * b * (b * b - 3 * a * a) / s**3]

    def length(a, b):
        a, b = mp.mpf(a), mp.mpf(b)
        h = mp.sqrt(a * a + b * b)
        return [h, a / h, b / h, b * b / h**3, -a * b / h**3, a * a / h**3]

    def direction(a, b):
        a, b = mp.mpf(a), mp.mpf(b)
        h = mp.sqrt(a * a + b * b)
        return [a / h, b * b / h**3, -a * b / h**3, -3 * a * b * b / h**5, b * (2 * a * a - b * b) / h**5, a * (2 * b * b - a * a) / h**5]

    axes = [(s * x, 0.0) for x in (1.0, 2.5, f32(1e-25), f32(1e25)) for s in (1, -1)]
    axes += [(b, a) for a, b in axes]
    flat = {(0.0, 0.0): None, (INF, 1.0): None, (1.0, INF): None, (-INF, 1.0): None, (-2.0, -INF): None}
    angles = {
        (0.0, 0.0): [0, 0, 0, 0, 0, 0],
        (INF, 1.0): [mp.pi / 2, 0, 0, 0, 0, 0],
        (-INF, 1.0): [-mp.pi / 2, 0, 0, 0, 0, 0],
        (1.0, INF): [0, 0, 0, 0, 0, 0],
        (-2.0, -INF): [-mp.pi, 0, 0, 0, 0, 0],
    }
    yield "atan2", lambda a, b: angles.get((a, b)) or angle(a, b), every_pair + axes + list(flat)
    zeros = {key: [0] * 6 for key in flat}
    yield "atan2_slope", lambda a, b: zeros.get((a, b)) or angle_slope(a, b), every_pair + axes + list(flat)
    lengths = {
        (0.0, 0.0): [0, 0, 0, 0, 0, 0],
        (INF, 1.0): [INF, 1, 0, 0, 0, 0],
        (-INF, 1.0): [INF, -1, 0, 0, 0, 0],
        (1.0, INF): [INF, 0, 1, 0, 0, 0],
        (-2.0, -INF): [INF, 0, -1, 0, 0, 0],
    }
    yield "hypot", lambda a, b: lengths.get((a, b)) or length(a, b), every_pair + axes + list(flat)
    directions = {key: [value[1], 0, 0, 0, 0, 0] for key, value in lengths.items()}
    yield "direction", lambda a, b: directions.get((a, b)) or direction(a, b), every_pair + axes + list(flat)

    def remainder(a, b):
        with mp.workdps(120):
            q = mp.floor(mp.mpf(a) / mp.mpf(b))
            return [mp.mpf(a) - q * b, 1, -q]

    wholes = [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (1.0, f32(0.1)), (1.0, 0.1), (6.0, 3.0), (-6.0, 3.0), (0.0, 3.0), (0.3, 0.1), (f32(0.3), f32(0.1))]
    yield "mod", remainder, wholes + [p for p in every_pair if abs(p[0] / p[1]) < 1e20]
    yield (
        "squared_difference",
        lambda a, b: [(mp.mpf(a) - b) ** 2, 2 * (mp.mpf(a) - b), 2 * (mp.mpf(b) - a), 2, -2, 2],
        every_pair,
    )
    yield "scale", lambda a, b: [0 if a == 0 else mp.mpf(a) * b, b, a, 0, 1, 0], every_pair + [(2.0, -INF)]
    logs = [(f32(rng.uniform(-100, 100)), f32(rng.uniform(-100, 100))) for _ in range(120)] + every_pair
    logs += [(a, f32(a + rng.uniform(-90, 90))) for a in (0.0, 1.0, -3.0, 20.0, -50.0, 80.0) for _ in range(10)]

    def log_sum(a, b):
        with mp.workdps(120):
            a, b = mp.mpf(a), mp.mpf(b)
            s, r = sigmoid(a - b), sigmoid(b - a)
            return [logaddexp(a, b), s, r, s * r, -s * r, s * r]

    sums = {
        (-INF, -INF): [-INF, 0, 0, 0, 0, 0],
        (-INF, 1.0): [1, 0, 1, 0, 0, 0],
        (2.0, -INF): [2, 1, 0, 0, 0, 0],
        (INF, 1.0): [INF, 1, 0, 0, 0, 0],
        (INF, -INF): [INF, 1, 0, 0, 0, 0],
        (INF, INF): [INF, 0.5, 0.5, 0.25, -0.25, 0.25],
    }
    yield "logaddexp", lambda a, b: sums.get((a, b)) or log_sum(a, b), logs + list(sums)

    def share(a, b):
        with mp.workdps(120):
            d = mp.mpf(a) - mp.mpf(b)
            s, r = sigmoid(d), sigmoid(-d)
            t = s * r * (r - s)
            return [s, s * r, -s * r, t, -t, t]

    shares = {key: value[1:2] + [value[3], -value[3], 0, 0, 0] for key, value in sums.items()}
    yield "logaddexp_share", lambda a, b: shares.get((a, b)) or share(a, b), logs + list(sums)
    products = [(a, abs(b)) for a, b in every_pair] + [(rng.choice((-1, 1)) * x, x) for x in log_spaced(60, 1e-37, 1e37)] + [(2.0, x) for x in around(1)]

    def a_log_b(a, b):
        a, b = mp.mpf(a), mp.mpf(b)
        return [a * mp.log(b), mp.log(b), a / b, 0, 1 / b, -a / b / b]

    known_logs = {
        (0.0, 0.0): [0, 0, 0, 0, 0, 0],
        (0.0, -1.0): [0, 0, 0, 0, NAN, 0],
        (0.0, 2.0): [0, LN2, 0, 0, 0.5, 0],
        (0.0, INF): [0, INF, 0, 0, 0, 0],
        (1.0, 0.0): [-INF, -INF, INF, 0, INF, -INF],
        (1.0, INF): [INF, INF, 0, 0, 0, 0],
    }
    yield "xlogy", lambda a, b: known_logs.get((a, b)) or a_log_b(a, b), products + list(known_logs)
    near = random.Random(7)
    differences = [(f32(near.uniform(-4, 4)), f32(near.uniform(-4, 4))) for _ in range(300)]
    differences += [(x, x) for x in spread(near, 20, -90, 90)] + [(-0.0, 0.0), (0.0, -0.0)]

    def exp_difference(a, b):
        y = mp.exp(mp.mpf(a) - mp.mpf(b))
        return [y, y, -y, y, -y, y]

    known_differences = {
        (-INF, -INF): [1, 0, 0, 0, 0, 0],
        (-INF, 1.0): [0, 0, 0, 0, 0, 0],
    }
    yield (
        "exp_difference",
        lambda a, b: known_differences.get((a, b)) or exp_difference(a, b),
        differences + list(known_differences),
    )
    for name, value in (
        ("equal", lambda a, b: a == b),
        ("not_equal", lambda a, b: a != b),
        ("less", lambda a, b: a < b),
        ("less_equal", lambda a, b: a <= b),
        ("greater", lambda a, b: a > b),
        ("greater_equal", lambda a, b: a >= b),
    ):
        yield name, lambda a, b, value=value: [value(a, b)], ties + [(NAN, NAN), (NAN, 1.0)]
    truth = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    yield "logical_and", lambda a, b: [a * b], truth
    yield "logical_or", lambda a, b: [max(a, b)], truth
    yield "logical_xor", lambda a, b: [a != b], truth


def ternary_rows(rng):
    def clip(a, low, high):
        value = min(max(a, low), high)
        inside = low <= a <= high
        bound_is_high = a > high or low > high
        return [value, inside, not inside and not bound_is_high, not inside and bound_is_high]

    bounds = [(a, min(b, c), max(b, c)) for (a, b), c in zip(pairs(rng), [f32(rng.uniform(-9, 9)) for _ in range(500)])]
    bounds += [(s, -1.0, 1.0) for s in around(-1, 1)] + [(0.0, 2.0, 1.0)]
    yield "clip", clip, bounds

    def power_below(a, b, n):
        with mp.workdps(100):
            a, e = mp.mpf(a), mp.mpf(b) - n
            l = mp.log(a)
            y = mp.exp(e * l)
            return [y, e * y / a, y * l]

    bases = log_spaced(300, 1e-37, 1e37)
    exponents = [2.0, 3.0, 0.5, -1.0, -0.5, 1.0, 1.5, -2.0, 0.1, -3.3, 1e-3, 0.7, 1 / 3, 2.2, 1e-20]
    yield "power_below", power_below, [(a, f32(rng.choice(exponents)), float(rng.choice((1, 2)))) for a in bases]


def written(op, operands, results):
    cells = [op] + [repr(float(x)) for x in operands] + [repr(number(x) + 0.0 if number(x) == 0 and not isinstance(x, float) else number(x)) for x in results]
    return " ".join(cell[:-2] if cell.endswith(".0") else cell for cell in cells)


def emit(op, line, points, given=None, wide=()):
    # By their text, which tells -0.0 from 0.0.
    given = {key if isinstance(key, str) else repr(key): value for key, value in (given or {}).items()}
    given_points = [tuple(float(x) for x in key.strip("(),").split(",")) for key in given]
    seen, count = set(), 0
    for point in list(points) + given_points + list(wide):
        at = point if isinstance(point, tuple) else (point,)
        key = tuple(repr(x) for x in at)
        if key in seen:
            continue
        seen.add(key)
        try:
            results = given[repr(at)] if repr(at) in given else line(*at)
        except Exception as problem:
            print(f"{op}{at}: {problem!r}", file=sys.stderr)
            raise
        print(written(op, at, results))
        count += 1
    print(op, count, file=sys.stderr)


def main():
    rng = random.Random(2026)
    only = set(sys.argv[1:])
    rows(rng)
    for op, (line, points, given, wide) in UNARY.items():
        if not only or op in only:
            emit(op, line, points, given, wide)
    for source in (parameter_rows, binary_rows, ternary_rows):
        for op, line, points in source(rng):
            if not only or op in only:
                emit(op, line, points)


main()
