"""Types: networks, cells, learning rules and memories as named tuples of pure functions.

Each type holds the contract of its functions, once, as a typed protocol. All are pytrees without
leaves: they cross ``jax.jit`` as ordinary arguments. Two that were made by equal calls are equal,
so that the second compiles nothing (`jaxbrain.core.config`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxbrain.core.annotations import Inputs, Key, Params
from jaxbrain.core.config import Config, static

Numbers = float | jax.Array | np.ndarray | Sequence[float] | Sequence[Sequence[float]]


class Init(Protocol):
    """``(key, x) -> params``; x is one example or a ``jax.ShapeDtypeStruct`` of it."""

    def __call__(self, key: Key, x: Inputs, /) -> Params: ...


class Apply(Protocol):
    """``(params, x, *, key=None) -> y`` for one example; without a key there is no noise."""

    def __call__(self, params: Params, x: Inputs, /, *, key: Key | None = None) -> Any: ...


class Carry(Protocol):
    """``(params, x) -> carry`` before the first step; x is the input of one step or its shape."""

    def __call__(self, params: Params, x: Inputs, /) -> Any: ...


class Step(Protocol):
    """``(params, carry, x, *, key=None) -> (carry, y)``, the order of ``jax.lax.scan``."""

    def __call__(
        self, params: Params, carry: Any, x: Inputs, /, *, key: Key | None = None
    ) -> tuple[Any, Any]: ...


class Project(Protocol):
    """``(params, xs) -> xs``: the part of a step that needs no carry, for all steps at once."""

    def __call__(self, params: Params, xs: Inputs, /) -> Any: ...


class Loss(Protocol):
    """``(prediction, target) -> loss`` of one example, a scalar."""

    def __call__(self, prediction: Any, target: Any, /) -> jax.Array: ...


class RuleInit(Protocol):
    """``(key, params, x) -> state`` of a rule; ``()`` where it has none. x is one example."""

    def __call__(self, key: Key, params: Params, x: Inputs, /) -> Any: ...


class Grads(Protocol):
    """``(params, state, x, y, *, key=None) -> (loss, grads, state)`` over a batch.

    x and y are ``[batch, ...]``; the loss is the mean over the batch, a scalar; grads has the
    structure of params.
    """

    def __call__(
        self, params: Params, state: Any, x: Inputs, y: Inputs, /, *, key: Key | None = None
    ) -> tuple[jax.Array, Params, Any]: ...


class Store(Protocol):
    """``(patterns) -> params``; ``[n, ...]``, or a pair of keys and values."""

    def __call__(self, patterns: Any, /) -> Params: ...


class Add(Protocol):
    """``(params, pattern) -> params`` with one pattern more."""

    def __call__(self, params: Params, pattern: Any, /) -> Params: ...


class Info(NamedTuple):
    """Result of a recall: steps, convergence and energy.

    Attributes:
      steps: updates (of all units: sweeps) until rest, or all that were allowed.
      converged: True where the last one changed nothing (or less than the tolerance).
      energy: of the returned state; None where the memory has no energy.
    """

    steps: jax.Array
    converged: jax.Array
    energy: jax.Array | None


class Recall(Protocol):
    """``(params, cue, *, key=None) -> (state, info)`` for one cue."""

    def __call__(
        self, params: Params, cue: Inputs, /, *, key: Key | None = None
    ) -> tuple[Any, Info]: ...


class Energy(Protocol):
    """``(params, state) -> energy``, a scalar that never rises along a recall without noise."""

    def __call__(self, params: Params, state: Any, /) -> jax.Array: ...


@static
class Network(NamedTuple):
    """A function with parameters.

    Attributes:
      init: ``(key, x) -> params``; x is one example or a ``jax.ShapeDtypeStruct`` of it.
      apply: ``(params, x, *, key=None) -> y`` for one example. A key means noise: without one,
        dropout and neural noise are off.
      layers: the parts of a chain; ``params[i]`` belongs to ``layers[i]``.
      config: what it was made from; None for one made by hand.
    """

    draws_weights = True  # its init is one draw, see `jaxbrain.core.inits`

    init: Init
    apply: Apply
    layers: tuple["Network", ...] = ()
    config: Config | None = None


@static
class Cell(NamedTuple):
    """Whatever has a state in time: a recurrent cell, a spiking neuron, a body, fast weights.

    Attributes:
      init: ``(key, x) -> params``; x is the input of one step or its ``jax.ShapeDtypeStruct``.
      carry: ``(params, x) -> carry`` before the first step.
      step: ``(params, carry, x, *, key=None) -> (carry, y)``, the order of ``jax.lax.scan``; a
        `jaxbrain.cells.TwoStageStep` where the units affect each other through their drive alone, a
        `jaxbrain.cells.SequenceStep` where a whole sequence has a faster form.
      project: optional ``(params, xs) -> xs``: the part of the step that needs no carry, done for
        the whole sequence in one product before the scan.
      config: what it was made from; None for one made by hand.
    """

    draws_weights = True  # its init is one draw, see `jaxbrain.core.inits`

    init: Init
    carry: Carry
    step: Step
    project: Project | None = None
    config: Config | None = None


@static
class LearningRule(NamedTuple):
    """A ``value_and_grad`` with a state; its gradients go into any optax optimizer.

    Rules are made by ``(net, loss, *, ...)``. Unless a rule says otherwise, net is a `serial` chain
    of one example and loss is ``(prediction, target) -> scalar`` of one example. A **block** is a
    layer with weights and the layers without weights after it. Any network may be a layer, such as
    ``residual(serial(...))``: its derivatives are exact within it, and only the signals of the rule
    cross its border. A rule refuses any other network when it is made, and targets that do not fit
    or a missing key when it is traced; the message names the fix.

    Attributes:
      init: ``(key, params, x) -> state``: feedback weights, running traces; ``()`` for a rule
        without state. x is one example or its ``jax.ShapeDtypeStruct``, as for ``Network.init``.
        A state with a method ``notices() -> {sentence: flag}`` reports failures: `jaxbrain.fit`
        and `jaxbrain.check` warn of them. A flag is a bool, or ``[blocks]``.
      grads: ``(params, state, x, y, *, key=None) -> (loss, grads, state)`` over a batch; the loss
        is the mean over the batch, grads has the structure of params.
      network: the network that is taught, and that predicts.
      config: what it was made from; None for one made by hand.
    """

    init: RuleInit
    grads: Grads
    network: Network
    config: Config | None = None


@static
class Memory(NamedTuple):
    """An associative memory: it completes a part, or a corrupted copy, of a stored pattern.

    Attributes:
      store: ``(patterns) -> params``; patterns ``[n, ...]``, or a pair of keys and values where
        each pattern recalls another.
      recall: ``(params, cue, *, key=None) -> (state, info)`` for one cue; info is an `Info`. A key
        means noise; a memory that cannot do without it says so.
      energy: ``(params, state) -> scalar``, which never rises along a recall without noise; None
        where the memory has none.
      add: optional ``(params, pattern) -> params``: one pattern more, without the others.
      config: what it was made from; None for one made by hand.
    """

    store: Store
    recall: Recall
    energy: Energy | None
    add: Add | None = None
    config: Config | None = None
