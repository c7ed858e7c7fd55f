"""What a checkpoint recognises its run by: the whole configuration, the same in every process."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.fingerprint import fingerprint

INIT = jax.nn.initializers


def scaled(by):
    return lambda x: x * by


PAIRS = {
    "epsilon": (lambda: jb.layer_norm(), lambda: jb.layer_norm(epsilon=0.5)),
    "init": (lambda: jb.dense(3), lambda: jb.dense(3, kernel_init=INIT.zeros)),
    "bias": (lambda: jb.dense(3), lambda: jb.dense(3, bias_init=None)),
    "stride": (lambda: jb.conv(2, 3), lambda: jb.conv(2, 3, stride=2)),
    "padding": (lambda: jb.max_pool(2), lambda: jb.max_pool(2, padding="SAME")),
    "combine": (
        lambda: jb.parallel(jb.dense(2), jb.dense(2), combine=lambda o: o[0] + o[1]),
        lambda: jb.parallel(jb.dense(2), jb.dense(2), combine=lambda o: o[0] * o[1]),
    ),
    "lambda": (
        lambda: jb.elementwise(lambda x: x + 1.0),
        lambda: jb.elementwise(lambda x: x + 2.0),
    ),
    "captured": (lambda: jb.elementwise(scaled(1.0)), lambda: jb.elementwise(scaled(2.0))),
    "array": (
        lambda: jb.elementwise(scaled(np.ones(3))),
        lambda: jb.elementwise(scaled(np.zeros(3))),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_another_configuration_is_another_fingerprint(name):
    one, other = PAIRS[name]
    assert fingerprint(one()) == fingerprint(one())
    assert fingerprint(one()) != fingerprint(other())
    deep = [jb.backprop(jb.serial(jb.dense(3), net()), jb.losses.mse) for net in (one, other)]
    assert fingerprint(deep[0]) != fingerprint(deep[1])


@pytest.mark.slow
def test_the_same_in_another_process():
    code = (
        "import jax, jaxbrain as jb; from jaxbrain.fingerprint import fingerprint;"
        "net = jb.serial(jb.dense(3), jb.elementwise(jax.nn.relu), jb.conv(2, 3), jb.layer_norm());"
        "print(fingerprint(jb.backprop(net, jb.losses.mse)))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout and len(runs[0].stdout.strip()) == 8


def test_a_function_that_calls_itself():
    def factorial(n):
        return n * factorial(n - 1) if n else 1

    assert len(fingerprint(factorial)) == 8


def test_a_run_is_not_resumed_with_another_network(tmp_path):
    x = jnp.ones((6, 3))

    def fit(epsilon):
        net = jb.serial(jb.layer_norm(epsilon=epsilon), jb.dense(1))
        return jb.fit(
            jb.backprop(net, jb.losses.mse), optax.sgd(0.1), (x, x[:, :1]),
            key=jax.random.key(0), epochs=2, checkpoint=tmp_path,
        )  # fmt: skip

    fit(1e-5)
    fit(1e-5)  # the same run goes on
    with pytest.raises(ValueError, match=r"rule is .*layer_norm.*another directory"):
        fit(0.5)
