"""Faults in layers, their first weights, the table of a network, losses, tasks and data sets."""

from tests.faults import Fault

NETWORKS, TASKS, DATA = "jaxbrain/networks", "jaxbrain/tasks", "jaxbrain/datasets"
CORE = "jaxbrain/core"
FAULTS = [
    Fault(
        "a repetition without weights is taken for a block", "jaxbrain/learning/chain.py",
        "(affine, batch, repeated, residual, with_precision)",
        "(affine, batch, residual, with_precision)",
        "tests/learning/test_chain.py",
    ),
    Fault(
        "all copies of a repeated network start equal", "jaxbrain/networks/repetition.py",
        "keys = jax.random.split(key, times)", "keys = jnp.stack([key] * times)",
        "tests/networks/test_repetition.py",
    ),
    Fault(
        "a repeated network has the same noise in every copy", "jaxbrain/networks/repetition.py",
        "split_key(key, times)", "jnp.stack([key] * times)",
        "tests/networks/test_repetition.py",
    ),
    Fault(
        "two pieces of one draw overlap", f"{CORE}/draws.py",
        "start, self._used = self._used, self._used + _size(like)",
        "start, self._used = 0, _size(like)",
        "tests/core/test_draws.py",
    ),
    Fault(
        "all keys of a split give the same numbers", f"{CORE}/draws.py",
        "[_Key((path, i), to.aval) for i, to", "[_Key((), to.aval) for i, to",
        "tests/core/test_draws.py",
    ),
    Fault(
        "a key that is used twice gives new numbers", f"{CORE}/draws.py",
        "        if name not in self._pieces:\n", "        if True:\n",
        "tests/core/test_draws.py",
    ),
    Fault(
        "keys within a loop are those of another seed too", f"{CORE}/draws.py",
        "return jax.random.wrap_key_data(data, impl=self._impl)",
        "return jax.random.wrap_key_data(jnp.zeros_like(data), impl=self._impl)",
        "tests/core/test_draws.py",
    ),
    Fault(
        "parts of a chain draw by themselves", f"{CORE}/inits.py",
        "params = in_one_draw(lambda key: init(key, x))(key)",
        "params = init(key, x)",
        "tests/core/test_inits.py",
    ),
    Fault(
        "drawn nan passes", f"{CORE}/inits.py",
        "not is_traced(finite) and not finite:", "not is_traced(finite) and finite is None:",
        "tests/core/test_inits.py",
    ),
    Fault(
        "an init that computes on the host fails", f"{CORE}/inits.py",
        "        except _NEEDS_NUMBERS:\n", "        except KeyError:\n",
        "tests/core/test_inits.py",
    ),
    Fault(
        "gates lie one after the other in the rows", "jaxbrain/cells/parts.py",
        "out_axes=1)(keys)", "out_axes=0)(keys)",
        "tests/core/test_inits.py::test_each_gate_is_orthogonal",
    ),
    Fault(
        "dropout does not scale what it keeps", f"{NETWORKS}/layers.py",
        "jnp.where(kept, x * scale,", "jnp.where(kept, x,",
        "tests/networks/test_layers.py",
    ),
    Fault(
        "dropout keeps with the rate of dropping", f"{NETWORKS}/layers.py",
        "bernoulli(key, 1 - rate", "bernoulli(key, rate",
        "tests/networks/test_layers.py",
    ),
    Fault(
        "layer normalization divides by n - 1", f"{NETWORKS}/parts.py",
        "jnp.var(x, axis=axes, keepdims=True)", "jnp.var(x, axis=axes, keepdims=True, ddof=1)",
        "tests/networks/test_layers.py",
    ),
    Fault(
        "embedding: a negative token counts from the end", f"{NETWORKS}/layers.py",
        "tokens = jnp.where(x < 0, vocabulary, x)", "tokens = x",
        "tests/networks/test_layers.py",
    ),
    Fault(
        "convolution: the strides of the axes are swapped", f"{NETWORKS}/convolution.py",
        "            strides,\n            padding,\n",
        "            strides[::-1],\n            padding,\n",
        "tests/networks/test_convolution.py",
    ),
    Fault(
        "average pooling counts the padding", f"{NETWORKS}/convolution.py",
        "total(jnp.ones_like(x))", "jnp.asarray(np.prod(sizes), x.dtype)",
        "tests/networks/test_convolution.py",
    ),
    Fault(
        "max pooling: padding of negative inputs is zero", f"{NETWORKS}/convolution.py",
        "low = -jnp.inf if", "low = 0 if",
        "tests/networks/test_convolution.py",
    ),
    Fault(
        "association: the sharpness grows with the size of the keys", f"{NETWORKS}/association.py",
        "keys.shape[-1] ** -0.5", "keys.shape[-1] ** 0.5",
        "tests/networks/test_association.py",
    ),
    Fault(
        "association: the query moves one step too far", f"{NETWORKS}/association.py",
        "for _ in range(steps - 1)", "for _ in range(steps)",
        "tests/networks/test_association.py",
    ),
    Fault(
        "a shared leaf counts twice in the table of a network", f"{NETWORKS}/summary_table.py",
        "if id(leaf) in seen:", "if id(leaf) in ():",
        "tests/networks/test_summary_table.py",
    ),
    Fault(
        "the table of a network takes branches for a chain", f"{NETWORKS}/summary_table.py",
        "x = y if composition is serial else x", "x = y",
        "tests/networks/test_summary_table.py",
    ),
    Fault(
        "the mean squared error is halved", "jaxbrain/losses.py",
        "jnp.mean(optax.losses.squared_error(", "jnp.mean(optax.losses.l2_loss(",
        "tests/test_losses.py",
    ),
    Fault(
        "binary cross-entropy: the mean over the outputs", "jaxbrain/losses.py",
        "loss = jnp.sum(optax.losses.sigmoid_binary", "loss = jnp.mean(optax.losses.sigmoid_binary",
        "tests/test_losses.py",
    ),
    Fault(
        "softmax cross-entropy: a traced label out of range is clamped", "jaxbrain/losses.py",
        "    return jnp.mean(jnp.where(inside, loss, jnp.nan))", "    return jnp.mean(loss)",
        "tests/test_losses.py",
    ),
    Fault(
        "adding: the step before the last is graded", f"{TASKS}/recall.py",
        "mask = jnp.zeros(steps, real()).at[-1].set(1)",
        "mask = jnp.zeros(steps, real()).at[-2].set(1)",
        "tests/tasks/test_recall.py",
    ),
    Fault(
        "adding: the second marker may be in the first half", f"{TASKS}/recall.py",
        "randint(k_second, (), half, steps)", "randint(k_second, (), half - 1, steps)",
        "tests/tasks/test_recall.py",
    ),
    Fault(
        "copy: the sign comes one step late", f"{TASKS}/recall.py",
        ".at[items + delay_steps - 1].set(symbols + 1)",
        ".at[items + delay_steps].set(symbols + 1)",
        "tests/tasks/test_recall.py",
    ),
    Fault(
        "flip-flop: a pulse counts from the next step on", f"{TASKS}/recall.py",
        "jnp.take_along_axis(signs, jax.lax.cummax(when), axis=0)",
        "jnp.take_along_axis(signs, jnp.roll(jax.lax.cummax(when), 1, 0).at[0].set(0), axis=0)",
        "tests/tasks/test_recall.py",
    ),
    Fault(
        "sequence: a location may come twice", f"{TASKS}/recall.py",
        "jax.random.permutation(k_items, locations)[:items]",
        "jax.random.randint(k_items, (items,), 0, locations)",
        "tests/tasks/test_recall.py",
    ),
    Fault(
        "delayed match: a stimulus that should differ may be the same", f"{TASKS}/decisions.py",
        "jax.random.randint(k_other, (), 1, stimuli)",
        "jax.random.randint(k_other, (), 0, stimuli)",
        "tests/tasks/test_decisions.py",
    ),
    Fault(
        "evidence: the sides are flipped", f"{TASKS}/decisions.py",
        "jnp.stack([~right, right], axis=1)", "jnp.stack([right, ~right], axis=1)",
        "tests/tasks/test_decisions.py",
    ),
    Fault(
        "evidence: the answer is the side of the trial, not that of most cues",
        f"{TASKS}/decisions.py",
        "answer = jnp.where(2 * jnp.sum(right) > cues, 1.0, -1.0)",
        "answer = jnp.where(right[-1], 1.0, -1.0)",
        "tests/tasks/test_decisions.py",
    ),
    Fault(
        "context: the answer is that of the other stream", f"{TASKS}/decisions.py",
        "answer = jnp.sign(coherence[context])", "answer = jnp.sign(coherence[1 - context])",
        "tests/tasks/test_decisions.py",
    ),
    Fault(
        "the go cue comes one step late", f"{TASKS}/decisions.py",
        "go = jnp.zeros(len(signals), signals.dtype).at[slice(*response)].set(1)",
        "go = jnp.zeros(len(signals), signals.dtype).at[response[0] + 1 : response[1]].set(1)",
        "tests/tasks/test_decisions.py",
    ),
    Fault(
        "sine: the targets lag by a step", f"{TASKS}/generation.py",
        "jnp.arange(1, steps + 1, dtype=real())", "jnp.arange(steps, dtype=real())",
        "tests/tasks/test_generation.py",
    ),
    Fault(
        "graded: the mean is over all steps", f"{TASKS}/task.py",
        "return kept / jnp.where(total > 0, total, jnp.ones_like(total))",
        "return kept / jnp.asarray(len(mask), kept.dtype)",
        "tests/tasks/test_task.py",
    ),
    Fault(
        "a graded step of weight zero lets nan pass", f"{TASKS}/task.py",
        "return jnp.where(mask == 0, jnp.zeros_like(value), value) * mask", "return value * mask",
        "tests/tasks/test_task.py",
    ),
    Fault(
        "all trials of a batch are equal", f"{TASKS}/task.py",
        "jax.vmap(task.sample)(jax.random.split(key, size))",
        "jax.vmap(lambda _: task.sample(jax.random.clone(key)))(jnp.arange(size))",
        "tests/tasks/test_task.py",
    ),
    Fault(
        "moons: the second half circle is not lowered", f"{DATA}/generated.py",
        "0.5 - jnp.sin(u)", "-jnp.sin(u)",
        "tests/datasets/test_generated.py",
    ),
    Fault(
        "spirals: both arms are one", f"{DATA}/generated.py",
        "angle = 2 * math.pi * turns * r + math.pi * label", "angle = 2 * math.pi * turns * r",
        "tests/datasets/test_generated.py",
    ),
    Fault(
        "the rows of points and targets are mixed differently", f"{DATA}/generated.py",
        "return x[order], y[order]", "return x[order], y[order[::-1]]",
        "tests/datasets/test_generated.py",
    ),
    Fault(
        "pixels of the digits are not scaled", f"{DATA}/handwritten.py",
        "x / 16", "x / 15",
        "tests/datasets/test_handwritten.py",
    ),
    Fault(
        "a residual branch has no scale", f"{CORE}/composition.py",
        "            y = as_number(scale, y) * y\n", "", "tests/core/test_composition.py",
    ),
    Fault(
        "a residual block scales its input too", f"{CORE}/composition.py",
        "            y = as_number(scale, y) * y\n",
        "            y, x = as_number(scale, y) * y, as_number(scale, y) * x\n",
        "tests/core/test_composition.py",
    ),
    Fault(
        "the scale of a residual branch of integers is an integer", f"{CORE}/composition.py",
        "            y = y if jnp.issubdtype(y.dtype, jnp.inexact) else "
        "y.astype(jnp.result_type(float))\n",
        "", "tests/core/test_composition.py",
    ),
    Fault(
        "a layer with an activation is affine", f"{CORE}/composition.py",
        "        _require_affine(net, params, x)\n", "",
        "tests/core/test_composition.py",
    ),
    Fault(
        "a declared layer is not found within with_precision", f"{CORE}/composition.py",
        "    while net.config is not None and made_by(net, with_precision):", "    while False:",
        "tests/core/test_composition.py",
    ),
    Fault(
        "a declared layer couples like an activation", "jaxbrain/learning/energy/symmetric.py",
        "        return dense if chain.has_weights(layer) else flatten",
        "        return elementwise",
        "tests/learning/energy/test_symmetric.py",
    ),
    Fault(
        "a network by hand without a key passes", f"{CORE}/mistakes.py",
        "            _require_key_argument(function, argument, value.apply)", "            pass",
        "tests/core/test_mistakes.py",
    ),
    Fault(
        "the key does not reach a function that takes one", f"{NETWORKS}/by_hand.py",
        "apply(params, x, key=key) if with_key", "apply(params, x, key=None) if with_key",
        "tests/networks/test_by_hand.py",
    ),
    Fault(
        "new weights of a foreign model are its own", f"{NETWORKS}/foreign.py",
        "        return mean + std * jax.random.normal(key, leaf.shape, leaf.dtype)",
        "        return jnp.asarray(leaf)",
        "tests/networks/test_foreign.py",
    ),
    Fault(
        "models of one class are equal whatever they hold", f"{NETWORKS}/foreign.py",
        "{name: content(getattr(model, name)) for name in fields if hasattr(model, name)}",
        "{}",
        "tests/networks/test_foreign.py",
    ),
]  # fmt: skip
