"""Bodies as cells: the integrator, rest, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import MOTORNET, Action

pytestmark = pytest.mark.x64


def test_runge_kutta_is_taylor_to_order_four_and_errs_16_times_less():
    z = -0.3
    step = jb.motor.runge_kutta(lambda s: z * s, jnp.array(1.0), 1.0)
    np.testing.assert_allclose(step, 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24, rtol=1e-15)

    def flow(s):  # an oscillator, in a structure
        return {"x": s["v"], "v": -s["x"]}

    @jax.jit
    def error(steps):
        start = {"x": jnp.ones(2), "v": jnp.zeros(2)}
        one = lambda _, s: jb.motor.runge_kutta(flow, s, 2 / steps)  # noqa: E731
        return jnp.abs(jax.lax.fori_loop(0, steps, one, start)["x"] - jnp.cos(2.0)).max()

    errors = [float(error(steps)) for steps in (10, 20, 40)]
    assert 12 < errors[0] / errors[1] < 20 and 12 < errors[1] / errors[2] < 20
    single = jb.motor.runge_kutta(lambda s: -s, jnp.float32(1.0), jnp.float64(0.1))
    assert single.dtype == jnp.float32


def test_a_body_is_a_cell_at_rest_where_it_is_placed():
    for plant in (jb.motor.two_link_arm(), jb.motor.point_mass()):
        assert plant == type(plant)(*plant)
        with jax.enable_x64(False):
            actions = Action(jnp.zeros((5, 2)), jnp.zeros((5, 2)))
            net = jb.cells.unroll(plant.cell)
            hands = jax.jit(net.apply)(net.init(jax.random.key(0), actions), actions)
            np.testing.assert_allclose(hands.position, np.tile([0.0, 0.4], (5, 1)), atol=1e-6)
            assert hands.position.dtype == hands.velocity.dtype == jnp.float32
            state = plant.place((), jnp.array([0.05, 0.45]))
            assert plant.sensory_feedback((), state).shape == (4,)
            np.testing.assert_allclose(plant.hand((), state).position, [0.05, 0.45], atol=1e-6)
    assert jb.motor.two_link_arm() == jb.motor.two_link_arm()
    assert jb.motor.two_link_arm() != jb.motor.two_link_arm(arm=MOTORNET)


@pytest.mark.parametrize("make", [jb.motor.point_mass, jb.motor.two_link_arm, jb.motor.arm26])
def test_a_step_refuses_an_action_of_another_shape(make):
    plant = make()
    good = Action(jnp.zeros(plant.commands), jnp.zeros(2))
    state = plant.carry((), good)
    for field, shape in (("command", (1,)), ("force", ()), ("force", (1,)), ("force", (3,))):
        bad = good._replace(**{field: jnp.zeros(shape)})
        with pytest.raises(ValueError, match=rf": Action.{field} must be of shape \(\d,\)"):
            jax.eval_shape(plant.step, (), state, bad)
    with pytest.raises(TypeError, match=r"action must be an Action, got an array"):
        plant.step((), state, good.command)
