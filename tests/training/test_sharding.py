"""Data and populations over eight devices: the same numbers, and no change in the user's code."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import jax, jax.numpy as jnp, numpy as np, optax
import jaxbrain as jb
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

assert jax.device_count() == 8
mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
rng = np.random.default_rng(0)
x = rng.normal(size=(64, 8)).astype("float32")
y = np.tanh(x[:, :1])
net = jb.serial(jb.dense(16), jb.elementwise(jnp.tanh), jb.dropout(0.1), jb.dense(1))
rule, key = jb.backprop(net, jb.losses.mse), jax.random.key(0)
optimizer = optax.sgd(0.1)  # Adam would hide gradients that are a factor too large

def close(a, b):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6), a, b)

@jax.jit
def train(key, data):
    return jb.run(rule, optimizer, data, key=key, epochs=12, batch_size=16)

alone = train(key, (x, y))
assert int(alone[0].step) == 48
data = jax.device_put((x, y), rows)
spread = train(key, data)
close((alone[0].params, alone[1]), (spread[0].params, spread[1]))
assert len(spread[0].params[0]["kernel"].sharding.device_set) == 8
print("run")

fitted = jb.fit(
    rule, optimizer, data, key=key, epochs=12, batch_size=16,
    validation=data, metrics={"validation_loss": jb.losses.mse},
)
close((alone[0].params, alone[1].loss), (fitted[0].params, fitted[1].loss))
again, _ = jb.fit(rule, optimizer, data, key=key, epochs=2, batch_size=16, state=fitted[0])
assert int(again.step) == 56
print("fit")

x[3, 2] = np.nan
try:
    jb.fit(rule, optimizer, jax.device_put((x, y), rows), key=key, epochs=1)
except ValueError as error:
    assert "[3, 2]" in str(error), error
    print("guard")
x[3, 2] = 0

keys = jax.random.split(key, 16)
population = jax.jit(jax.vmap(lambda k: train(k, (x, y))[0].params))
here, there = population(keys), population(jax.device_put(keys, rows))
close(here, there)
kernel = there[0]["kernel"]
assert len(kernel.sharding.device_set) == 8 and kernel.addressable_shards[0].data.shape[0] == 2
text = population.lower(jax.device_put(keys, rows)).compile().as_text()
assert "all-reduce" not in text and "all-gather" not in text
print("population")

# The sum over the devices is outside of the scan over time, as in benchmarks/recurrent.py
sequences = jb.backprop(jb.cells.unroll(jb.cells.elman(4)), lambda ys, y: jnp.mean((ys - y) ** 2))
xs, ys = jnp.reshape(jnp.arange(64 * 3 * 2.0), (64, 3, 2)) / 400, jnp.linspace(0, 1, 64)
params = sequences.network.init(key, xs[0])
mean_grads = jax.shard_map(
    lambda *given: jax.lax.pmean(sequences.grads(*given), "data"),
    mesh=mesh, in_specs=(P(), P(), P("data"), P("data")), out_specs=P(), check_vma=False,
)
apart = jax.jit(mean_grads)(params, (), *jax.device_put((xs, ys), rows))
close(jax.jit(sequences.grads)(params, (), xs, ys), apart)
print("over time")
"""


def test_eight_devices():
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.split() == ["run", "fit", "guard", "population", "over", "time"]
