"""What pictures are drawn from: parameters and histories of no training."""

import itertools

import numpy as np

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
