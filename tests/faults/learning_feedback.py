"""Faults in the rules of a chain: feedback, targets, forward-only."""

from tests.faults import Fault

LEARNING = "jaxbrain/learning"
CHAIN, TEST_CHAIN = f"{LEARNING}/chain.py", "tests/learning/test_chain.py"
TESTS = "tests/learning"
FIXED, SIGNS, LEARNED = (f"{LEARNING}/feedback/{name}.py" for name in ("fixed", "signs", "learned"))
PROPAGATION, INVERSES, DIFFERENCES, LOCAL, GAIT = (
    f"{LEARNING}/targets/{name}.py"
    for name in ("propagation", "inverses", "difference_reconstruction", "local", "gait")
)
PERTURBATION, PEPITA, GOODNESS, LABELS = (
    f"{LEARNING}/forward/{name}.py"
    for name in ("perturbation", "modulation", "goodness_rule", "labels")
)
TEST_FIXED, TEST_SIGNS, TEST_LEARNED = (
    f"{TESTS}/feedback/test_{name}.py" for name in ("fixed", "signs", "learned")
)
TEST_PROPAGATION, TEST_DIFFERENCES, TEST_LOCAL, TEST_GAIT = (
    f"{TESTS}/targets/test_{name}.py"
    for name in ("propagation", "difference_reconstruction", "local", "gait")
)
TEST_PERTURBATION, TEST_PEPITA, TEST_GOODNESS, TEST_LABELS = (
    f"{TESTS}/forward/test_{name}.py"
    for name in ("perturbation", "modulation", "goodness_rule", "labels")
)
CONTRASTIVE, TEST_CONTRASTIVE = (
    f"{LEARNING}/forward/self_contrastive.py", f"{TESTS}/forward/test_self_contrastive.py"
)  # fmt: skip

CHAINS = [
    Fault(
        "amplified targets are multiplied from the input on", GAIT,
        "jnp.flip(jnp.cumprod(jnp.flip(self.amplification, -1), -1), -1)",
        "jnp.cumprod(self.amplification, -1)", TEST_GAIT,
    ),
    Fault(
        "the amplification of a target is relative to the signal", GAIT,
        "_size(signal) / _size(pulled)", "_size(signal) / _size(error)", TEST_GAIT,
    ),
    Fault(
        "targets that are not a number are reported as well", GAIT,
        "~(self.total < _MOST_AMPLIFIED)", "self.total >= _MOST_AMPLIFIED",
        "tests/training/test_notices.py",
    ),
    Fault(
        "the loss of a batch is a sum", CHAIN,
        "    return jnp.mean(losses)\n", "    return jnp.sum(losses)\n",
        f"{TESTS}/test_backpropagation.py",
    ),
    Fault(
        "every layer of a rule has the noise of the first", CHAIN,
        "jax.random.clone(keys)[:, i]", "jax.random.clone(keys)[:, 0]", TEST_CHAIN,
    ),
    Fault(
        "an error skips the activation of its block", CHAIN,
        "for i in reversed(range(start + 1, stop)):", "for i in reversed(range(start + 2, stop)):",
        TEST_FIXED,
    ),
]  # fmt: skip
FEEDBACK = [
    Fault(
        "feedback alignment sends the error through the forward weights", FIXED,
        "signal = chain.pull_input(layer, feedback[i], a, signal, key=k)",
        "signal = chain.pull_input(layer, params[i], a, signal, key=k)", TEST_FIXED,
    ),
    Fault(
        "direct feedback has the sign of descent", FIXED,
        "errors = [*(projected @ b for b in state), error]",
        "errors = [*(-projected @ b for b in state), error]", TEST_FIXED,
    ),
    Fault(
        "target projection does not divide by the batch", FIXED,
        "-chain.target_vectors(rule, y, output) / output.shape[0]",
        "-chain.target_vectors(rule, y, output)", TEST_FIXED,
    ),
    Fault(
        "target projection has the sign of the target", FIXED,
        "-chain.target_vectors(rule, y, output) / output.shape[0]",
        "chain.target_vectors(rule, y, output) / output.shape[0]", TEST_FIXED,
    ),
    Fault(
        "Kolen-Pollack feedback does not decay", LEARNED,
        "decayed = _decayed(changes, state.feedback, decay)", "decayed = changes", TEST_LEARNED,
    ),
    Fault(
        "Kolen-Pollack feedback decays with the forward weights", LEARNED,
        "decayed = _decayed(changes, state.feedback, decay)",
        "decayed = _decayed(changes, params, decay)", TEST_LEARNED,
    ),
    Fault(
        "Kolen-Pollack forward weights do not decay", LEARNED,
        "return value, _decayed(changes, params, decay), ", "return value, changes, ", TEST_LEARNED,
    ),
    Fault(
        "the biases of Kolen-Pollack decay", LEARNED,
        "lambda g, w: g if w.ndim < 2 else", "lambda g, w: g if w.ndim < 1 else", TEST_LEARNED,
    ),
    Fault(
        "the noise of the mirror is a variance", LEARNED,
        "xi = as_number(noise, xi) * xi", "xi = jnp.sqrt(as_number(noise, xi)) * xi", TEST_LEARNED,
    ),
    Fault(
        "the mirror responds with its bias", LEARNED,
        "along((params,), (kernels,))[1]", "along((params,), (params,))[1]", TEST_LEARNED,
    ),
    Fault(
        "the mirror takes a layer that is not linear", LEARNED,
        "                _require_linear(layer, w, a)\n", "", "tests/learning/test_blocks.py",
    ),
    Fault(
        "the mirror of a convolution sums over places", LEARNED,
        "t / (samples * jnp.where(n > 0, n, 1))", "t / samples", TEST_LEARNED,
    ),
    Fault(
        "the feedback of the mirror does not decay", LEARNED,
        "return b - as_number(decay, b) * b + ", "return b + ", TEST_LEARNED,
    ),
    Fault(
        "the magnitude of sign symmetry is a mean absolute weight", SIGNS,
        "jnp.sqrt(jnp.mean(jnp.square(w)))", "jnp.mean(jnp.abs(w))", TEST_SIGNS,
    ),
    Fault(
        "sign symmetry without the signs", SIGNS,
        "jnp.sign(w) * magnitude.astype(w.dtype)", "magnitude.astype(w.dtype)", TEST_SIGNS,
    ),
    Fault(
        "fixed random magnitudes have signs of their own", SIGNS,
        "return jax.tree.map(jnp.abs, draw_like(key, net, feedback_init, params, x))",
        "return draw_like(key, net, feedback_init, params, x)", TEST_SIGNS,
    ),
    Fault(
        "the random magnitudes of every batch are the same", SIGNS,
        "draw = jax.random.fold_in(jax.random.clone(key), _MAGNITUDES)",
        "draw = jax.random.key(_MAGNITUDES)", TEST_SIGNS,
    ),
]  # fmt: skip
TARGETS = [
    Fault(
        "the target of a layer is made by the inverse of another", PROPAGATION,
        "decoder(net, parts, state.params[j], ", "decoder(net, parts, state.params[j - 1], ",
        TEST_PROPAGATION,
    ),
    Fault(
        "every target propagates the first one", PROPAGATION,
        "offset = inversion.propagate(decode, activities[start], activities[stop], offset)",
        "offset = inversion.propagate("
        "decode, activities[start], activities[stop], -scale * errors[1])",
        TEST_PROPAGATION,
    ),
    Fault(
        "the step of a target depends on the size of the batch", PROPAGATION,
        "jnp.asarray(target_step, error.dtype) * error.shape[0]",
        "jnp.asarray(target_step, error.dtype)", TEST_PROPAGATION,
    ),
    Fault(
        "difference target propagation has no difference", PROPAGATION,
        "return decode(h + offset) - decode(h)", "return decode(h + offset) - below",
        TEST_PROPAGATION,
    ),
    Fault(
        "all inverses learn under the same noise", PROPAGATION,
        "jax.random.fold_in(jax.random.clone(key), j)",
        "jax.random.fold_in(jax.random.clone(key), 0)", TEST_PROPAGATION,
    ),
    Fault(
        "local differences learn the inverse", DIFFERENCES,
        "each = jnp.square(seen / sigma) / 2 - below * (carried / sigma)",
        "each = jnp.square(carried / sigma - below) / 2", TEST_DIFFERENCES,
    ),
    Fault(
        "the penalty of local differences lacks its half", DIFFERENCES,
        "jnp.square(seen / sigma) / 2", "jnp.square(seen / sigma)", TEST_DIFFERENCES,
    ),
    Fault(
        "feedback of differences has no activation", DIFFERENCES,
        "                u = chain.on_batch(layer, (), u, None)\n", "                pass\n",
        TEST_DIFFERENCES,
    ),
    Fault(
        "every step of the feedback has the same noise", DIFFERENCES,
        "jax.random.fold_in(jax.random.clone(key), t)",
        "jax.random.fold_in(jax.random.clone(key), 0)", TEST_DIFFERENCES,
    ),
    Fault(
        "the loss of an inverse lacks its half", INVERSES,
        "(2 * hidden[j].shape[0])", "hidden[j].shape[0]", TEST_PROPAGATION,
    ),
    Fault(
        "an inverse lacks the activations of the block below", INVERSES,
        "net.layers[below + 1 : start]", "net.layers[start:start]", TEST_PROPAGATION,
    ),
    Fault(
        "local losses leak the error of the output across blocks", LOCAL,
        "changes = chain.block_gradients(net, params, activities, [*errors, error], keys)\n",
        "changes = chain.block_gradients(net, params, activities, [*errors, error], keys)\n"
        "        leak = jax.vjp(lambda p: chain.forward(net, p, x)[-1], params)[1](error)[0]\n"
        "        changes = (*jax.tree.map(jnp.add, changes[:-1], leak[:-1]), changes[-1])\n",
        TEST_LOCAL,
    ),
    Fault(
        "the readouts of local losses climb", LOCAL,
        "losses, slopes = jnp.stack(values), tuple(slopes)",
        "losses, slopes = jnp.stack(values), jax.tree.map(jnp.negative, tuple(slopes))", TEST_LOCAL,
    ),
    Fault(
        "GAIT-prop adjusts by the slope, not its square", GAIT,
        "target = h - gamma * jnp.square(slope) * signal", "target = h - gamma * slope * signal",
        TEST_GAIT,
    ),
    Fault(
        "GAIT-prop does not undo its step", GAIT,
        "jnp.where(flat, 0, moved / gamma)", "jnp.where(flat, 0, moved / step)", TEST_GAIT,
    ),
    Fault(
        "the orthogonality penalty binds the length of the rows", GAIT,
        "return jnp.sum(jnp.square(gram)) - jnp.sum(jnp.square(jnp.diagonal(gram)))",
        "return jnp.sum(jnp.square(gram - jnp.eye(len(gram))))", TEST_GAIT,
    ),
]  # fmt: skip
FORWARD = [
    Fault(
        "directions are summed, not averaged", PERTURBATION,
        "(slopes / len(slopes))", "slopes", TEST_PERTURBATION,
    ),
    Fault(
        "weight perturbation does not divide by its scale", PERTURBATION,
        "(jax.vmap(perturbed)(directions) - value) / jnp.asarray(scale, value.dtype)",
        "(jax.vmap(perturbed)(directions) - value)", TEST_PERTURBATION,
    ),
    Fault(
        "node perturbation sums over samples", PERTURBATION,
        "(jnp.asarray(scale, change.dtype) * change.size)",
        "(jnp.asarray(scale, change.dtype) * change.shape[1])", TEST_PERTURBATION,
    ),
    Fault(
        "all weights of a shape have the same direction", PERTURBATION,
        "jax.random.split(jax.random.fold_in(key, _DIRECTIONS), max(len(leaves), 1))",
        "[jax.random.fold_in(key, _DIRECTIONS) for _ in leaves]", TEST_PERTURBATION,
    ),
    Fault(
        "PEPITA subtracts the error from the input", PEPITA,
        "modulated = first[0] + projected", "modulated = first[0] - projected", TEST_PEPITA,
    ),
    Fault(
        "PEPITA projects the error of the mean", PEPITA,
        "projected = n * error.reshape(n, -1) @ state", "projected = error.reshape(n, -1) @ state",
        TEST_PEPITA,
    ),
    Fault(
        "PEPITA correlates with the inputs of the first pass", PEPITA,
        "net.layers[start], params[start], second[start], signal",
        "net.layers[start], params[start], first[start], signal", TEST_PEPITA,
    ),
    Fault(
        "the last layer of PEPITA learns from the first pass", PEPITA,
        "signal = chain.loss_and_error(loss, second[-1], y)[1]", "signal = error", TEST_PEPITA,
    ),
    Fault(
        "negative samples are to be good in forward-forward", GOODNESS,
        "jax.nn.softplus(s * (wrong - theta))", "jax.nn.softplus(s * (theta - wrong))",
        TEST_GOODNESS,
    ),
    Fault(
        "goodness is a sum of squares", GOODNESS,
        "values.append(jnp.mean(jnp.square(x)))", "values.append(jnp.sum(jnp.square(x)))",
        TEST_GOODNESS,
    ),
    Fault(
        "forward-forward leaks its gradient across blocks", GOODNESS,
        "            x = jax.lax.stop_gradient(x)\n", "", TEST_GOODNESS,
    ),
    Fault(
        "the first block votes for a label", GOODNESS,
        "jnp.sum(values[1:] if len(values) > 1 else values)", "jnp.sum(values)", TEST_GOODNESS,
    ),
    Fault(
        "a wrong label may be the true one", LABELS,
        "jnp.where(true, -jnp.inf, logits)", "logits", TEST_LABELS,
    ),
    Fault(
        "any wrong label is a likely one", LABELS,
        "likely_label(key, jnp.zeros_like(logits), label)", "likely_label(key, logits, label)",
        TEST_LABELS,
    ),
    Fault(
        "the wave of every third label is flat", LABELS,
        "1 + classes % 3", "classes % 3", TEST_LABELS,
    ),
    Fault(
        "SCFF: the negative partner may be the sample itself", CONTRASTIVE,
        "(), 1, len(x))", "(), 0, len(x))", TEST_CONTRASTIVE,
    ),
    Fault(
        "SCFF: a gradient crosses the border of a block", CONTRASTIVE,
        "standardized(jax.lax.stop_gradient(h), _axes(h), _EPSILON) for h in both",
        "standardized(h, _axes(h), _EPSILON) for h in both", TEST_CONTRASTIVE,
    ),
    Fault(
        "SCFF: the negative threshold is the positive one", CONTRASTIVE,
        "jax.nn.softplus(s * (wrong - below))", "jax.nn.softplus(s * (wrong - above))",
        TEST_CONTRASTIVE,
    ),
    Fault(
        "SCFF: pairs are mixed after the activation", CONTRASTIVE,
        "            if i == first:\n", "            if i == first + 1:\n", TEST_CONTRASTIVE,
    ),
    Fault(
        "SCFF predicts without its standardization", CONTRASTIVE,
        "                x = standardized(x, tuple(range(x.ndim)), _EPSILON)\n",
        "                pass\n",
        TEST_CONTRASTIVE,
    ),
]  # fmt: skip
FAULTS = CHAINS + FEEDBACK + TARGETS + FORWARD
