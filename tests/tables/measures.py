"""Every measure of analysis: a function of arrays, and the shapes that it takes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

import jaxbrain as jb
from jaxbrain import analysis

key = jax.random.key
CELL = jb.cells.elman(3)


class Measure(NamedTuple):
    """A function of arrays, for tests of any input.

    Attributes:
      function: of arrays.
      shapes: that it takes.
      traced: False where it needs numbers.
      undefined: changes of finite numbers (`tests.fuzz.changes`) after which nan or infinity is the
        documented result.
      known: changes to nan or infinity after which a finite result is right.
      costly: True for what is compiled for seconds: in long tests alone.
    """

    function: object
    shapes: tuple
    traced: bool = True
    undefined: tuple = ()
    known: tuple = ()
    costly: bool = False


def params_of_cell():
    return CELL.init(key(0), jax.ShapeDtypeStruct((4,), "float32"))


def pair(function):
    """A measure of two gradients, of two arrays."""
    return lambda a, b: function(({"kernel": a},), ({"kernel": b},))


def population_vector(rates, angles, before):
    return analysis.population_vector(rates, analysis.tuning(angles, before))


def state_of_net():
    return jb.init_state(RULE, optax.sgd(0.1), jnp.ones(3), key=key(0))


def ridge(activity, movement):
    decoder = analysis.ridge_decoder(lags=(0, 1), folds=2)
    return decoder.predict(decoder.fit(activity, movement), activity)


def recurrent(activity, movement):
    decoder = analysis.recurrent_decoder(CELL, bins=2, epochs=2)
    return decoder.predict(decoder.fit(activity, movement, key=key(0)), activity)


RULE = jb.backprop(jb.dense(2), jb.losses.mse)
BATCH = ((5, 3), (5, 2))
PAIR, SAMPLES = ((4, 3), (4, 3)), ((9, 3), (9, 2))
STILL = ("zeros", "constant")  # where nothing varies
FAR = ("huge", "tiny")  # -1e60 is infinite
MEASURES = {
    "adaptation": Measure(
        analysis.adaptation,
        ((3, 4), (4, 4), (5, 4)),
        known=("nan", "infinite"),  # of other reaches
    ),
    "angles": Measure(pair(analysis.angles), PAIR),
    "cca": Measure(analysis.cca, SAMPLES),
    "cka": Measure(analysis.cka, SAMPLES),
    "classify": Measure(analysis.classify, ((5,),), traced=False),
    "condition_inversion": Measure(lambda a: analysis.condition_inversion(a)(key(0)), ((4, 9, 5),)),
    "condition_shuffle": Measure(lambda a: analysis.condition_shuffle(a)(key(0)), ((4, 9, 5),)),
    "decode": Measure(
        lambda a, b: analysis.decode(analysis.ridge_decoder(lags=(0, 1), folds=2), a, b),
        ((40, 3), (40, 2)),
        traced=False,
        undefined=STILL,
    ),
    "dimensionality": Measure(analysis.dimensionality, ((9, 3),)),
    "fixed_points": Measure(
        lambda x, starts: analysis.fixed_points(CELL, params_of_cell(), x, starts, steps=5),
        ((4,), (2, 3)),
        traced=False,
    ),
    "held_out_error": Measure(analysis.held_out_error, ((6,), (6, 4)), traced=False),
    "jpca": Measure(
        lambda a: analysis.jpca(key(0), a, dt=0.1, components=2, surrogates=2), ((4, 9, 5),)
    ),
    "lagged": Measure(lambda a: analysis.lagged(a, (0, 2)), ((9, 3),)),
    "lateral_deviation": Measure(analysis.lateral_deviation, ((9, 2), (2,), (2,))),
    "linear_fit": Measure(analysis.linear_fit, ((9, 2), (9, 2))),
    "lyapunov": Measure(
        lambda xs: analysis.lyapunov(CELL, params_of_cell(), jnp.full(3, 0.1), xs),
        ((5, 4),),
        undefined=("huge",),  # saturated: the perturbation is lost
    ),
    "marginal_covariances": Measure(analysis.marginal_covariances, ((4, 9, 5),)),
    "minimum_jerk_correlation": Measure(
        analysis.minimum_jerk_correlation,
        ((9,),),
        undefined=(*STILL, "yes or no", "one", "one column"),
    ),
    "movement_window": Measure(analysis.movement_window, ((9,),)),
    "norm_ratios": Measure(
        pair(analysis.norm_ratios), PAIR, undefined=("zeros",), known=("infinite",)
    ),
    "pca": Measure(lambda a: analysis.pca(a, 2), ((9, 3),)),
    "population_vector": Measure(population_vector, ((5, 4), (6,), (6, 4))),
    "procrustes": Measure(analysis.procrustes, SAMPLES),
    "r_squared": Measure(
        analysis.r_squared,
        ((9, 2), (9, 2)),
        undefined=(*STILL, "huge", "tiny"),  # -1e60 is infinite
    ),
    "reach_kinematics": Measure(
        analysis.reach_kinematics, ((9, 2), (9, 2), (2,), (2,)), undefined=STILL
    ),
    "reach_time": Measure(analysis.reach_time, ((9, 2), (2,)), known=("infinite",)),
    "sign_agreement": Measure(pair(analysis.sign_agreement), PAIR, known=("infinite",)),
    "similarity": Measure(pair(analysis.similarity), PAIR, undefined=("zeros",)),
    "skew_fit": Measure(analysis.skew_fit, ((9, 2), (9, 2))),
    "svcca": Measure(lambda a, b: analysis.svcca(a, b, 2), SAMPLES),
    "tuning": Measure(analysis.tuning, ((6,), (6, 4))),
    "angles_to": Measure(
        lambda x, y: analysis.angles_to(RULE, RULE, (x, y))(state_of_net()),
        BATCH,
        undefined=("huge",),  # the gradient itself is infinite
        costly=True,
    ),
    "compared_to": Measure(
        lambda x, y: analysis.compared_to(RULE, RULE, (x, y))(state_of_net()),
        BATCH,
        undefined=("huge",),
        costly=True,
    ),
    "bias_and_variance": Measure(
        lambda x, y: analysis.bias_and_variance(
            key(0), RULE, RULE, state_of_net().params, (x, y), samples=2
        ),
        BATCH,
        undefined=("huge",),
        costly=True,
    ),
    "field_sweep": Measure(
        lambda b: analysis.field_sweep(jnp.tanh, b), ((4,),), known=("infinite",)
    ),
    "lesion_sweep": Measure(
        lambda units: analysis.lesion_sweep(jnp.sum, {"some": units}, units=4),
        ((4,),),
        traced=False,
    ),
    "maximum_entropy": Measure(
        lambda a: analysis.maximum_entropy(a)(key(0)), ((4, 9, 5),), costly=True
    ),
    "recurrent_decoder": Measure(recurrent, ((12, 3), (12, 2)), traced=False, costly=True),
    "ridge_decoder": Measure(ridge, ((40, 3), (40, 2)), traced=False),
}
# A training, whose data are those of fit, and an optimizer.
OTHER_MEASURES = {"compare_rules", "frozen_hidden"}
