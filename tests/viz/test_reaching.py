"""The dashboard of a motor system: all panels of one page."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain import analysis, motor


def reaches():
    """Of minimum jerk in eight directions: hand, targets."""
    ways = np.arange(8) * np.pi / 4
    start = jnp.array([0.0, 0.4])
    targets = start[None] + 0.1 * jnp.stack([jnp.cos(ways), jnp.sin(ways)], axis=1)
    made = jax.vmap(lambda target: motor.minimum_jerk(start, target, movement_time=0.6))(targets)
    wait = ((0, 0), (20, 40), (0, 0))
    position = jnp.pad(made.position, wait, mode="edge")
    return motor.Hand(position, jnp.pad(made.velocity, wait)), start, targets


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
    figure = viz.motor_dashboard(hand, *seen, go=20, spare=2)
    figure.draw_without_rendering()
    assert [ax.get_label() for ax in figure.axes[-2:]] == ["spare 0", "spare 1"] and steps == 121
    assert not any(ax.has_data() for ax in figure.axes[-2:])
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    texts = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert "minimum jerk (r = 1.000)" in texts
    for wrong, message in (({"spare": 4}, "spare"), ({"go": 500}, "go one of these")):
        with pytest.raises(ValueError, match=message):
            viz.motor_dashboard(hand, *seen, **{"go": 20, **wrong})
