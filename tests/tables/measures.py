"""Every measure of analysis: a function of arrays, and the shapes that it takes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

import jaxbrain as jb
from jaxbrain import analysis

key = jax.random.key
CELL = jb.cells.elman(3)


class Measure(NamedTuple):
    """A function of arrays, their shapes, and whether it is traced: else it needs numbers."""

    function: object
    shapes: tuple
    traced: bool = True


def params_of_cell():
    return CELL.init(key(0), jax.ShapeDtypeStruct((4,), "float32"))


def pair(function):
    """A measure of two gradients, of two arrays."""
    return lambda a, b: function(({"kernel": a},), ({"kernel": b},))


def population_vector(rates, angles, before):
    return analysis.population_vector(rates, analysis.tuning(angles, before))


PAIR, SAMPLES = ((4, 3), (4, 3)), ((9, 3), (9, 2))
MEASURES = {
    "adaptation": Measure(analysis.adaptation, ((3, 4), (4, 4), (5, 4))),
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
    ),
    "dimensionality": Measure(analysis.dimensionality, ((9, 3),)),
    "fixed_points": Measure(
        lambda x, starts: analysis.fixed_points(CELL, params_of_cell(), x, starts, max_steps=5),
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
        lambda xs: analysis.lyapunov(CELL, params_of_cell(), jnp.full(3, 0.1), xs), ((5, 4),)
    ),
    "marginal_covariances": Measure(analysis.marginal_covariances, ((4, 9, 5),)),
    "minimum_jerk_correlation": Measure(analysis.minimum_jerk_correlation, ((9,),)),
    "movement_window": Measure(analysis.movement_window, ((9,),)),
    "norm_ratios": Measure(pair(analysis.norm_ratios), PAIR),
    "pca": Measure(lambda a: analysis.pca(a, 2), ((9, 3),)),
    "population_vector": Measure(population_vector, ((5, 4), (6,), (6, 4))),
    "procrustes": Measure(analysis.procrustes, SAMPLES),
    "r_squared": Measure(analysis.r_squared, ((9, 2), (9, 2))),
    "reach_kinematics": Measure(analysis.reach_kinematics, ((9, 2), (9, 2), (2,), (2,))),
    "reach_time": Measure(analysis.reach_time, ((9, 2), (2,))),
    "sign_agreement": Measure(pair(analysis.sign_agreement), PAIR),
    "similarity": Measure(pair(analysis.similarity), PAIR),
    "skew_fit": Measure(analysis.skew_fit, ((9, 2), (9, 2))),
    "svcca": Measure(lambda a, b: analysis.svcca(a, b, 2), SAMPLES),
    "tuning": Measure(analysis.tuning, ((6,), (6, 4))),
}
# They take functions, rules or a key, or are made for them.
OTHER_MEASURES = {
    "angles_to", "bias_and_variance", "compare_rules", "compared_to", "field_sweep",
    "frozen_hidden", "lesion_sweep", "maximum_entropy", "recurrent_decoder", "ridge_decoder",
}  # fmt: skip
