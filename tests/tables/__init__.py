"""Every public network, cell, loss, metric and rule: how to build it and what it takes.

What is added to the library stands in one of the tables below, or in EXEMPT with the reason.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from tests.tables.values import (
    answers,
    bipolar,
    column,
    first,
    first_scale,
    random_rows,
    scaled_by,
)


class Case(NamedTuple):
    """How to build a network, and what it takes."""

    make: object
    shape: tuple
    dtype: str = "float32"
    noisy: bool = False


class Rule(NamedTuple):
    """How to build a rule, and what sets it apart from back-propagation."""

    make: object
    draws: bool  # its state is drawn at random
    random: bool  # it needs a key for its gradient
    own_loss: bool  # reports a loss of its own, not that of the prediction
    wide: bool  # refuses half precision


def chain():
    return jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dropout(0.3), jb.dense(3))


# the first word is the public name
NETWORKS = {
    "dense": Case(lambda: jb.dense(3), (4,)),
    "dense without bias": Case(lambda: jb.dense(3, bias_init=None), (4,)),
    "dense of rows": Case(lambda: jb.dense(3, kernel_init=jax.nn.initializers.normal(0.4)), (2, 4)),
    "conv": Case(lambda: jb.conv(3, (3, 2), stride=(2, 1)), (5, 6, 2)),
    "conv padded": Case(lambda: jb.conv(2, (3,), padding=((1, 0),)), (5, 2)),
    "max_pool": Case(lambda: jb.max_pool(2), (4, 6, 2)),
    "avg_pool": Case(lambda: jb.avg_pool((3, 2), stride=2, padding="SAME"), (5, 6, 2)),
    "elementwise": Case(lambda: jb.elementwise(jax.nn.relu), (4,)),
    "flatten": Case(lambda: jb.flatten(), (2, 3)),
    "embed": Case(lambda: jb.embed(7, 3), (5,), "int32"),
    "dropout": Case(lambda: jb.dropout(0.3), (6,), noisy=True),
    "layer_norm": Case(lambda: jb.layer_norm(epsilon=1e-3), (2, 6)),
    "associative_lookup": Case(lambda: jb.associative_lookup(5, 3), (4,)),
    "associative_lookup of rows": Case(lambda: jb.associative_lookup(5, 3, steps=2), (2, 4)),
    "associative_pool": Case(lambda: jb.associative_pool(2, 3, beta=2.0), (6, 4)),
    "self_association": Case(lambda: jb.self_association(6, heads=2), (5, 4)),
    "serial": Case(chain, (4,), noisy=True),
    "parallel": Case(lambda: jb.parallel(jb.dense(3), jb.dropout(0.3)), (4,), noisy=True),
    "residual": Case(
        lambda: jb.residual(jb.serial(jb.dense(4), jb.dropout(0.2)), scale=0.5), (4,), noisy=True
    ),
    "repeated": Case(
        lambda: jb.repeated(jb.serial(jb.dense(4), jb.dropout(0.2)), 3), (4,), noisy=True
    ),
    "unroll": Case(
        lambda: jb.cells.unroll(jb.lift(jb.serial(jb.dense(3), jb.dropout(0.3)))),
        (5, 4),
        noisy=True,
    ),
    "last": Case(lambda: jb.cells.last(), (5, 4)),
    "bidirectional": Case(
        lambda: jb.cells.bidirectional(jb.cells.gru(3), jb.cells.lstm(2)), (5, 4)
    ),
    "parallel_linear_recurrent": Case(lambda: jb.cells.parallel_linear_recurrent(3), (5, 4)),
    "rate_readout": Case(lambda: jb.cells.rate_readout(dt=0.5), (5, 4)),
    "parallel_min_gru": Case(lambda: jb.cells.parallel_min_gru(3), (5, 4)),
    "affine": Case(lambda: jb.affine(jb.dense(3)), (4,)),
    "from_functions": Case(lambda: jb.from_functions(first_scale, scaled_by), (4,)),
    "batch": Case(lambda: jb.batch(chain()), (2, 4), noisy=True),
    "with_precision": Case(lambda: jb.with_precision(chain(), jnp.bfloat16), (4,), noisy=True),
}
CELLS = {
    "lift": (lambda: jb.lift(chain()), (4,)),
    "elman": (lambda: jb.cells.elman(3), (4,)),
    "gru": (lambda: jb.cells.gru(3), (4,)),
    "lstm": (lambda: jb.cells.lstm(3), (4,)),
    "lstm_peephole": (lambda: jb.cells.lstm_peephole(3), (4,)),
    "minimal_gated": (lambda: jb.cells.minimal_gated(3), (4,)),
    "ugrnn": (lambda: jb.cells.ugrnn(3, forget_bias=2.0), (4,)),
    "min_gru": (lambda: jb.cells.min_gru(3), (4,)),
    "ctrnn": (lambda: jb.cells.ctrnn(3, tau=(0.1, 0.2, 0.3)), (4,)),
    "ctrnn learned": (lambda: jb.cells.ctrnn(3, tau=jax.nn.initializers.constant(0.1)), (4,)),
    "leaky_rnn": (lambda: jb.cells.leaky_rnn(3, tau=0.05, noise=0.1), (4,)),
    "stack": (lambda: jb.cells.stack(jb.cells.lstm(3), jb.lift(jb.dense(2))), (4,)),
    "stack on a projection": (
        lambda: jb.cells.stack(jb.memory.linear_attention(3, 2), jb.cells.gru(3)),
        (4,),
    ),
    "residual": (lambda: jb.cells.residual(jb.cells.ugrnn(4)), (4,)),
    "low_rank": (lambda: jb.cells.low_rank(5, 2), (4,)),
    "excitatory_inhibitory": (lambda: jb.cells.excitatory_inhibitory(5), (4,)),
    "excitatory_inhibitory delayed": (
        lambda: jb.cells.excitatory_inhibitory(4, delays=[[3, 1, 2, 1]] * 4, noise=0.1),
        (4,),
    ),
    "connected": (lambda: jb.cells.connected(jb.cells.gru(3), jnp.eye(3)), (4,)),
    "delayed": (lambda: jb.cells.delayed(jb.cells.lstm(3), 2), (4,)),
    "linear_recurrent": (lambda: jb.cells.linear_recurrent(3, features=2), (4,)),
    "lif": (lambda: jb.cells.lif(3, reset=jb.cells.to_zero), (4,)),
    "alif": (lambda: jb.cells.alif(3, beta=0.2, recurrent_init=None), (4,)),
    "izhikevich": (lambda: jb.cells.izhikevich(3, kind=jb.cells.CHATTERING), (4,)),
    "prospective_neurons": (
        lambda: jb.cells.prospective_neurons(
            jb.dense(3), tau=(0.02, 0.01, 0.03), activation=jnp.tanh
        ),
        (4,),
    ),
    "leaky_integrator": (lambda: jb.cells.leaky_integrator(3), (4,)),
    "learned_carry": (lambda: jb.cells.learned_carry(jb.cells.gru(3)), (4,)),
    "hebbian_fast_weights": (lambda: jb.memory.hebbian_fast_weights(3, 2, retention=0.9), (4,)),
    "linear_attention": (lambda: jb.memory.linear_attention(3, 2), (4,)),
    "delta_fast_weights": (lambda: jb.memory.delta_fast_weights(3, 2), (4,)),
    "external_memory": (lambda: jb.memory.external_memory(5, 3), (4,)),
    "echo_state": (lambda: jb.learning.readout.echo_state(5, leak=0.3), (4,)),
    "generator": (lambda: jb.learning.readout.generator(5, 2), (4,)),
    "basal_ganglia": (lambda: jb.motor.basal_ganglia(dopamine=0.3), (4,)),
    "selection": (lambda: jb.motor.selection(), (4,)),
    "laminar_cortex": (lambda: jb.motor.laminar_cortex(column(), noise=0.1), (4,)),
    "motor_system": (lambda: jb.motor.motor_system(column(), 2, channels=3), (4,)),
}
LOSSES = {
    "half_mse": ("prediction", lambda k: jax.random.normal(k, (4,))),
    "mse": ("prediction", lambda k: jax.random.normal(k, (4,))),
    "binary_cross_entropy": ("logits", lambda k: jax.random.uniform(k, (4,))),
    "softmax_cross_entropy": ("logits", lambda k: jax.random.randint(k, (), 0, 4)),
}
# their predictions are probabilities
PROBABILITY_LOSSES = {
    "binary_cross_entropy_of_probabilities": lambda k: jax.random.uniform(k, (4,)),
    "cross_entropy_of_probabilities": lambda k: jax.random.randint(k, (), 0, 4),
}
# of one example: the name of the prediction, its shape, a target
METRICS = {
    "accuracy": ("logits", (4,), lambda k: jax.random.randint(k, (), 0, 4)),
    "top_k_accuracy": ("logits", (7,), lambda k: jax.random.randint(k, (), 0, 7)),
    "binary_accuracy": ("probability", (1,), lambda k: answers(k, (1,))),
    "multilabel_accuracy": ("logits", (3,), lambda k: answers(k, (3,))),
    "exact_match": ("logits", (3,), lambda k: answers(k, (3,))),
    "mean_absolute_error": ("prediction", (3,), lambda k: jax.random.normal(k, (3,))),
}
# of a data set
DATASET_METRICS = {"precision", "recall", "f1", "confusion_matrix", "roc_auc", "r_squared"}
# what they are made of
METRIC_PARTS = {
    "above", "macro", "micro", "most_likely", "over_dataset", "per_class", "support_weighted",
}  # fmt: skip


def rule(name, *, draws=False, random=False, own_loss=False, wide=False, **options):
    """A rule of `jb.learning`, with options that suit a small network."""
    return Rule(
        lambda net, loss, **more: getattr(jb.learning, name)(net, loss, **options, **more),
        draws, random, own_loss, wide,
    )  # fmt: skip


RULES = {
    "backprop": rule("backprop"),
    "feedback_alignment": rule("feedback_alignment", draws=True),
    "direct_feedback_alignment": rule("direct_feedback_alignment", draws=True),
    "direct_random_target_projection": rule("direct_random_target_projection", draws=True),
    "sign_symmetry": rule("sign_symmetry"),
    "fixed_random_sign_symmetry": rule("fixed_random_sign_symmetry", draws=True),
    "batch_random_sign_symmetry": rule("batch_random_sign_symmetry", random=True),
    "kolen_pollack": rule("kolen_pollack", draws=True, decay=0.1),
    "weight_mirror": rule("weight_mirror", draws=True, random=True, samples=8),
    "predictive_coding": rule("predictive_coding", wide=True, nudge=0.1, steps=6, step_size=0.2),
    "centered_predictive_coding": rule(
        "centered_predictive_coding", wide=True, nudge=0.1, steps=6, step_size=0.2
    ),
    "clamped_predictive_coding": rule(
        "clamped_predictive_coding", wide=True, steps=6, step_size=0.2
    ),
    "fixed_prediction_coding": rule("fixed_prediction_coding", wide=True, steps=6),
    "zero_divergence_inference_learning": rule("zero_divergence_inference_learning", wide=True),
    "incremental_predictive_coding": rule(
        "incremental_predictive_coding", wide=True, steps=6, step_size=0.2, weight_step=0.01
    ),
    "error_predictive_coding": rule("error_predictive_coding", wide=True, nudge=0.1),
    "lagrangian_predictive_coding": rule("lagrangian_predictive_coding", wide=True, nudge=0.1),
    "asymmetric_equilibrium_propagation": rule(
        "asymmetric_equilibrium_propagation", wide=True, nudge=0.1
    ),
    "dual_propagation": rule("dual_propagation", wide=True),
    "equilibrium_propagation": rule(
        "equilibrium_propagation", wide=True, nudge=0.5, feedback_gain=0.5
    ),
    "random_sign_equilibrium_propagation": rule(
        "random_sign_equilibrium_propagation", random=True, wide=True, nudge=0.5, feedback_gain=0.5
    ),
    "centered_equilibrium_propagation": rule("centered_equilibrium_propagation", wide=True),
    "holomorphic_equilibrium_propagation": rule("holomorphic_equilibrium_propagation", wide=True),
    "contrastive_hebbian": rule("contrastive_hebbian", wide=True),
    "target_propagation": rule("target_propagation"),
    "difference_target_propagation": rule("difference_target_propagation"),
    "local_difference_reconstruction": rule("local_difference_reconstruction", wide=True),
    "gait_propagation": rule("gait_propagation", wide=True, orthogonality=0.1),
    "local_losses": rule("local_losses", draws=True),
    "forward_forward": rule("forward_forward", random=True, own_loss=True),
    "self_contrastive_forward_forward": rule(
        "self_contrastive_forward_forward", random=True, own_loss=True
    ),
    "pepita": rule("pepita", draws=True, wide=True),
    "forward_gradient": rule("forward_gradient", random=True),
    "node_perturbation": rule("node_perturbation", random=True, wide=True, scale=0.3),
    "weight_perturbation": rule("weight_perturbation", random=True, wide=True, scale=0.3),
}
# rules of machines of their own: test_boltzmann, test_helmholtz
GENERATIVE = {"contrastive_divergence", "persistent_contrastive_divergence", "wake_sleep"}
# rules of recurrent networks, (cell, readout, loss): tests/learning/online
ONLINE = {
    "eprop", "generalized_latent_equilibrium", "kf_rtrl", "one_step_backprop", "over_time", "rflo",
    "rtrl", "rtrl_diagonal", "snap", "uoro",
}  # fmt: skip


class Stored(NamedTuple):
    """How to build a memory, and something that it can keep."""

    make: object
    patterns: object = bipolar  # (key) -> what store takes: few, so that recall is exact
    cue: object = first  # (patterns) -> one cue
    answer: object = first  # (patterns) -> the state that recall must return for it
    key: bool = False  # recall needs a key
    tolerance: float = 0.0


MEMORIES: dict[str, Stored] = {
    "hopfield": Stored(lambda: jb.memory.hopfield()),
    "hopfield outer_product_factors": Stored(
        lambda: jb.memory.hopfield(storage=jb.memory.outer_product_factors)
    ),
    "hopfield storkey synchronous": Stored(
        lambda: jb.memory.hopfield(storage=jb.memory.storkey, update=jb.memory.synchronous)
    ),
    "hopfield pseudo_inverse heat_bath": Stored(
        lambda: jb.memory.hopfield(
            storage=jb.memory.pseudo_inverse, update=jb.memory.heat_bath(0.05), max_steps=5
        ),
        key=True,
    ),
    "graded_hopfield": Stored(
        lambda: jb.memory.graded_hopfield(storage=jb.memory.pseudo_inverse), tolerance=1e-3
    ),
    "dense_associative_memory": Stored(lambda: jb.memory.dense_associative_memory()),
    "dense_associative_memory all at once": Stored(
        lambda: jb.memory.dense_associative_memory(
            interaction=jb.memory.exponential(), update=jb.memory.dense_synchronous
        )
    ),
    "modern_hopfield": Stored(lambda: jb.memory.modern_hopfield(beta=1.0)),
    "modern_hopfield to the end": Stored(
        lambda: jb.memory.modern_hopfield(beta=0.7, max_steps=20), random_rows
    ),
    "hierarchical_memory": Stored(
        lambda: jb.memory.hierarchical_memory(visible=jb.memory.lagrangians.tanh)
    ),
    "bidirectional_associative_memory": Stored(
        lambda: jb.memory.bidirectional_associative_memory(max_steps=20),
        lambda key: (bipolar(key), bipolar(jax.random.fold_in(key, 1), (3, 30))),
        lambda pairs: pairs[0][0],
        lambda pairs: jax.tree.map(first, pairs),
    ),
    "willshaw": Stored(
        lambda: jb.memory.willshaw(),
        lambda key: jax.random.bernoulli(key, 0.15, (3, 40)).astype("float32"),
    ),
    "sparse_distributed": Stored(
        lambda: jb.memory.sparse_distributed(jax.random.key(1), locations=300, radius=16)
    ),
    "holographic": Stored(
        lambda: jb.memory.holographic(jb.memory.holographic_reduced(256)),
        lambda key: tuple(jax.random.normal(key, (2, 3, 256)) / 16),
        lambda pairs: pairs[0][0],
        lambda pairs: pairs[1][0],
    ),
}
EXEMPT = {
    "Cell": "a type", "LearningRule": "a type", "Memory": "a type",
    "Network": "a type",
    "ChunkInfo": "a type", "History": "a type", "TrainState": "a type",
    "NonFiniteError": "an error", "SaveError": "an error",
    "evaluate": "test_metrics", "predict": "test_metrics", "summary": "test_summary_table",
    "Config": "a type",
    "from_equinox": "test_equinox_models", "to_equinox": "test_equinox_models",
    "equinox_params": "test_equinox_models", "linen_params": "test_linen_models",
    "nnx_params": "test_nnx_models",
    "from_linen": "test_linen_models", "to_linen": "test_linen_models",
    "from_nnx": "test_nnx_models", "to_nnx": "test_nnx_models",
    "configured": "test_config", "to_json": "test_model_file", "from_json": "test_model_file",
    "save_model": "test_model_file", "load_model": "test_model_file",
    "load_training": "test_training_file",
    "fit": "test_fitting", "init_state": "test_step", "run": "test_loop",
    "step": "test_step", "check": "test_own_loops",
}  # fmt: skip

# One rule of each mechanism; where the others are slow, these run with the ordinary tests.
MECHANISMS = {
    "backprop", "feedback_alignment", "sign_symmetry", "direct_feedback_alignment",
    "difference_target_propagation", "local_losses", "predictive_coding",
    "error_predictive_coding", "asymmetric_equilibrium_propagation", "forward_forward", "pepita",
    "weight_perturbation",
}  # fmt: skip


def most_slow(names, ordinary):
    """Parameters of a test, those slow that are not ordinary."""
    return [pytest.param(n, marks=() if n in ordinary else pytest.mark.slow) for n in names]
