"""Recall, capacity curves and retrieval in several implementations of the same equations."""

import contextlib
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxbrain as jb
from benchmarks import measure
from benchmarks.measure import Options
from benchmarks.results import Table

UNITS, PATTERNS, PROBES, SWEEPS = 1000, 100, 256, 50
BLOCK = 8  # units that share a product; 4 and 32 are slower
LOADS, TRIALS, CURVE_UNITS, CURVE_PROBES = (0.05, 0.1, 0.15, 0.2, 0.3), 20, 200, 50
FEATURES, STORED, QUERIES, BETA = 64, 1000, 256, 0.5


FLIPPED = (0.1, 0.2)


class Job(NamedTuple):
    """One implementation: its name, and a call that is finished when it returns.

    The first result of the call is the same for all implementations.
    """

    label: str
    run: Callable[[], Any]


def compiled(f: Callable, *arguments: Any) -> Callable[[], Any]:
    """A call of the jitted f that waits for its result."""
    program = jax.jit(f)
    return lambda: jax.block_until_ready(program(*arguments))


def table(name: str, title: str, jobs: dict[str, Job], options: Options) -> Table:
    """Milliseconds a call, and the largest difference of the results to those of the first job."""
    reference, *_ = jobs
    timed = {n: measure.Job(job.label, lambda _, job=job: job.run()) for n, job in jobs.items()}
    rows = measure.rows_of(timed, options, reference=reference)
    expected = first_leaf(jobs[reference])
    for job in jobs.values():
        rows[job.label]["apart"] = float(np.abs(first_leaf(job) - expected).max())
    return Table(name, title, rows, jobs[reference].label)


def first_leaf(job: Job) -> np.ndarray:
    """The first array of a result."""
    return np.asarray(jax.tree.leaves(job.run())[0], np.float64)


def recall_tables(options: Options) -> list[Table]:
    """Recall with both updates from cues near their pattern and farther away."""
    size = f"{PROBES} probes, {UNITS:,} units, {PATTERNS} patterns"
    return [
        table(
            f"recall, {update}, {flipped:.0%} flipped", size, recall_jobs(update, flipped), options
        )
        for update in ("asynchronous", "synchronous")
        for flipped in FLIPPED
    ]


def capacity_tables(options: Options) -> list[Table]:
    """A capacity curve."""
    title = (
        f"capacity curve: {CURVE_UNITS} units, {len(LOADS)} loads, {TRIALS} trials of up to "
        f"{CURVE_PROBES} probes"
    )
    return [table("capacity", title, curve_jobs(), options)]


def retrieval_tables(options: Options) -> list[Table]:
    """One step of the modern Hopfield network."""
    title = f"modern Hopfield, one step: {QUERIES} queries of {STORED:,} patterns of {FEATURES}"
    jobs = retrieval_jobs()
    found = table("retrieval", title, jobs, options)
    return [found if "hamux" in jobs else found._replace(notes=("hamux: not installed",))]


def probes(flipped: float) -> tuple[np.ndarray, np.ndarray]:
    """Random patterns [patterns, units] and probes [probes, units] with some bits flipped."""
    rng = np.random.default_rng(0)
    patterns = rng.choice([-1.0, 1.0], (PATTERNS, UNITS)).astype(np.float32)
    turned = rng.random((PROBES, UNITS)).argsort(axis=1) < flipped * UNITS
    signs = np.where(turned, np.float32(-1), np.float32(1))
    return patterns, signs * patterns[np.arange(PROBES) % PATTERNS]


def hebb(patterns: np.ndarray) -> np.ndarray:
    """The weights times n, without a diagonal: whole numbers, whose sums no order can change."""
    weights = patterns.T @ patterns
    np.fill_diagonal(weights, 0)
    return weights


def _sign(field: jax.Array, state: jax.Array) -> jax.Array:
    return jnp.where(field == 0, state, jnp.sign(field))


def _energies(weights: Any, state: Any) -> Any:
    """Energies of states [units, probes]."""
    return -0.5 * (state * (weights @ state)).sum(axis=0)


def hand_asynchronous(weights: jax.Array, cues: jax.Array) -> tuple[jax.Array, ...]:
    """All probes in one array [units, probes]; blocks in which no unit would change are skipped."""
    n, count = weights.shape[0], -(-weights.shape[0] // BLOCK)
    beyond = count * BLOCK - n
    filled = jnp.pad(weights, ((0, beyond), (0, beyond)))
    rows, starts = filled.reshape(count, BLOCK, -1), jnp.arange(count) * BLOCK

    def block(carry, rows_start):
        rows, start = rows_start
        mine, field = (jax.lax.dynamic_slice_in_dim(part, start, BLOCK) for part in carry)

        def change(carry):
            among = jax.lax.dynamic_slice_in_dim(rows, start, BLOCK, axis=1)

            def unit(i, inner):
                mine, field = inner
                new = _sign(field[i], mine[i])
                return mine.at[i].set(new), field + among[:, i, None] * (new - mine[i])[None]

            new, _ = jax.lax.fori_loop(0, BLOCK, unit, (mine, field))
            state = jax.lax.dynamic_update_slice_in_dim(carry[0], new, start, 0)
            return state, carry[1] + rows.T @ (new - mine)

        changes = jnp.any(_sign(field, mine) != mine)
        return jax.lax.cond(changes, change, lambda carry: carry, carry), None

    def sweep(carry):
        old, steps, moving = carry
        new = jax.lax.scan(block, old, (rows, starts))[0]
        return new, steps + moving, jnp.any(new[0] != old[0], axis=0)

    state = jnp.pad(cues.T, ((0, beyond), (0, 0)))
    moving = jnp.ones(len(cues), bool)
    start = ((state, filled @ state), jnp.zeros(len(cues), jnp.int32), moving)
    (state, fields), steps, _ = jax.lax.while_loop(
        lambda c: jnp.any(c[2]) & (jnp.max(c[1]) < SWEEPS), sweep, start
    )
    return state[:n].T, steps, -0.5 * (state * fields).sum(axis=0)


def hand_synchronous(weights: jax.Array, cues: jax.Array) -> tuple[jax.Array, ...]:
    """One matrix product per step, until every probe is at rest or in a cycle of two states.

    The last product also gives the energy. Probes are rows, since columns are slower.
    """
    return _in_step(lambda state: state @ weights, cues)


def hand_low_rank(patterns: jax.Array, cues: jax.Array) -> tuple[jax.Array, ...]:
    """The same from the patterns alone: two thin products per step."""
    return _in_step(lambda state: (state @ patterns.T) @ patterns - len(patterns) * state, cues)


def _in_step(fields: Callable[[jax.Array], jax.Array], cues: jax.Array) -> tuple[jax.Array, ...]:
    def ahead(carry):
        state, field, before, _ = carry
        new = _sign(field, state)
        return new, jnp.any(new != state, axis=1) & jnp.any(new != before, axis=1)

    def step(carry):
        state, _, before, steps = carry
        new, going = ahead(carry)
        new, old = (jnp.where(going[:, None], *pair) for pair in ((new, state), (state, before)))
        return new, fields(new), old, steps + going

    start = (cues, fields(cues), jnp.full_like(cues, jnp.nan), jnp.zeros(len(cues), jnp.int32))
    end = jax.lax.while_loop(lambda c: jnp.any(ahead(c)[1]) & (jnp.max(c[3]) < SWEEPS), step, start)
    state, field, _, steps = end
    return state, steps, -0.5 * (state * field).sum(axis=1)


def numpy_asynchronous(weights: np.ndarray, cues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One product per block of units; probes at rest are no longer computed."""
    state, going = cues.T.copy(), np.arange(len(cues))
    for _ in range(SWEEPS):
        old = state[:, going]
        new = old.copy()
        for start in range(0, len(weights), BLOCK):
            rows = weights[start : start + BLOCK]
            field = rows @ new
            among = rows[:, start : start + BLOCK]
            for i in range(len(rows)):
                was = new[start + i].copy()
                new[start + i] = np.where(field[i] == 0, was, np.sign(field[i]))
                change = new[start + i] - was
                if change.any():
                    field[i + 1 :] += among[i + 1 :, i, None] * change
        state[:, going] = new
        going = going[(new != old).any(axis=0)]
        if not len(going):
            break
    return state.T, _energies(weights, state)


def numpy_synchronous(weights: np.ndarray, cues: np.ndarray, *, drop: bool) -> tuple[Any, Any]:
    """The equations of the hand-written JAX; optionally without the probes at rest."""
    state, going = cues.copy(), np.arange(len(cues))
    before = np.full_like(state, np.nan)
    for _ in range(SWEEPS):
        old = state[going]
        field = old @ weights
        new = np.where(field == 0, old, np.sign(field))
        cycles = (new == before).all(axis=1)
        new[cycles] = old[cycles]
        state[going] = new
        on = (new != old).any(axis=1)
        if not on.any():
            break
        going, before = (
            (going[on], old[on]) if drop else (going, np.where(on[:, None], old, before))
        )
    return state, _energies(weights, state.T)


def factored(update: str, patterns: np.ndarray, cues: jax.Array) -> Callable[[], Any]:
    """Recall by a memory that keeps its patterns as factors."""
    memory = jb.memory.hopfield(
        storage=jb.memory.outer_product_factors,
        update=getattr(jb.memory, update),
        max_steps=SWEEPS,
    )
    params = jb.memory.outer_product_factors(jnp.asarray(patterns))
    return compiled(jax.vmap(memory.recall, in_axes=(None, 0)), params, cues)


def low_rank(patterns: jax.Array) -> tuple[Any, jax.Array]:
    """The same network as a dense memory of degree 2: two thin products per step."""
    memory = jb.memory.dense_associative_memory(
        interaction=jb.memory.polynomial(2), update=jb.memory.dense_synchronous, max_steps=SWEEPS
    )
    with warnings.catch_warnings():  # more patterns than it recalls without errors
        warnings.simplefilter("ignore", UserWarning)
        return memory, memory.store(patterns)


def recall_jobs(update: str, flipped: float) -> dict[str, Job]:
    """Recall of all probes: final states, sweeps and energies."""
    patterns, cues = probes(flipped)
    weights = hebb(patterns)
    by_hand = {"asynchronous": hand_asynchronous, "synchronous": hand_synchronous}[update]
    memory = jb.memory.hopfield(update=getattr(jb.memory, update), max_steps=SWEEPS)
    many = jax.vmap(memory.recall, in_axes=(None, 0))
    arrays = jnp.asarray(weights), jnp.asarray(cues)
    jobs = {
        "hand": Job("hand-written JAX (limit)", compiled(by_hand, *arrays)),
        "jaxbrain": Job("jaxbrain, jit of vmap of recall", compiled(many, *arrays)),
        "factors": Job("jaxbrain, outer_product_factors", factored(update, patterns, arrays[1])),
    }
    left_out = "NumPy, probes at rest left out"
    if update == "asynchronous":
        return {**jobs, "numpy": Job(left_out, partial(numpy_asynchronous, weights, cues))}
    dense, params = low_rank(jnp.asarray(patterns))
    many = jax.vmap(dense.recall, in_axes=(None, 0))
    return {
        **jobs,
        "hand low rank": Job(
            "hand-written JAX from the patterns",
            compiled(hand_low_rank, jnp.asarray(patterns), arrays[1]),
        ),
        "low rank": Job("jaxbrain, dense memory of degree 2", compiled(many, params, arrays[1])),
        "numpy": Job("NumPy", partial(numpy_synchronous, weights, cues, drop=False)),
        "numpy drop": Job(left_out, partial(numpy_synchronous, weights, cues, drop=True)),
    }


def numpy_curve() -> np.ndarray:
    """The mean overlap [loads] of a loop over loads and trials, all probes of a trial at once."""
    rng = np.random.default_rng(0)
    means = np.zeros((len(LOADS), TRIALS))
    for (i, trial), _ in np.ndenumerate(means):
        shape = round(LOADS[i] * CURVE_UNITS), CURVE_UNITS
        patterns = rng.choice([-1.0, 1.0], shape).astype(np.float32)
        cues = patterns[:CURVE_PROBES]
        means[i, trial] = (numpy_asynchronous(hebb(patterns), cues)[0] * cues).mean()
    return means.mean(axis=1)


def curve_jobs() -> dict[str, Job]:
    """Overlap by load with Hebb's rule and asynchronous recall from stored patterns."""
    options = {"trials": TRIALS, "probes": CURVE_PROBES}
    memory, key = jb.memory.hopfield(max_steps=SWEEPS), jax.random.key(0)

    def curve() -> np.ndarray:
        found = jb.memory.capacity_curve(key, memory, CURVE_UNITS, LOADS, **options)
        return found.overlap.mean(axis=1)

    return {
        "numpy": Job("NumPy, loop over loads and trials", numpy_curve),
        "jaxbrain": Job("jaxbrain, capacity_curve", curve),
    }


def hamux_retrieval(patterns: jax.Array, queries: jax.Array) -> Callable[[], Any]:
    """One gradient step on the energy of hamux, with a synapse whose energy is log-sum-exp."""
    import equinox as eqx
    import hamux

    class Lookup(eqx.Module):
        W: jax.Array

        def __call__(self, xhat):
            return -jax.nn.logsumexp(BETA * xhat @ self.W.T) / BETA

    neurons = {"x": hamux.NeuronLayer(hamux.lagr_identity, (FEATURES,))}
    ham = hamux.HAM(neurons, {"lookup": Lookup(patterns)}, [(("x",), "lookup")]).vectorize()

    arrays, static = eqx.partition(ham, eqx.is_array)

    def retrieve(arrays, queries):
        ham, xs = eqx.combine(arrays, static), {"x": queries}
        return queries - ham.dEdact(ham.activations(xs), xs)["x"]

    return compiled(retrieve, arrays, queries)


def retrieval_jobs() -> dict[str, Job]:
    """One step of the modern Hopfield network, which is attention without projections."""
    rng = np.random.default_rng(0)
    patterns = jnp.asarray(rng.normal(size=(STORED, FEATURES)).astype(np.float32))
    noise = rng.normal(size=(QUERIES, FEATURES)).astype(np.float32)
    queries = patterns[:QUERIES] + 0.3 * jnp.asarray(noise)
    memory = jb.memory.modern_hopfield(beta=BETA)
    params, recall = memory.store(patterns), jax.vmap(memory.recall, in_axes=(None, 0))

    def attention(keys, queries):
        return jax.nn.softmax(BETA * queries @ keys.T, axis=-1) @ keys

    def built_in(keys, queries):
        keys = keys[None, :, None]
        return jax.nn.dot_product_attention(queries[None, :, None], keys, keys, scale=BETA)[0, :, 0]

    jobs = {
        "hand": Job("softmax(beta Q K^T) K (limit)", compiled(attention, patterns, queries)),
        "built in": Job("jax.nn.dot_product_attention", compiled(built_in, patterns, queries)),
        "jaxbrain": Job("jaxbrain, the state alone",
                        compiled(lambda p, q: recall(p, q)[0], params, queries)),
        "info": Job("jaxbrain, state and energy", compiled(recall, params, queries)),
    }  # fmt: skip
    with contextlib.suppress(ImportError):
        jobs["hamux"] = Job("hamux, dEdact of a vectorized HAM", hamux_retrieval(patterns, queries))
    return jobs
