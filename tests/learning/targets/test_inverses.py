"""Learned inverses: the reconstruction of their blocks."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxbrain.learning import difference_target_propagation
from tests.theory import CE, convnet, problem

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_inverses_of_a_convolution_learn(dtype):
    """To undo blocks with pooling, layer_norm and flatten; the state keeps its types."""
    net = convnet()
    params, x, y = problem(net, CE, shape=(8, 8, 2))
    params, x = jax.tree.map(lambda a: a.astype(dtype), (params, x))
    rule = difference_target_propagation(net, CE, optimizer=optax.adam(1e-2))
    state = rule.init(new_key(), params, x[0])
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(state.params)} == {dtype}

    def body(state, key):
        _, grads, state = rule.grads(params, state, x, y, key=key)
        return state, (state.reconstruction, grads)

    if dtype != "float64":
        kept = jax.eval_shape(body, state, new_key())[0]
        types = lambda tree: jax.tree.map(lambda a: (a.shape, a.dtype.name), tree)  # noqa: E731
        assert types(kept) == types(state)
        return
    steps = jax.jit(lambda s: jax.lax.scan(body, s, jax.random.split(new_key(), 150)))
    after, (error, grads) = steps(state)
    assert np.all(error[-1] < 0.7 * error[0]) and after.reconstruction.shape == (2,)
    assert jax.tree.map(lambda g: g.shape[1:], grads) == jax.tree.map(jnp.shape, params)
