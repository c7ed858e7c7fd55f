"""Every public picture with its data, which come from no training."""

import itertools

import numpy as np

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.analysis import FixedPoints, Result
from jaxbrain.training import History


def params_of(*sizes, convert=np.asarray):
    rng = np.random.default_rng(1)
    return tuple(
        {
            "kernel": convert(rng.normal(size=(m, n)).astype("float32")),
            "bias": convert(rng.normal(size=n).astype("float32")),
        }
        for m, n in itertools.pairwise(sizes)
    )


def history_of(convert=np.asarray, seeds=(), epochs=6):
    loss = convert(np.geomspace(2.0, 0.1, epochs) * np.ones((*seeds, 1)))
    accuracy = convert(np.linspace(0.3, 0.9, epochs) * np.ones((*seeds, 1)))
    return History(loss, convert(np.ones((epochs, 4)) * 0.5), {"accuracy": accuracy}, None)


def points_of(convert=np.asarray):
    """Two stable points and the saddle between them, of two units."""
    jacobian = np.array([np.diag([0.5, 0.2]), np.diag([0.5, 0.2]), np.diag([1.5, 0.2])])
    values = np.diagonal(jacobian, axis1=1, axis2=2).astype(complex)
    states = convert(np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]], "float32"))
    kinds = np.array(["stable node", "stable node", "saddle"])
    counts = np.ones(3, int)
    return FixedPoints(states, states, np.zeros(3), jacobian, values, kinds, counts, 0)


def result(values, seconds=1.0, angles=None):
    every = np.tile(np.asarray(values, float)[:, None], (1, 2))
    loss = np.ones_like(every)
    return Result(None, None, History(loss, loss[..., None], {"score": every}, angles), seconds)


def overlaps(figure):
    """Words and legends that are cut, or that lie on one another or on another panel."""
    figure.draw_without_rendering()
    figure.draw_without_rendering()  # the layout of the first leaves ticks for the second to place
    panels = {ax: [ax, *ax.child_axes] for ax in figure.axes}
    words = [(owner, *word) for owner, parts in panels.items() for ax in parts for word in said(ax)]
    found = []
    for index, (owner, text, box) in enumerate(words):
        page = figure.bbox
        if box.x0 < page.x0 or box.y0 < page.y0 or box.x1 > page.x1 or box.y1 > page.y1:
            found.append(f"{text!r} is cut")
        others = (ax for ax in panels if ax is not owner and (ax.axison or ax.images))
        found += [f"{text!r} lies on another panel" for ax in others if meet(box, ax.bbox)]
        later = words[index + 1 :]
        found += [f"{text!r} lies on {other!r}" for _, other, at in later if meet(box, at)]
    return found


def said(ax):
    """The words of one Axes with the boxes that they cover, in pixels."""
    texts = [ax.title, ax._left_title, ax._right_title, *ax.texts]
    for axis in ax._axis_map.values() if ax.axison else ():
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        texts += [axis.label, *(t for tick in ticks for t in (tick.label1, tick.label2))]
    seen = [text for text in texts if text.get_visible() and text.get_text().strip()]
    # the box of slanted words covers much that they do not
    boxes = [(t.get_text(), t.get_window_extent()) for t in seen if t.get_rotation() % 90 == 0]
    legend = ax.get_legend()
    named = [("the legend", legend.get_window_extent())] if legend else []
    return boxes + named


def meet(one, other):
    """True for boxes that share more than the empty space of a pixel or two around words."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    return min(wide, min(one.y1, other.y1) - max(one.y0, other.y0)) > 2.0


RNG = np.random.default_rng(0)


def array(*shape):
    return RNG.normal(size=shape).astype("float32")


# Every public function, with data as a function of how arrays are made.
CALLS = {
    "network": lambda c, **kw: viz.network(params_of(3, 4, 2, convert=c), **kw),
    "curves": lambda c, **kw: viz.curves(history_of(c), **kw),
    "decision_boundary": lambda c, **kw: viz.decision_boundary(
        lambda x: x[:, 0] * x[:, 1], c(array(12, 2)), c(np.arange(12) % 2), n=12, **kw
    ),
    "weights": lambda c, **kw: viz.weights(c(array(5, 4)), **kw),
    "receptive_fields": lambda c, **kw: viz.receptive_fields(c(array(9, 4)), **kw),
    "activations": lambda c, **kw: viz.activations(c(array(6, 3)), **kw),
    "alignment": lambda c, **kw: viz.alignment(c(np.full((4, 2), 45.0, "float32")), **kw),
    "rule_differences": lambda c, **kw: viz.rule_differences(
        {"backprop": c(array(3)), "a": c(array(3) ** 2)}, **kw
    ),
    "rule_scores": lambda c, **kw: viz.rule_scores({"a": c(np.array([0.9, 0.8], "float32"))}, **kw),
    "confusion": lambda c, **kw: viz.confusion(c(np.arange(3)), c(np.array([0, 1, 1])), **kw),
    "raster": lambda c, **kw: viz.raster({"a": c(np.eye(4, 3, dtype="float32"))}, **kw),
    "recall": lambda c, **kw: viz.recall(
        *(c(np.sign(array(2, 6))) for _ in "pcr"), shape=(2, 3), **kw
    ),
    "energy": lambda c, **kw: viz.energy(c(array(2, 5)), **kw),
    "landscape": lambda c, **kw: viz.landscape(
        lambda s: (s**2).sum(), patterns=c(array(2, 2)), paths=c(array(2, 3, 2)), n=12, **kw
    ),
    "capacity": lambda c, **kw: viz.capacity(
        {"a": (c(np.arange(1.0, 4.0, dtype="float32")), c(array(3, 5)))}, theory={"a": 0.1}, **kw
    ),
    "trajectories": lambda c, **kw: viz.trajectories(c(array(2, 5, 4)), **kw),
    "fixed_points": lambda c, **kw: viz.fixed_points(
        points_of(c), trajectories=c(array(2, 5, 2)), **kw
    ),
    "eigenvalues": lambda c, **kw: viz.eigenvalues(c(array(7)), **kw),
    "phase_portrait": lambda c, **kw: viz.phase_portrait(
        jb.cells.elman(2),
        {"kernel": c(array(1, 2)), "recurrent": c(array(2, 2)), "bias": c(array(2))},
        c(array(1)),
        trajectories=c(array(2, 5, 2)),
        n=12,
        **kw,
    ),
    "hand_paths": lambda c, **kw: viz.hand_paths(c(array(3, 5, 2)), targets=c(array(3, 2)), **kw),
    "velocity_profiles": lambda c, **kw: viz.velocity_profiles(
        c(array(3, 5) ** 2), directions=c(array(3)), reference=c(array(5)), **kw
    ),
    "adaptation_curve": lambda c, **kw: viz.adaptation_curve(
        c(array(2, 9)), phases={"null": 4, "field": 5}, **kw
    ),
    "tuning_curves": lambda c, **kw: viz.tuning_curves(c(array(6)), c(array(6, 4)), **kw),
    "preferred_directions": lambda c, **kw: viz.preferred_directions(
        c(array(6)), c(array(6) ** 2), **kw
    ),
    "rotations": lambda c, **kw: viz.rotations(
        c(array(4, 9, 2)), directions=c(array(4)), r2=0.8, surrogates=c(array(20)), **kw
    ),
    "surrogate_histogram": lambda c, **kw: viz.surrogate_histogram(0.8, c(array(20)), **kw),
    "laminar_activity": lambda c, **kw: viz.laminar_activity(
        c(array(9, 3)), ["L2/3e", "L2/3i", "L5e"], events={"go": 0.05}, **kw
    ),
    "connectivity": lambda c, **kw: viz.connectivity(
        c(array(5, 5)), {"L2/3e": slice(0, 3), "L5e": slice(3, 5)}, **kw
    ),
}
# They draw a figure of several Axes, or write a file.
OTHERS = {"arm_animation", "rule_table", "dashboard", "motor_dashboard"}
