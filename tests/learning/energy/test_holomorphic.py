"""Holomorphic equilibrium propagation: its equation in NumPy, its error, what it cannot train."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import centered_equilibrium_propagation as centered
from jaxbrain.learning import holomorphic_equilibrium_propagation as holomorphic
from tests.learning.energy.equations import LONG, contrasted, learn, mild
from tests.learning.energy.fixed_point import gaps
from tests.theory import CE, HALF, distance, mlp, problem, same

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)
TANH, DENSE = jb.elementwise(jnp.tanh), jb.dense(3)
losses = pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])


@pytest.mark.parametrize("points, loss", [(4, CE), (3, HALF)])
def test_the_rule_is_its_equation(points, loss):
    params, x, y = mild(NET, loss)
    circle = 0.4 * np.exp(2j * np.pi * np.arange(points) / points)
    rule = holomorphic(NET, loss, radius=0.4, points=points, feedback_gain=0.6, **LONG)
    grads, state = learn(rule, params, x, y)
    want = contrasted(params, x, y, loss, 0.6, [(b, 1 / (points * b)) for b in circle])
    same(grads, want, rtol=1e-7)
    assert state.free < 1e-12 and state.nudged < 1e-12


@losses
def test_the_error_falls_geometrically_with_the_points(loss):
    gap = []
    for points in (2, 4, 8):
        make = functools.partial(holomorphic, points=points)
        gap.append(gaps(make, NET, loss, (0.05,), "radius")[0])
    first, second = np.diff(np.log(gap))
    assert first < np.log(0.02) and 0.7 < second / (2 * first) < 1.4, gap
    assert gap[0] > 1e-3 and gap[2] < 1e-8
    assert gaps(centered, NET, loss, (0.05,))[0] == pytest.approx(gap[0], rel=1e-6)  # two points


@pytest.mark.slow
def test_functions_that_are_not_holomorphic_are_refused():
    kinked = (jax.nn.relu, jnp.abs, jax.nn.elu, jax.nn.hard_tanh, jax.nn.leaky_relu, jnp.conj)
    for f in (*kinked, jax.nn.soft_sign, lambda z: jnp.clip(z, 0, 1)):
        with pytest.raises(ValueError, match=r"layer 1, .*is not holomorphic; use jnp.tanh"):
            holomorphic(jb.serial(DENSE, jb.elementwise(f), DENSE), CE)
    for f in (jnp.tanh, jax.nn.sigmoid, jax.nn.silu, jnp.sin, lambda z: 1.7 * jnp.tanh(2 * z / 3)):
        holomorphic(jb.serial(DENSE, jb.elementwise(f), DENSE), CE)
    with pytest.raises(ValueError, match=r"layer 2, max_pool.*no order; use jb.avg_pool"):
        holomorphic(jb.serial(jb.conv(2, 3), TANH, jb.max_pool(2), jb.flatten(), DENSE), CE)


def test_a_loss_of_your_own_needs_its_derivative():
    def quartic(prediction, target):
        return jnp.sum((prediction - target) ** 4)

    with pytest.raises(ValueError, match=r"that of quartic is not known; give it: error="):
        holomorphic(NET, quartic)
    net = jb.serial(DENSE, TANH, DENSE)
    params, x, y = problem(net, HALF)
    y = 0.1 * y

    def slope(prediction, target):
        return 4 * (prediction - target.astype(prediction.dtype)) ** 3

    settings = {"steps": 40, "nudged_steps": 40}
    rule = holomorphic(net, quartic, radius=1e-4, error=slope, **settings)
    same_rule = centered(net, quartic, nudge=1e-5, **settings)
    grads, want = (learn(r, params, x, y)[0] for r in (rule, same_rule))
    assert distance(grads, want) < 1e-4


@pytest.mark.parametrize(
    "wrong", [{"radius": np.ones(2)}, {"points": 1}, {"points": True}, {"nudged_steps": 0}], ids=str
)
def test_numbers_out_of_range_are_named(wrong):
    with pytest.raises((TypeError, ValueError), match=f"{next(iter(wrong))} must be"):
        holomorphic(NET, CE, **wrong)
