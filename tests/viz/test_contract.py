"""The plot contract for every public function of `jaxbrain.viz`."""

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain.viz as viz
from tests import pictures
from tests.pictures import CALLS, OTHERS, history_of, overlaps, params_of

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.usefixtures("no_figures_left")

PICTURES = pytest.mark.parametrize("name", sorted(CALLS))


@pytest.fixture(autouse=True)
def same_numbers(monkeypatch):
    """A picture does not depend on those that were drawn before it."""
    monkeypatch.setattr(pictures, "RNG", np.random.default_rng(0))


def test_every_public_function_stands_in_the_table():
    assert set(viz.__all__) == {*CALLS, *OTHERS}


@PICTURES
def test_contract(name):
    figure, (left, right) = plt.subplots(1, 2)
    before = dict(matplotlib.rcParams)
    other, numbers = right.get_position().bounds, plt.get_fignums()
    assert CALLS[name](jnp.asarray, ax=left) is left  # NumPy below
    figure.canvas.draw()
    assert plt.get_fignums() == numbers, "opened a figure although it had an Axes"
    assert figure.axes == [left, right], "added an Axes to the user's figure"
    assert right.get_position().bounds == other and not right.has_data()
    assert dict(matplotlib.rcParams) == before


def test_words_that_are_cut_or_lie_on_others_are_found():
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    left.set_ylabel("a label")
    right.plot([0, 1], label="a line")
    right.legend(loc="upper left", title="a legend")
    assert overlaps(figure) == []
    right.text(0.05, 0.95, "words", transform=right.transAxes, va="top")
    assert overlaps(figure) == ["'words' lies on 'the legend'"]
    right.texts[0].remove()
    label = right.text(-0.5, 0.5, "on the left", transform=right.transAxes, in_layout=False)
    assert overlaps(figure) == ["'on the left' lies on another panel"]
    label.set_position((0.9, 0.5))
    assert overlaps(figure) == ["'on the left' is cut"]


@PICTURES
def test_refuses_tracers(name):
    def traced(one):
        CALLS[name](lambda a: jnp.asarray(a) * one.astype(jnp.asarray(a).dtype))
        return one

    with pytest.raises(TypeError, match=r"is traced.*outside jax\.jit"):
        jax.jit(traced)(jnp.ones(()))
    assert plt.get_fignums() == []


@PICTURES
def test_makes_its_own_figure_the_same_each_time(name, monkeypatch):
    def pixels():
        monkeypatch.setattr(pictures, "RNG", np.random.default_rng(0))
        ax = CALLS[name](np.asarray)
        assert isinstance(ax, matplotlib.axes.Axes) and ax.figure.axes == [ax]
        assert overlaps(ax.figure) == []
        ax.figure.canvas.draw()
        return np.asarray(ax.figure.canvas.buffer_rgba())

    np.testing.assert_array_equal(pixels(), pixels())
    assert len(plt.get_fignums()) == 2


@PICTURES
def test_an_array_of_axes_is_refused(name):
    with pytest.raises(TypeError, match="pass one element"):
        CALLS[name](np.asarray, ax=np.zeros(2))


def test_bfloat16_and_one_transfer(monkeypatch):
    calls = []
    monkeypatch.setattr(jax, "device_get", lambda x, get=jax.device_get: calls.append(1) or get(x))
    convert = partial(jnp.asarray, dtype=jnp.bfloat16)
    viz.network(params_of(3, 4, 2, convert=convert))
    assert len(calls) == 1
    viz.curves({"a": history_of(convert), "b": history_of(convert)})
    assert len(calls) == 2


IMPORT = "import sys, jaxbrain.viz; sys.exit('matplotlib' in sys.modules)"
MISSING = """
import sys
sys.modules['matplotlib'] = sys.modules['matplotlib.pyplot'] = None
import numpy as np, jaxbrain.viz as viz
from jaxbrain.analysis import Comparison, Result
from jaxbrain.motor.body.plant import Hand
from jaxbrain.training import History
one = np.ones((2, 3))
result = Result(None, None, History(one, one, {'accuracy': one}, None), 1.0)
found = Comparison({'a': result}, 'accuracy', None)
import jaxbrain as jb
from tests.pictures import points_of
from tests.tables.values import column
from jaxbrain.analysis import Rotations
turns = Rotations(*[one] * len(Rotations._fields))
params = {'kernel': one[:1, :2], 'recurrent': np.eye(2), 'bias': one[0, :2]}
calls = [
    lambda: viz.network([np.ones((2, 2))]), lambda: viz.curves([1.0, 0.5]),
    lambda: viz.decision_boundary(lambda x: x[:, 0], np.eye(2), n=3),
    lambda: viz.weights(np.ones((2, 2))), lambda: viz.receptive_fields(np.ones((4, 2))),
    lambda: viz.activations(np.ones((2, 2))), lambda: viz.alignment(np.ones((2, 2))),
    lambda: viz.rule_scores({'a': [1.0]}),
    lambda: viz.rule_differences({'backprop': [1.0, 2.0], 'a': [1.0, 1.5]}),
    lambda: viz.confusion([0], [0]),
    lambda: viz.recall(*3 * [np.ones((1, 4))]), lambda: viz.energy([1.0, 0.5]),
    lambda: viz.raster(np.ones((2, 2))),
    lambda: viz.landscape(lambda s: s.sum(), n=3), lambda: viz.capacity(([0.1], [0.2])),
    lambda: viz.trajectories(np.eye(2)), lambda: viz.fixed_points(points_of()),
    lambda: viz.eigenvalues([1.0]),
    lambda: viz.phase_portrait(jb.cells.elman(2), params, one[0, :1]),
    lambda: viz.hand_paths(one[:, :2]), lambda: viz.velocity_profiles(one),
    lambda: viz.adaptation_curve(one), lambda: viz.tuning_curves(np.arange(3.0), one[0]),
    lambda: viz.preferred_directions(one[0]), lambda: viz.rotations(one[:, :2]),
    lambda: viz.surrogate_histogram(1.0, one[0]), lambda: viz.laminar_activity(one, list('abc')),
    lambda: viz.connectivity(np.eye(2), ['a', 'b']),
    lambda: viz.arm_animation(one[:, :2], 'arm.gif'),
    lambda: viz.dashboard([1.0], [np.ones((2, 2))]), lambda: viz.rule_table(found),
    lambda: viz.motor_dashboard(Hand(one, one), one, one, column(), one, turns, go=0),
]
assert len(calls) == len(viz.__all__)
for call in calls:
    try:
        call()
    except ImportError as error:
        assert str(error) == 'jaxbrain.viz needs matplotlib: pip install "jaxbrain[viz]"', error
    else:
        sys.exit('no error')
"""


@pytest.mark.parametrize("code", [IMPORT, MISSING], ids=["import", "missing"])
def test_matplotlib_is_imported_late(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
