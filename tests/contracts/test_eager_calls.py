"""A second eager call compiles nothing: equal arguments, an equal value, another seed."""

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from jaxbrain.learning.generative import boltzmann
from tests.compilations import programs
from tests.contracts.test_config import MAKE
from tests.tables import CELLS, MEMORIES, NETWORKS, RULES

# One row of each mechanism runs with the ordinary tests; each row compiles a program of its own.
ORDINARY = {
    "hopfield", "hopfield storkey synchronous", "bidirectional_associative_memory",
    "backprop", "predictive_coding", "equilibrium_propagation", "rtrl",
    "dense of rows", "serial", "unroll", "gru", "ctrnn learned", "task flip_flop",
    "lesion_sweep", "field_sweep", "hopfield_overlap", "echo_state init",
}  # fmt: skip
SEEDS = 0, 0, 1


def rows(table):
    """The rows of a table, most of them slow."""
    marks = {name: () if name in ORDINARY else (pytest.mark.slow,) for name in table}
    return pytest.mark.parametrize("name", [pytest.param(n, marks=m) for n, m in marks.items()])


@pytest.fixture(autouse=True, scope="module")
def no_check_of_keys():
    """It compiles programs by itself."""
    with jax.debug_key_reuse(False):
        yield


def require_once(make, call, arguments):
    """Call a value, then one that is equal to it, then that with the arguments of another seed."""
    given = [jax.block_until_ready(arguments(make(), seed)) for seed in SEEDS]
    call(make(), *given[0])
    with programs() as found:
        for arguments in given[1:]:
            call(make(), *arguments)
    assert found.compiled == 0


def test_a_loop_over_a_fresh_closure_compiles_at_every_call():
    """The negative control: so does JAX, and the count sees it."""

    def total(xs):
        return jax.lax.scan(lambda sum, x: (sum + x, None), 0.0, xs)[0]

    with programs() as found:
        for _ in range(3):
            total(jnp.ones(3))
    assert found.compiled >= 3


@rows(MEMORIES)
def test_memories(name):
    case = MEMORIES[name]

    def arguments(memory, seed):
        patterns = case.patterns(jax.random.key(seed))
        return patterns, memory.store(patterns), case.cue(patterns), jax.random.key(seed)

    def call(memory, patterns, params, cue, key):
        state, _ = memory.recall(params, cue, key=key if case.key else None)
        memory.store(patterns)
        if memory.energy is not None:
            memory.energy(params, state)
        if memory.add is not None:
            memory.add(params, jax.tree.map(lambda p: p[-1], patterns))

    require_once(case.make, call, arguments)


NET = jb.serial(jb.dense(2), jb.elementwise(jnp.tanh), jb.dense(2))
X, Y = jnp.ones((2, 3)), jnp.arange(2)


@rows(RULES)
def test_rules(name):
    def make():
        return RULES[name].make(NET, jb.losses.softmax_cross_entropy)

    def arguments(rule, seed):
        key = jax.random.key(seed)
        params = NET.init(key, X[0])
        return params, rule.init(key, params, X[0]), key

    def call(rule, params, state, key):
        rule.grads(params, state, X, Y, key=key)

    require_once(make, call, arguments)


ONLINE = {
    "rtrl": lambda: jb.learning.rtrl(jb.cells.elman(2), jb.dense(2), jb.losses.mse),
    "eprop": lambda: jb.learning.eprop(jb.cells.elman(2), jb.dense(2), jb.losses.mse),
}


@rows(ONLINE)
def test_online_rules(name):
    xs = jnp.ones((2, 4, 2))

    def make():
        return jb.learning.over_time(ONLINE[name]())

    require_once(
        make,
        lambda rule, params: rule.grads(params, (), xs, xs),
        lambda rule, seed: (rule.network.init(jax.random.key(seed), xs[0]),),
    )


def applied(network, params, x, key):
    network.apply(params, x, key=key)


def drawn(x):
    def arguments(network, seed):
        key = jax.random.key(seed)
        return network.init(key, x), x, jax.random.clone(key)

    return arguments


@rows(NETWORKS)
def test_networks_and_batches_of_them(name):
    case = NETWORKS[name]
    one = jnp.ones(case.shape, case.dtype)
    require_once(case.make, applied, drawn(one))
    require_once(lambda: jb.batch(case.make()), applied, drawn(one[None]))


@rows(CELLS)
def test_cells_over_time(name):
    make, shape = CELLS[name]
    require_once(lambda: jb.cells.unroll(make()), applied, drawn(jnp.ones((3, *shape))))


TASKS = [row for row in MAKE if row.split(" ")[0] == "task"]


@rows(TASKS)
def test_batches_of_tasks(name):
    require_once(
        lambda: jb.tasks.batches(MAKE[name](), 2),
        lambda draw, key: draw(key),
        lambda draw, seed: (jax.random.key(seed),),
    )


@jax.jit
def strength(dose):
    return {"force": 2 * dose, "sum": jnp.sum(dose)}


def sleep(key):
    net, params = jb.serial(jb.dense(1)), ({"kernel": jnp.ones((2, 1))},)
    rates = jax.random.uniform(key, (3, 2))
    return jb.memory.sleep_replay(jax.random.clone(key), net, params, rates, thresholds=(0.9,))


def moved(key):
    body = jb.motor.arm26()
    push = jb.motor.Action(jax.random.uniform(key, (body.commands,)), jnp.zeros(2))
    return body.step((), body.carry((), push), push)


def lyapunov(key):
    cell, xs = jb.cells.elman(2), jnp.zeros((4, 1))
    return jb.analysis.lyapunov(cell, cell.init(key, xs[0]), jnp.zeros(2), xs, count=2)


def statistics(key):
    rule = jb.backprop(NET, jb.losses.softmax_cross_entropy)
    params = NET.init(jax.random.clone(key), X[0])
    return jb.analysis.bias_and_variance(key, rule, rule, params, (X, Y), samples=2)


def spikes(key):
    pre, post = jax.random.bernoulli(key, 0.5, (2, 5, 1)).astype(float)
    rule = jb.learning.plasticity.pair_stdp(a_plus=1.0, tau_plus=20.0)
    return jb.learning.plasticity.total_change(rule, jnp.zeros((1, 1)), pre, post)


def chain(key):
    params = boltzmann.rbm(2).init(key, jnp.ones(3))
    return boltzmann.gibbs(jax.random.clone(key), params, jnp.ones(3), steps=2)


def decoded(key):
    activity = jax.random.normal(key, (20, 3))
    decoder = jb.analysis.recurrent_decoder(jb.cells.gru(2), bins=2, epochs=1)
    params = decoder.fit(activity, activity[:, :1], key=jax.random.clone(key))
    decoder.predict(params, activity)
    keys = jax.random.split(key, 2)
    return jb.analysis.decode(decoder, activity, activity[:, :1], key=keys).predicted


def heated(key):
    update = jb.memory.heat_bath(0.1)
    return update(jnp.ones((3, 3)), jnp.ones(3), key, 4)


FUNCTIONS = {
    "lesion_sweep": lambda key: jb.analysis.lesion_sweep(
        strength, {"first": [0]}, units=3, gain=jax.random.uniform(key), batch_size=1
    ),
    "field_sweep": lambda key: jb.analysis.field_sweep(
        strength, jax.random.uniform(key, (2,)), batch_size=1
    ),
    "recurrent_decoder": decoded,
    "hopfield_overlap": lambda key: jb.memory.hopfield_overlap(jax.random.uniform(key, (2,))),
    "echo_state init": lambda key: jb.learning.readout.echo_state(4).init(key, jnp.ones(2)),
    "sleep_replay": sleep,
    "arm26 step": moved,
    "lyapunov": lyapunov,
    "bias_and_variance": statistics,
    "total_change": spikes,
    "gibbs": chain,
    "heat_bath": heated,
    "lqr": lambda key: jb.motor.lqr(
        *jax.random.uniform(key, (2, 2, 2)), *([jnp.eye(2)] * 2), steps=3, final=jnp.eye(2)
    ),
}  # fmt: skip


@rows(FUNCTIONS)
def test_other_functions(name):
    require_once(
        lambda: FUNCTIONS[name],
        lambda function, key: jax.block_until_ready(function(key)),
        lambda function, seed: (jax.random.key(seed),),
    )
