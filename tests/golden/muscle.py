"""Golden residual, loss, gradient and Hessian-vector product of the muscle fit:
python3 muscle.py > muscle.h

Needs jax. Curves: De Groote, Kinney, Rao, Fregly (2016). Samples: rows of a walking trial of
OpenSim's gait10dof18musc (CC BY 3.0).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


class Muscle(NamedTuple):
    name: str
    force: float
    fiber: float
    slack: float
    pennation: float
    vmax: float
    samples: list  # activation, fiber length, fiber velocity, tendon force, muscle-tendon length


MUSCLES = [
    Muscle(
        "hamstrings_r",
        2700.0,
        0.12363108,
        0.36975901,
        0.0,
        10.0,
        [
            (0.184017, 0.1156819, -0.0827281, 572.035, 0.49274559),
            (0.123737, 0.1017202, -0.0660375, 210.4588, 0.47480722),
            (0.326759, 0.08284782, -0.0183149, 562.1805, 0.45982147),
            (0.571727, 0.0652745, -0.0473942, 240.7585, 0.43876176),
            (0.0347737, 0.09587988, 0.219979, 148.6984, 0.46809847),
        ],
    ),
    Muscle(
        "gastroc_r",
        2500.0,
        0.060085802,
        0.39055771,
        0.29670597,
        10.0,
        [
            (0.1657, 0.08892135, -0.0219988, 417.5964, 0.48421129),
            (0.0261305, 0.08994565, 0.009726, 64.49448, 0.48006695),
            (0.686181, 0.09207722, -0.0426935, 1275.158, 0.49447645),
            (0.72014, 0.07403767, -0.292191, 381.5196, 0.46853743),
            (0.0306506, 0.07371273, 0.0872465, 99.91697, 0.46409235),
        ],
    ),
    Muscle(
        "soleus_r",
        5137.0,
        0.050288803,
        0.25144401,
        0.43633231,
        10.0,
        [
            (0.02, 0.04530854, -0.00762861, 74.52212, 0.29194022),
            (0.548973, 0.04609398, -0.0533966, 1427.651, 0.29833602),
            (0.285432, 0.04955426, 0.0993246, 1772.361, 0.30310291),
            (0.497063, 0.04334771, -0.109809, 793.6646, 0.29316006),
            (0.0438541, 0.04822968, -0.00394895, 191.3779, 0.29591311),
        ],
    ),
]

# The start of the fit, off the true parameters by these factors.
PERTURBED = (1.1, 0.95, 1.01)

ACTIVE = (
    (0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465),
    (0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188),
    (0.1, 1.0, 0.353553390593274, 0.0),
)
K_PE, E0 = 4.0, 0.6
PE_OFFSET = math.exp(K_PE * (0.2 - 1.0) / E0)
D1, D2, D3, D4 = -0.3211346127989808, -8.149, -0.374, 0.8825327733249912
C1, C2, C3 = 0.2, 1.0, 0.2
K_T = math.log((1 + C3) / C1) / (1 + 0.049 - C2)
MAX_SINE = 0.95
EQUILIBRIUM_WEIGHT = 0.1


def active_force_length(x):
    return sum(
        b1 * jnp.exp(-((x - b2) ** 2) / (2 * (b3 + b4 * x) ** 2)) for b1, b2, b3, b4 in ACTIVE
    )


def passive_force_length(x):
    return (jnp.exp(K_PE * (x - 1) / E0) - PE_OFFSET) / (math.exp(K_PE) - PE_OFFSET)


def force_velocity(v):
    x = D2 * v + D3
    return D1 * jnp.log(x + jnp.sqrt(x * x + 1)) + D4


def tendon_force(t):
    return C1 * jnp.exp(K_T * (t - C2)) - C3


def forces(parameters, data):
    """Tendon and muscle force over F0, for each sample."""
    _, fiber, slack = parameters[:, :, None]
    activation, length, velocity, _, total, pennation, vmax = data
    sine = jnp.minimum(fiber * jnp.sin(pennation) / length, MAX_SINE)
    cosine = jnp.sqrt(1 - sine * sine)
    x = length / fiber
    v = velocity / (fiber * vmax)
    active = activation * active_force_length(x) * force_velocity(v)
    muscle = (active + passive_force_length(x)) * cosine
    return tendon_force((total - length * cosine) / slack), muscle


def residual(parameters, data):
    tendon, muscle = forces(parameters, data)
    return tendon - muscle


def loss(parameters, data):
    """The sum over muscles of the mean over samples of e^2 + w q^2."""
    tendon, muscle = forces(parameters, data)
    measured = data[3] / parameters[0][:, None]
    e = jnp.log((tendon + C3) / (measured + C3))
    q = jnp.log1p((tendon - muscle) / (muscle + C3))
    return jnp.sum(jnp.mean(e * e + EQUILIBRIUM_WEIGHT * q * q, axis=1))


def array(kind, name, shape, values):
    """A C++ constexpr array in lines of at most 100 columns."""
    dims = "".join(f"[{n}]" for n in shape)
    print(f"inline constexpr {kind} {name}{dims} = {{")
    rows = np.asarray(values, dtype=np.float64).reshape(-1, shape[-1])
    for row in rows:
        opening, closing = ("{", "},") if len(shape) == 2 else ("", ",")
        line = "    " + opening
        for i, x in enumerate(row):
            text = repr(float(x)) + (closing if i == len(row) - 1 else ",")
            if len(line) + 1 + len(text) > 100:
                print(line)
                line = "    " + " " * len(opening) + text
            else:
                line += ("" if i == 0 else " ") + text
        print(line)
    print("};")


def main():
    samples = np.array([m.samples for m in MUSCLES])
    data = [samples[:, :, i] for i in range(5)]
    data += [np.array([[m.pennation] for m in MUSCLES]), np.array([[m.vmax] for m in MUSCLES])]
    true = np.array([[m.force, m.fiber, m.slack] for m in MUSCLES]).T
    parameters = jnp.array(true * np.array(PERTURBED)[:, None])
    gradient = jax.grad(loss)
    _, product = jax.jvp(lambda p: gradient(p, data), (parameters,), (parameters,))
    muscles, frames = samples.shape[:2]

    force, fiber, slack = PERTURBED
    print(f"""\
// The muscle fit at five frames of three muscles: residual, loss, gradient, Hessian-vector product.
// Made by tests/golden/muscle.py with JAX {jax.__version__}; do not edit.
// Inputs: {", ".join(m.name for m in MUSCLES)} of a walking trial of OpenSim's gait10dof18musc
// (A. Seth, after Delp et al. 1990; CC BY 3.0). Parameters: the model's, force x {force},
// fiber x {fiber}, slack x {slack}. sin(alpha) = min(l0 sin(alpha0) / lM, {MAX_SINE}).
// Loss: the sum over muscles of the mean over frames of e^2 + {EQUILIBRIUM_WEIGHT} q^2, with
// e = log((f_T + 0.2) / (F / F0 + 0.2)) and q = log1p(r / (f_M + 0.2)).
#pragma once

namespace tendon::golden {{

inline constexpr int kMuscles = {muscles};
inline constexpr int kMuscleFrames = {frames};

// clang-format off
// Samples, one row a muscle; lengths in m, velocity in m/s, force in N.""")
    names = ("Activation", "FiberLength", "FiberVelocity", "TendonForce", "MuscleTendonLength")
    shape = (muscles, frames)
    for name, values in zip(names, data):
        array("double", "kMuscle" + name, shape, values)
    array("double", "kMusclePennation", (muscles,), data[5])
    array("double", "kMuscleMaxVelocity", (muscles,), data[6])
    print("\n// Parameters, where everything below is evaluated.")
    for name, values in zip(("Force", "Fiber", "Slack"), parameters):
        array("double", f"kMuscle{name}", (muscles,), values)
    print("\n// f_T - (a f_L f_V + f_PE) cos(alpha)")
    array("double", "kMuscleResidual", shape, residual(parameters, data))
    print(f"\ninline constexpr double kMuscleLoss = {float(loss(parameters, data))!r};")
    print("\n// d loss / d parameter")
    for name, values in zip(("Force", "Fiber", "Slack"), gradient(parameters, data)):
        array("double", f"kMuscleLossBy{name}", (muscles,), values)
    print("\n// The Hessian of the loss times the parameters themselves.")
    for name, values in zip(("Force", "Fiber", "Slack"), product):
        array("double", f"kMuscleHessianTimesParametersBy{name}", (muscles,), values)
    print("// clang-format on\n\n}  // namespace tendon::golden")


main()
