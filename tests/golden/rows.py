"""Golden values and gradients of functions of a row: python3 rows.py > rows.txt

Needs mpmath: every number is a 60-digit evaluation, rounded once. A line of rows.txt is

    function parameter | x | cotangent of the value | value | gradient by x

where the parameter is ddof or the order of a norm. Each x is an f32, so that a line holds in f32
and f64; those of the lines that begin with "short" are f16 and bf16 too.
"""

import random
import struct

import mpmath as mp

mp.mp.dps = 60


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def short(x):
    """Eight bits of a significand, of an exponent that f16 has."""
    mantissa, exponent = mp.frexp(mp.mpf(x))
    return float(mp.ldexp(mp.nint(mantissa * 256), int(exponent) - 8))


def logsumexp(x, _):
    greatest = max(x)
    total = mp.fsum(mp.exp(v - greatest) for v in x)
    return [mp.log(total) + greatest], lambda g: [g[0] * mp.exp(v - greatest) / total for v in x]


def softmax(x, _):
    greatest = max(x)
    powers = [mp.exp(v - greatest) for v in x]
    y = [p / mp.fsum(powers) for p in powers]

    def gradient(g):
        inner = mp.fsum(a * b for a, b in zip(g, y))
        return [v * (a - inner) for v, a in zip(y, g)]

    return y, gradient


def log_softmax(x, _):
    total = logsumexp(x, 0)[0][0]
    y = [v - total for v in x]
    return y, lambda g: [a - mp.exp(v) * mp.fsum(g) for v, a in zip(y, g)]


def mean(x, _):
    return [mp.fsum(x) / len(x)], lambda g: [g[0] / len(x) for _ in x]


def centred(x):
    middle = mp.fsum(x) / len(x)
    return [v - middle for v in x]


def var(x, ddof):
    apart, count = centred(x), len(x) - int(ddof)
    value = mp.fsum(v * v for v in apart) / count
    return [value], lambda g: [g[0] * 2 * v / count for v in apart]


def std(x, ddof):
    apart, count = centred(x), len(x) - int(ddof)
    value = mp.sqrt(mp.fsum(v * v for v in apart) / count)
    return [value], lambda g: [g[0] * v / count / value for v in apart]


def norm(x, order):
    sizes = [abs(v) for v in x]
    if order == mp.inf:
        value = max(sizes)
        ties = sizes.count(value)
        return [value], lambda g: [
            g[0] * mp.sign(v) / ties if abs(v) == value else mp.mpf(0) for v in x
        ]
    value = mp.fsum(v**order for v in sizes) ** (1 / mp.mpf(order))
    return [value], lambda g: [
        g[0] * mp.sign(v) * (abs(v) / value) ** (order - 1) if v else mp.mpf(0) for v in x
    ]


# Function, parameter, the shortest row, rows of each kind.
FUNCTIONS = [
    (logsumexp, 0, 1, 45),
    (softmax, 0, 1, 14),
    (log_softmax, 0, 1, 14),
    (mean, 0, 1, 45),
    (var, 1, 2, 45),
    (std, 0, 2, 45),
    (norm, 1, 1, 45),
    (norm, 2, 1, 45),
    (norm, 3, 1, 45),
    (norm, 0.5, 1, 45),
    (norm, mp.inf, 1, 45),
]

KINDS = {
    "near": lambda draw: draw.uniform(-2, 2),
    "far": lambda draw: 1000 + draw.uniform(-2, 2),
    "spread": lambda draw: draw.choice([-1, 1]) * 10 ** draw.uniform(-3, 2),
    "tails": lambda draw: draw.uniform(-80, 80),
    "tiny": lambda draw: 1e-30 * draw.uniform(-2, 2),
    "huge": lambda draw: 1e30 * draw.uniform(-2, 2),
    "ties": lambda draw: float(draw.randint(-1, 1)),
}
SHORT_KINDS = ("near", "spread", "ties")


def numbers(values):
    return " ".join(repr(float(v)) for v in values)


def line(prefix, function, parameter, x, draw):
    value, gradient = function([mp.mpf(v) for v in x], parameter)
    cotangent = [1.0] if len(value) == 1 and len(x) > 1 else [short(draw.uniform(-2, 2)) for _ in value]
    product = gradient([mp.mpf(v) for v in cotangent])
    print(
        f"{prefix}{function.__name__} {float(parameter)!r} | {numbers(x)} | {numbers(cotangent)}"
        f" | {numbers(value)} | {numbers(product)}"
    )


def main():
    draw = random.Random(20261130)
    for function, parameter, least, count in FUNCTIONS:
        for is_short in (False, True):
            for kind, number in KINDS.items():
                if is_short and kind not in SHORT_KINDS:
                    continue
                for i in range(count if not is_short else count // 2):
                    length = least + i % 4 if function not in (softmax, log_softmax) else 1 + i
                    x = [(short if is_short else f32)(number(draw)) for _ in range(length)]
                    if function in (std, norm) and len(set(x)) == 1 and (function is std or not x[0]):
                        x[0] += 1.0  # at a kink the tests say what is right
                    line("short " if is_short else "", function, parameter, x, draw)


main()
