"""Golden values and vector-Jacobian products of softmax, reductions, matmul and gather:
python3 structured.py > structured.h

Needs jax.
"""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def array(name, values, kind="double"):
    """A flat, row-major C++ array; the shape goes into a comment."""
    values = np.asarray(values)
    flat = values.reshape(-1).tolist()
    shape = "{" + ", ".join(str(n) for n in values.shape) + "}"
    print(f"inline constexpr {kind} {name}[{len(flat)}] = {{  // shape {shape}")
    line = "   "
    for x in flat:
        text = f" {x!r},"
        if len(line) + len(text) > 100:
            print(line)
            line = "   "
        line += text
    print(line)
    print("};")


def golden(name, fn, inputs, cotangent):
    """Value, cotangent and the product of each (name, array) input."""
    value, vjp = jax.vjp(fn, *[jnp.array(x) for _, x in inputs])
    assert value.shape == np.shape(cotangent), (name, value.shape, np.shape(cotangent))
    for label, x in inputs:
        array(f"k{name}{label}", x)
    array(f"k{name}Value", value)
    array(f"k{name}Cotangent", cotangent)
    for (label, _), product in zip(inputs, vjp(jnp.array(cotangent))):
        array(f"k{name}By{label}", product)
    print()


def max_ties(x):
    """The maximum over the last axis; the gradient is shared equally among ties."""

    @jax.custom_vjp
    def f(x):
        return jnp.max(x, axis=-1)

    def forward(x):
        return f(x), x

    def backward(x, g):
        hit = (x == jnp.max(x, axis=-1, keepdims=True)).astype(x.dtype)
        return (g[..., None] * hit / jnp.sum(hit, axis=-1, keepdims=True),)

    f.defvjp(forward, backward)
    return f(x)


def fixed(*shape, seed):
    """Numbers with two decimals in [-2, 2), so that the header's inputs are short and exact."""
    return np.round(np.random.default_rng(seed).uniform(-2, 2, shape), 2)


def main():
    print(f"""\
// Structured ops in f64: values, and vector-Jacobian products (suffix By); flat, row-major.
// Made by tests/golden/structured.py with JAX {jax.__version__}; do not edit.
#pragma once

namespace tendon::golden {{

// clang-format off""")
    x = np.array(
        [[0.5, -1.25, 2.0, 0.0], [30.0, 29.5, -4.0, 30.25], [-800.0, -801.0, -799.5, -805.0]]
    )
    g = fixed(3, 4, seed=1)
    row = fixed(3, seed=2)
    print("// Over the last axis.")
    golden("Softmax", lambda x: jax.nn.softmax(x, axis=-1), [("Input", x)], g)
    golden("LogSoftmax", lambda x: jax.nn.log_softmax(x, axis=-1), [("Input", x)], g)
    golden("LogSumExp", lambda x: jax.nn.logsumexp(x, axis=-1), [("Input", x)], row)
    ties = np.array([[1.0, 3.0, 3.0, -2.0], [0.5, 0.5, 0.5, 0.5], [4.0, -1.0, 2.0, 3.0]])
    golden("ReduceMax", max_ties, [("Input", ties)], row)
    golden("ReduceMean", lambda x: jnp.mean(x, axis=-1), [("Input", fixed(3, 4, seed=3))], row)

    print("// {2, 3} by {3, 4}; Tn: the left operand is stored {3, 2}; Nt: the right one {4, 3}.")
    a, b, gm = fixed(2, 3, seed=4), fixed(3, 4, seed=5), fixed(2, 4, seed=6)
    for name, left, right in (("Nn", 0, 0), ("Tn", 1, 0), ("Nt", 0, 1), ("Tt", 1, 1)):

        def product(a, b, left=left, right=right):
            return jnp.matmul(a.T if left else a, b.T if right else b)

        stored = [("A", a.T if left else a), ("B", b.T if right else b)]
        golden("Matmul" + name, product, stored, gm)

    print("// {2, 2, 3} by {3, 2}: the right operand is broadcast over the batch; stored as above.")
    a, b, gm = fixed(2, 2, 3, seed=7), fixed(3, 2, seed=8), fixed(2, 2, 2, seed=9)
    for name, left, right in (("Nn", 0, 0), ("Tn", 1, 0), ("Nt", 0, 1), ("Tt", 1, 1)):

        def batched(a, b, left=left, right=right):
            return jnp.matmul(jnp.swapaxes(a, -1, -2) if left else a, b.T if right else b)

        stored = [("A", np.swapaxes(a, -1, -2) if left else a), ("B", b.T if right else b)]
        golden("BatchMatmul" + name, batched, stored, gm)

    print("// Along axis 1 of {2, 4, 3}.")
    indices = np.array([2, 0, 2, 3, 2])
    array("kGatherIndices", indices, "int")
    golden(
        "Gather",
        lambda x: jnp.take(x, indices, axis=1),
        [("Input", fixed(2, 4, 3, seed=10))],
        fixed(2, 5, 3, seed=11),
    )
    print("// clang-format on\n\n}  // namespace tendon::golden")


main()
