"""Dashboard of a trained network."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.boundary import decision_boundary
from jaxbrain.viz.layout import chain
from jaxbrain.viz.network_diagram import network
from jaxbrain.viz.style import pyplot
from jaxbrain.viz.training_curves import curves
from jaxbrain.viz.weight_images import receptive_fields, weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checked
def dashboard(
    history: Any,
    params: Any,
    *,
    predict: Callable[[Any], Any] | None = None,
    x: Any = None,
    y: Any = None,
    probabilities: Callable[[Any], Any] | None = None,
) -> "Figure":
    """Dashboard of a trained network: diagram, learning curve, inputs and weights, as a Figure.

    The third panel is the decision boundary if `predict` and data `[samples, 2]` are given, else
    the receptive fields of the first layer if its inputs form a square image, else its weights. The
    fourth shows the weights of the last layer.

    Args:
      history: as for `curves`.
      params: any pytree with dense kernels, as for `network`.
      predict: from points `[m, 2]` to logits.
      x: the data.
      y: its labels.
      probabilities: from the output of predict to probabilities, as for `decision_boundary`.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> figure = viz.dashboard([1.0, 0.4], [np.ones((4, 3)), np.ones((3, 1))])
      >>> len(figure.axes)
      4
    """
    kernels = chain(params).kernels
    plane = predict is not None and np.ndim(x) == 2 and np.shape(x)[1] == 2
    inputs = kernels[0].shape[0]
    square = inputs >= 16 and round(inputs**0.5) ** 2 == inputs
    figure, panels = pyplot().subplots(2, 2, figsize=(12.0, 9.2), layout="constrained")
    network(params, ax=panels[0, 0])
    curves(history, ax=panels[0, 1]).set_title("learning", fontsize=11)
    if plane and predict is not None:
        decision_boundary(predict, x, y, probabilities=probabilities, ax=panels[1, 0])
    elif square:
        units = kernels[0].shape[1]
        first = receptive_fields(kernels[0], ax=panels[1, 0])
        drawn = f"64 of {units}" if units > 64 else f"{units}"
        first.set_title(f"receptive fields ({drawn} units of the first layer)", fontsize=11)
    else:
        weights(kernels[0], ax=panels[1, 0]).set_title("weights of the first layer", fontsize=11)
    weights(kernels[-1], ax=panels[1, 1]).set_title("weights of the last layer", fontsize=11)
    return figure
