"""Every value of the tables knows what it was made from: equality, names, pickle, programs."""

import pickle
import subprocess
import sys

import jax
import pytest

import jaxbrain as jb
from jaxbrain.core.program import Program
from jaxbrain.core.structure import is_configured
from tests.tables import CELLS, MEMORIES, NETWORKS, RULES, parts

NET = jb.serial(jb.dense(4), jb.elementwise(jax.numpy.tanh), jb.dense(3))
MAKE = {
    **{f"network {name}": case.make for name, case in NETWORKS.items()},
    **{f"cell {name}": make for name, (make, _) in CELLS.items()},
    **{f"memory {name}": case.make for name, case in MEMORIES.items()},
    **{
        f"{kind} {name}": make
        for kind, table in {
            "task": parts.TASKS,
            "part": parts.PARTS,
            "network": parts.NETWORKS_OF_RULES,
            "function": parts.FUNCTIONS,
            "online rule": parts.ONLINE_RULES,
            "plasticity": parts.PLASTICITIES,
            "other": parts.OTHER_RULES,
        }.items()
        for name, make in table.items()
    },
    **{
        f"rule {name}": lambda rule=rule: rule.make(NET, jb.losses.softmax_cross_entropy)
        for name, rule in RULES.items()
    },
}
values = pytest.mark.parametrize("name", MAKE)


@values
def test_equal_calls_make_equal_values(name):
    one, other = MAKE[name](), MAKE[name]()
    assert is_configured(one) and one.config.make.__name__ in name
    assert one == other and hash(one) == hash(other)
    assert repr(one) == repr(other)


def test_no_two_values_are_equal_or_print_alike():
    made = [make() for make in MAKE.values()]
    assert len(set(made)) == len(made) == len({repr(value) for value in made})


@values
def test_a_value_comes_back_from_pickle(name):
    value = MAKE[name]()
    assert pickle.loads(pickle.dumps(value)) == value


@values
def test_a_value_from_pickle_retraces_nothing(name):
    traces = []

    @jax.jit
    def count(program, x):
        traces.append(program.value)
        return x

    value = MAKE[name]()
    count(Program(value), 1.0)
    count(Program(pickle.loads(pickle.dumps(value))), 2.0)
    assert len(traces) == 1


def test_a_changed_copy_has_no_config():
    net = jb.dense(3)
    other = net._replace(apply=lambda params, x, *, key=None: x)
    assert other.config is None and other != net and hash(other) != hash(net)
    assert other == other._replace() and "Network(init=" in repr(other)


def test_pickled_in_one_process_and_equal_in_another(tmp_path):
    code = """
import pickle, sys
from tests.contracts.test_config import MAKE
with open(sys.argv[1], "rb") as file:
    values = pickle.load(file)
different = [name for name, value in values.items() if value != MAKE[name]()]
sys.exit(f"not equal in another process: {different}" if different else 0)
"""
    path = tmp_path / "values.pickle"
    path.write_bytes(pickle.dumps({name: make() for name, make in MAKE.items()}))
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
