"""Modules of JavaScript in Node: many in one process."""

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.web import javascript

NODE = shutil.which("node")

_DRIVER = """\
import { readFileSync } from "node:fs";
const jobs = JSON.parse(readFileSync(0, "utf8"));
const results = [];
for (const job of jobs) {
  try {
    const run = Object.values(await import(job.module))[0];
    const numbers = (text, array) =>
      new array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
    const inputs = run.inputs.map((leaf, i) => numbers(job.inputs[i], leaf.array));
    const outputs = run.outputs.map((leaf) => new leaf.array(leaf.length));
    job.carries.forEach(([from, to]) => { outputs[from] = inputs[to]; });
    for (let i = 0; i < job.steps; i++) run(inputs, outputs);
    const state = outputs.map((a) => Buffer.from(a.buffer).toString("base64"));
    let rate = 0;
    if (job.seconds) {
      const start = process.cpuUsage();
      const used = () => { const u = process.cpuUsage(start); return (u.user + u.system) / 1e6; };
      let n = 0;
      while (used() < job.seconds) {
        for (let i = 0; i < 10; i++) run(inputs, outputs);
        n += 10;
      }
      rate = n / used();
    }
    results.push({ outputs: state, rate });
  } catch (error) {
    results.push({ error: `${error.stack}` });
  }
}
process.stdout.write(JSON.stringify(results));
"""


class Job(NamedTuple):
    """A function of JAX to run in Node.

    Attributes:
      function: ``(*arguments) -> results``.
      arguments: pytrees of arrays.
      steps: how often it is called.
      carries: its first result is the next first argument, which it updates in place.
      seconds: processor time in which its rate is measured, after the steps.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    steps: int = 1
    carries: bool = False
    seconds: float = 0.0


class Done(NamedTuple):
    """What a job made.

    Attributes:
      results: of the last call, a pytree of NumPy arrays as in JAX; keys are their words.
      text: the module.
      rate: calls a second.
    """

    results: Any
    text: str
    rate: float


def words(value: Any) -> np.ndarray:
    """An array of NumPy; for a key its words."""
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    return np.asarray(value)


def run(jobs: Sequence[Job]) -> list[Done]:
    """Run every job in one process of Node.

    Raises:
      RuntimeError: with what Node says if one of them fails.
    """
    if NODE is None:
        raise RuntimeError("node is not installed: apt-get install nodejs")
    texts = [javascript(job.function, *job.arguments) for job in jobs]
    with tempfile.TemporaryDirectory() as folder:
        tasks = [
            _task(job, t, Path(folder, f"job{k}.mjs"))
            for k, (job, t) in enumerate(zip(jobs, texts, strict=True))
        ]
        driver = Path(folder, "driver.mjs")
        driver.write_text(_DRIVER)
        done = subprocess.run(
            [NODE, str(driver)],
            input=json.dumps(tasks),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    answers = json.loads(done.stdout)
    return [
        _done(job, text, answer) for job, text, answer in zip(jobs, texts, answers, strict=True)
    ]


def _task(job: Job, text: str, path: Path) -> dict[str, Any]:
    path.write_text(text)
    leaves = [words(leaf) for leaf in jax.tree.leaves(job.arguments)]
    carried = len(jax.tree.leaves(job.arguments[0])) if job.carries else 0
    inputs = [
        base64.b64encode(leaf.astype(_held(leaf.dtype)).tobytes()).decode() for leaf in leaves
    ]
    return {
        "module": str(path), "inputs": inputs, "steps": job.steps, "seconds": job.seconds,
        "carries": [[k, k] for k in range(carried)],
    }  # fmt: skip


def _held(dtype: np.dtype) -> np.dtype:
    """The dtype of an array's storage in JavaScript."""
    return np.dtype("uint8") if dtype.kind == "b" else jax.dtypes.canonicalize_dtype(dtype)


def _done(job: Job, text: str, answer: dict[str, Any]) -> Done:
    if "error" in answer:
        raise RuntimeError(f"{answer['error']}\n{text}")
    shapes = jax.eval_shape(job.function, *job.arguments)
    leaves = [
        _array(base64.b64decode(data), leaf)
        for data, leaf in zip(answer["outputs"], jax.tree.leaves(shapes), strict=True)
    ]
    return Done(jax.tree.unflatten(jax.tree.structure(shapes), leaves), text, answer["rate"])


def _array(data: bytes, like: Any) -> np.ndarray:
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        return np.frombuffer(data, "uint32").reshape(*like.shape, 2)
    held = np.frombuffer(data, _held(like.dtype))
    return held.astype(like.dtype).reshape(like.shape)
