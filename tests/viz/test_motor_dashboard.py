"""What examples/reach.py takes from the library: scans with a progress line, tables, the figure."""

import io
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain import analysis, motor
from jaxbrain.training.progress import scan


def test_a_scan_in_chunks_is_a_scan():
    def body(carry, x):
        return carry * 0.5 + x["a"], {"twice": 2 * carry}

    xs = {"a": jnp.arange(7.0)}
    last, found = jax.lax.scan(body, jnp.float32(1), xs)
    for chunk in (1, 3, 7, 50):
        mine, ys = scan(body, jnp.float32(1), xs, chunk=chunk)
        assert mine == last
        np.testing.assert_array_equal(ys["twice"], found["twice"])


def test_a_scan_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stderr", pipe := io.StringIO())
    scan(lambda c, x: (c, x), 0, jnp.arange(10), chunk=5, desc="count", progress=True)
    assert [line.split("  ")[:2] for line in pipe.getvalue().splitlines()] == [
        ["count", " 50 %"], ["count", "100 %"],
    ]  # fmt: skip
    scan(lambda c, x: (c, x), 0, jnp.arange(10), chunk=5)
    assert pipe.getvalue().count("count") == 2


def test_a_scan_refuses_what_it_cannot_divide():
    for xs in (jnp.zeros(0), (jnp.zeros(2), jnp.zeros(3)), ()):
        with pytest.raises(ValueError, match="one number of steps"):
            scan(lambda c, x: (c, x), 0, xs)
    with pytest.raises(ValueError, match="chunk"):
        scan(lambda c, x: (c, x), 0, jnp.zeros(2), chunk=0)


def test_the_population_vector_is_read_from_other_movements():
    rng = np.random.default_rng(0)
    angles = jnp.arange(16.0) * jnp.pi / 8
    preferred = jnp.arange(12.0) * jnp.pi / 6
    rates = 2 + jnp.cos(angles[:, None] - preferred[None])
    assert jnp.abs(analysis.held_out_error(angles, rates)).max() < 1e-5
    turned = rates.at[1::2].set(2 + jnp.cos(angles[1::2, None] + 0.3 - preferred[None]))
    np.testing.assert_allclose(analysis.held_out_error(angles, turned), 0.3, atol=1e-5)
    noise = jnp.asarray(rng.normal(size=rates.shape).astype("float32"))
    assert jnp.abs(analysis.held_out_error(angles, noise, least_r2=0.0)).mean() > 0.5
    with pytest.raises(ValueError, match="angles must be"):
        analysis.held_out_error(angles[:3], rates)


def test_adaptation_takes_the_turning_points():
    null, field, washout = (jnp.arange(6.0).reshape(3, 2) + 10 * i for i in range(3))
    found = analysis.adaptation(null, field, washout)
    assert [side.tolist() for side in found] == [[4, 5], [10, 11], [14, 15], [20, 21], [24, 25]]
    assert str(found).splitlines()[5].split() == [
        "after-effect",
        "20500.00",
        "20000.00",
        "21000.00",
    ]
    with pytest.raises(ValueError, match="field must be"):
        analysis.adaptation(null, field[0], washout)


def reaches():
    """Of minimum jerk in eight directions: hand, targets."""
    ways = np.arange(8) * np.pi / 4
    start = jnp.array([0.0, 0.4])
    targets = start[None] + 0.1 * jnp.stack([jnp.cos(ways), jnp.sin(ways)], axis=1)
    made = jax.vmap(lambda target: motor.minimum_jerk(start, target, movement_time=0.6))(targets)
    wait = ((0, 0), (20, 40), (0, 0))
    position = jnp.pad(made.position, wait, mode="edge")
    return motor.Hand(position, jnp.pad(made.velocity, wait)), start, targets


def test_kinematics_print_what_minimum_jerk_is():
    hand, start, targets = reaches()
    made = jax.vmap(analysis.reach_kinematics, in_axes=(0, 0, None, 0))(*hand, start, targets)
    rows = {line[:36].strip(): line[36:].split() for line in str(made).splitlines()}
    assert rows["correlation with minimum jerk"] == ["1.000", "1.000", "1.000", "1"]
    assert float(rows["peak speed x duration / distance"][0]) == pytest.approx(1.65, abs=0.01)


def test_the_dashboard_draws_all_panels():
    pytest.importorskip("matplotlib").use("Agg")
    from jaxbrain import viz

    hand, _, targets = reaches()
    layers = motor.cortical_layers(jax.random.key(0), 60)
    steps, wave = hand.position.shape[1], jnp.linspace(0, 1, 60)
    drive = (hand.position - hand.position[:, :1]) @ jnp.stack(
        [jnp.cos(9 * wave), jnp.sin(9 * wave)]
    )
    rates = 0.2 + drive
    turns = analysis.jpca(jax.random.key(0), rates, dt=0.01, components=2, surrogates=3)
    weights = jnp.asarray(layers.mask * layers.signs[:, None], jnp.float32)
    seen = (targets, rates, layers, weights, turns)
    figure, spare = viz.motor_dashboard(hand, *seen, go=20, spare=2)
    figure.draw_without_rendering()
    assert len(spare) == 2 and steps == 121
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    texts = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert "minimum jerk (r = 1.000)" in texts
    for wrong, message in (({"spare": 4}, "spare"), ({"go": 500}, "go one of these")):
        with pytest.raises(ValueError, match=message):
            viz.motor_dashboard(hand, *seen, **{"go": 20, **wrong})
