"""Programs that JavaScript must compute as JAX does: rules, memories, cells, a synapse, an arm."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from benchmarks.node import Done, Job, words

STEPS = 200
TOLERANCE, ONE_STEP_TOLERANCE = 1e-4, 1e-5


class Case(NamedTuple):
    """A program and how it is compared.

    Attributes:
      make: its function and arguments.
      steps: after how many of them.
      note: why not Adam, or not so many steps.
      tolerance: of a number, relative to the largest of the state.
      state: what is compared, of the first result.
      carries: the first result is the next first argument.
    """

    make: Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]
    steps: int = STEPS
    note: str = ""
    tolerance: float = TOLERANCE
    state: Callable[[Any], Any] = lambda state: state
    carries: bool = True

    def job(self, seconds: float = 0.0) -> Job:
        """The program for Node."""
        function, arguments = self.make()
        return Job(function, arguments, self.steps, self.carries, seconds)


def chain(outputs: int = 2) -> jb.Network:
    """A network with two hidden layers of eight units."""
    tanh = jb.elementwise(jnp.tanh)
    return jb.serial(jb.dense(8), tanh, jb.dense(8), tanh, jb.dense(outputs))


def data(features: int = 4) -> tuple[jax.Array, jax.Array]:
    """A batch of 32 points in two classes."""
    x = jax.random.normal(jax.random.key(5), (32, features))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


# Small differences of gradients, which Adam makes as large as any: compared under SGD.
_SMALL = "SGD: Adam makes rounding errors of small gradients large"
_CHAOS = "SGD, one step: the relaxation makes rounding errors large"
_NOTES = {
    **dict.fromkeys(
        ("sign_symmetry", "predictive_coding", "centered_predictive_coding", "pepita",
         "centered_equilibrium_propagation", "contrastive_hebbian",
         "holomorphic_equilibrium_propagation"), _SMALL),
    **dict.fromkeys(("equilibrium_propagation", "random_sign_equilibrium_propagation"), _CHAOS),
}  # fmt: skip
_OPTIONS: dict[str, dict[str, Any]] = {
    "kolen_pollack": {"decay": 0.1},
    "weight_mirror": {"samples": 8},
    "predictive_coding": {"nudge": 0.1, "steps": 6, "step_size": 0.2},
    "centered_predictive_coding": {"nudge": 0.1, "steps": 6, "step_size": 0.2},
    "clamped_predictive_coding": {"steps": 6, "step_size": 0.2},
    "fixed_prediction_coding": {"steps": 6},
    "incremental_predictive_coding": {"steps": 6, "step_size": 0.2, "weight_step": 0.01},
    "error_predictive_coding": {"nudge": 0.1},
    "lagrangian_predictive_coding": {"nudge": 0.1},
    "asymmetric_equilibrium_propagation": {"nudge": 0.1},
    "equilibrium_propagation": {"nudge": 0.5, "feedback_gain": 0.5},
    "random_sign_equilibrium_propagation": {"nudge": 0.5, "feedback_gain": 0.5},
    "gait_propagation": {"orthogonality": 0.1},
    "node_perturbation": {"scale": 0.3},
    "weight_perturbation": {"scale": 0.3},
}


def training(
    rule: jb.LearningRule, x: Any, y: Any, optimizer: optax.GradientTransformation
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A step of training with its arguments."""
    state = jb.init_state(rule, optimizer, jax.tree.map(lambda a: a[0], x), key=jax.random.key(0))
    return jb.step(rule, optimizer), (state, (x, y))


def rule_case(name: str) -> Case:
    """Training of a small classifier by a rule."""
    note = _NOTES.get(name, "")
    optimizer = optax.sgd(0.1) if note else optax.adam(1e-2)

    def make() -> tuple[Callable[..., Any], tuple[Any, ...]]:
        rule = getattr(jb.learning, name)(
            chain(), jb.losses.softmax_cross_entropy, **_OPTIONS.get(name, {})
        )
        return training(rule, *data(), optimizer)

    one = note == _CHAOS
    tolerance = ONE_STEP_TOLERANCE if one else TOLERANCE
    return Case(make, 1 if one else STEPS, note, tolerance, lambda state: state.params)


# rules of recurrent networks and of machines of their own
_OTHERS = {
    "eprop", "kf_rtrl", "one_step_backprop", "over_time", "rflo", "rtrl", "rtrl_diagonal", "snap",
    "uoro", "generalized_latent_equilibrium", "contrastive_divergence",
    "persistent_contrastive_divergence", "wake_sleep",
}  # fmt: skip
RULES = tuple(
    name
    for name in jb.learning.__all__
    if inspect.isfunction(getattr(jb.learning, name)) and name not in _OTHERS
)


def small_net(name: str) -> Case:
    """The network 2-8-8-1 of the page, on which the speed is a goal."""

    def make() -> tuple[Callable[..., Any], tuple[Any, ...]]:
        x, y = data(2)
        rule = getattr(jb.learning, name)(chain(1), jb.losses.binary_cross_entropy)
        return training(rule, x, y[:, None].astype("float32"), optax.adam(1e-2))

    note = "Adam, one step" if name == "predictive_coding" else ""
    return Case(make, 1 if note else STEPS, note, state=lambda state: state.params)


def recall_case(make_memory: Callable[[], jb.Memory], patterns: Callable[[jax.Array], Any],
                cue: Callable[[Any], Any], *, random: bool = False) -> Case:  # fmt: skip
    """Recall of a corrupted cue."""

    def make() -> tuple[Callable[..., Any], tuple[Any, ...]]:
        memory, stored = make_memory(), patterns(jax.random.key(3))
        params, key = memory.store(stored), jax.random.key(1)

        def recall(state: Any, params: Any, key: jax.Array) -> Any:
            return memory.recall(params, state, **({"key": key} if random else {}))

        return recall, (cue(stored), params, key)

    return Case(make, 1, "one recall", ONE_STEP_TOLERANCE, carries=False)


def bipolar(key: jax.Array, shape: tuple[int, ...] = (3, 40)) -> jax.Array:
    """Random patterns of plus and minus one."""
    return jax.random.rademacher(key, shape, dtype="float32")


def corrupted(patterns: jax.Array) -> jax.Array:
    """The first pattern with a few signs turned."""
    return patterns[0].at[:3].multiply(-1.0)


def _holographic(key: jax.Array) -> Any:
    return tuple(jax.random.normal(key, (2, 3, 256)) / 16)


def _pairs(key: jax.Array) -> Any:
    return bipolar(key), bipolar(jax.random.fold_in(key, 1), (3, 30))


m = jb.memory
MEMORIES = {
    "hopfield": recall_case(lambda: m.hopfield(), bipolar, corrupted),
    "hopfield by factors": recall_case(
        lambda: m.hopfield(storage=m.outer_product_factors), bipolar, corrupted
    ),
    "hopfield, Storkey": recall_case(
        lambda: m.hopfield(storage=m.storkey, update=m.synchronous), bipolar, corrupted
    ),
    "hopfield, heat bath": recall_case(
        lambda: m.hopfield(storage=m.pseudo_inverse, update=m.heat_bath(0.05), max_steps=5),
        bipolar, corrupted, random=True,
    ),
    "graded_hopfield": recall_case(
        lambda: m.graded_hopfield(storage=m.pseudo_inverse), bipolar, corrupted
    ),
    "dense_associative_memory": recall_case(
        lambda: m.dense_associative_memory(), bipolar, corrupted
    ),
    "dense_associative_memory, exponential": recall_case(
        lambda: m.dense_associative_memory(
            interaction=m.exponential(), update=m.dense_synchronous
        ),
        bipolar, corrupted,
    ),
    "modern_hopfield": recall_case(
        lambda: m.modern_hopfield(beta=0.7, max_steps=20), bipolar, corrupted
    ),
    "hierarchical_memory": recall_case(
        lambda: m.hierarchical_memory(visible=m.lagrangians.tanh), bipolar, corrupted
    ),
    "bidirectional_associative_memory": recall_case(
        lambda: m.bidirectional_associative_memory(max_steps=20), _pairs,
        lambda pairs: corrupted(pairs[0]),
    ),
    "willshaw": recall_case(
        lambda: m.willshaw(),
        lambda key: jax.random.bernoulli(key, 0.15, (3, 40)).astype("float32"),
        lambda patterns: patterns[0],
    ),
    "sparse_distributed": recall_case(
        lambda: m.sparse_distributed(jax.random.key(1), locations=300, radius=16), bipolar,
        corrupted,
    ),
    "holographic": recall_case(
        lambda: m.holographic(m.holographic_reduced(256)), _holographic,
        lambda pairs: pairs[0][0],
    ),
}  # fmt: skip


def cell_case(
    make_cell: Callable[[], jb.Cell],
    steps: int = STEPS,
    note: str = "",
    optimizer: optax.GradientTransformation | None = None,
) -> Case:
    """Training of a recurrent network by back-propagation through time."""

    def make() -> tuple[Callable[..., Any], tuple[Any, ...]]:
        net = jb.cells.unroll(jb.cells.stack(make_cell(), jb.lift(jb.dense(1))))
        x = 2 * jax.random.normal(jax.random.key(2), (8, 10, 3))
        y = jnp.cumsum(x.mean(-1, keepdims=True), 1)
        rule = jb.backprop(net, jb.losses.mse)
        return training(rule, x, y, optimizer or optax.adam(1e-2))

    tolerance = ONE_STEP_TOLERANCE if steps == 1 else TOLERANCE
    return Case(make, steps, note, tolerance, lambda state: state.params)


def synapse() -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Oja's rule on random inputs of its own."""
    rule = jb.learning.plasticity.plastic(
        jb.dense(2, bias_init=None), jb.learning.plasticity.sanger()
    )
    x = jax.random.normal(jax.random.key(4), (16, 3)) * jnp.array([[3.0, 1.0, 1.0]])
    return training(rule, x, jnp.zeros((16, 2)), optax.sgd(0.01))


def movement() -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The motor system moves the arm with six muscles."""
    motor = jb.motor
    system = motor.motor_system(motor.cortical_layers(jax.random.key(0), 30), 6)
    loop = motor.closed_loop(system, motor.arm26())
    trials, _ = jb.tasks.batches(motor.tasks.center_out(), 1)(jax.random.key(0))
    now = jax.tree.map(lambda a: a[0, 0], trials)
    params = loop.init(jax.random.key(1), now)

    def step(carry: Any, params: Any, x: Any) -> Any:
        return loop.step(params, carry, x)[0]

    return step, (loop.carry(params, now), params, now)


CASES: dict[str, Case] = {
    **{name: rule_case(name) for name in RULES},
    "backprop, 2-8-8-1": small_net("backprop"),
    "predictive_coding, 2-8-8-1": small_net("predictive_coding"),
    **{f"recall: {name}": case for name, case in MEMORIES.items()},
    "GRU": cell_case(lambda: jb.cells.gru(8)),
    "LSTM": cell_case(lambda: jb.cells.lstm(8)),
    "LIF": cell_case(
        lambda: jb.cells.lif(8),
        1,
        "SGD, one step: a spike more changes all later ones",
        optax.sgd(0.1),
    ),
    "plastic synapse (Sanger)": Case(synapse, state=lambda state: state.params),
    "motor system and arm26": Case(movement),
}


def compare(case: Case, done: Done, job: Job) -> float:
    """The largest difference between what Node and JAX computed."""
    expected, found = in_jax(job), done.results
    if _is_step(expected):
        expected, found = expected[0], found[0]
    return difference(case.state(expected), case.state(found))


def in_jax(job: Job) -> Any:
    """What the job computes, by JAX."""
    function = jax.jit(job.function)
    state, *rest = job.arguments
    results = None
    for _ in range(job.steps):
        results = function(state, *rest)
        state = results[0] if _is_step(results) else results
    return results


def _is_step(results: Any) -> bool:
    """Whether results are those of `jaxbrain.step`: the state and the loss."""
    return (
        type(results) is tuple
        and len(results) == 2
        and isinstance(results[0], jb.training.TrainState)
    )


def difference(expected: Any, found: Any) -> float:
    """The largest difference of a number, relative to the largest number."""
    pairs = [
        (words(a).astype("complex128"), words(b).astype("complex128"))
        for a, b in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True)
    ]
    if not pairs:
        return 0.0
    largest = max(np.abs(a).max(initial=0.0) for a, _ in pairs)
    return float(max(np.abs(a - b).max(initial=0.0) for a, b in pairs) / max(largest, 1e-30))
