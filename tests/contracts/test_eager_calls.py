"""A second eager call compiles nothing: equal arguments, an equal value, another seed."""

import contextlib

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from tests.contracts.test_config import MAKE
from tests.tables import CELLS, MEMORIES, NETWORKS, RULES

COMPILED = "/jax/core/compile/backend_compile_duration"
SEEDS = 0, 0, 1


@contextlib.contextmanager
def compilations():
    """A list with one entry for each program that is compiled."""
    found = []

    def listen(event, duration, **_):
        if event == COMPILED:
            found.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(autouse=True, scope="module")
def no_check_of_keys():
    """It compiles programs by itself."""
    with jax.debug_key_reuse(False):
        yield


def require_once(make, call, arguments):
    """Call a value, then one that is equal to it, then that with the arguments of another seed."""
    given = [jax.block_until_ready(arguments(make(), seed)) for seed in SEEDS]
    call(make(), *given[0])
    with compilations() as found:
        for arguments in given[1:]:
            call(make(), *arguments)
    assert len(found) == 0


def test_a_loop_over_a_fresh_closure_compiles_at_every_call():
    """The negative control: so does JAX, and the count sees it."""

    def total(xs):
        return jax.lax.scan(lambda sum, x: (sum + x, None), 0.0, xs)[0]

    with compilations() as found:
        for _ in range(3):
            total(jnp.ones(3))
    assert len(found) >= 3


@pytest.mark.parametrize("name", MEMORIES)
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


@pytest.mark.parametrize("name", RULES)
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


@pytest.mark.parametrize("name", ONLINE)
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


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_and_batches_of_them(name):
    case = NETWORKS[name]
    one = jnp.ones(case.shape, case.dtype)
    require_once(case.make, applied, drawn(one))
    require_once(lambda: jb.batch(case.make()), applied, drawn(one[None]))


@pytest.mark.parametrize("name", CELLS)
def test_cells_over_time(name):
    make, shape = CELLS[name]
    require_once(lambda: jb.cells.unroll(make()), applied, drawn(jnp.ones((3, *shape))))


TASKS = [row for row in MAKE if row.split(" ")[0] == "task"]


@pytest.mark.parametrize("name", TASKS)
def test_batches_of_tasks(name):
    require_once(
        lambda: jb.tasks.batches(MAKE[name](), 2),
        lambda draw, key: draw(key),
        lambda draw, seed: (jax.random.key(seed),),
    )
