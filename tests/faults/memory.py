"""Faults in associative memories, episodic memory and continual learning."""

from tests.faults import Fault

MEMORY, TESTS = "jaxbrain/memory", "tests/memory"
EPISODIC, CONTINUAL = f"{MEMORY}/episodic", f"{MEMORY}/continual"
FAULTS = [
    Fault(
        "the energy of a Hopfield state lacks the factor 1/2", f"{MEMORY}/hopfield_network.py",
        "return -0.5 * jnp.sum(state * local_fields(coupled(params, self_coupling), state))",
        "return -jnp.sum(state * local_fields(coupled(params, self_coupling), state))",
        f"{TESTS}/test_hopfield_network.py",
    ),
    Fault(
        "the self-coupling is what the diagonal loses", f"{MEMORY}/hopfield_network.py",
        "missing = (1 - as_number(self_coupling, weights))",
        "missing = as_number(self_coupling, weights)",
        f"{TESTS}/test_hopfield_network.py",
    ),
    Fault(
        "the temperature of the heat bath is squared", f"{MEMORY}/hopfield_network.py",
        "scale = as_number(temperature, state) / 2",
        "scale = as_number(temperature, state) ** 2 / 2",
        f"{TESTS}/test_hopfield_network.py",
    ),
    Fault(
        "a flip changes the fields by half of its size", f"{MEMORY}/hopfield_network.py",
        "now.field + (new - now.state[unit]) * columns[unit]",
        "now.field + new * columns[unit]",
        f"{TESTS}/test_hopfield_network.py",
    ),
    Fault(
        "a synchronous update does not notice a cycle", f"{MEMORY}/hopfield_network.py",
        "jnp.any(new != state) & jnp.any(new != before) & (steps < max_steps)",
        "jnp.any(new != state) & (steps < max_steps)",
        f"{TESTS}/test_hopfield_network.py",
    ),
    Fault(
        "graded units have no leak", f"{MEMORY}/graded.py",
        "jnp.tanh(steepness * u)) - u, steps)", "jnp.tanh(steepness * u)), steps)",
        f"{TESTS}/test_graded.py",
    ),
    Fault(
        "the energy of graded units neglects their gain", f"{MEMORY}/graded.py",
        "jnp.sum(integral) / gain", "jnp.sum(integral)", f"{TESTS}/test_graded.py",
    ),
    Fault(
        "the outer product is divided by the patterns", f"{MEMORY}/storage.py",
        "x.T @ x / x.shape[1]", "x.T @ x / x.shape[0]", f"{TESTS}/test_storage.py",
    ),
    Fault(
        "the rule of Storkey lacks its second term", f"{MEMORY}/storage.py",
        "(jnp.outer(x, x) - predicted - predicted.T)", "(jnp.outer(x, x) - predicted)",
        f"{TESTS}/test_storage.py",
    ),
    Fault(
        "the field of Storkey counts the unit itself", f"{MEMORY}/storage.py",
        "field = (w @ x - own)[:, None]", "field = (w @ x)[:, None]", f"{TESTS}/test_storage.py",
    ),
    Fault(
        "the projection is onto the space of patterns, not of units", f"{MEMORY}/storage.py",
        "return directions @ directions.T",
        "return jnp.pad(directions.T @ directions, (0, len(directions) - directions.shape[1]))",
        f"{TESTS}/test_storage.py",
    ),
    Fault(
        "a pattern is added to the projection by what it already holds", f"{MEMORY}/storage.py",
        "new = x - weights @ x", "new = x + weights @ x", f"{TESTS}/test_storage.py",
    ),
    Fault(
        "factors keep the diagonal of Hebb's rule", f"{MEMORY}/factors.py",
        "@ weights.rows - weights.removed * state", "@ weights.rows",
        f"{TESTS}/test_factors.py",
    ),
    Fault(
        "factors lose all of their diagonal", f"{MEMORY}/factors.py",
        "removed=weights.removed + missing)", "removed=weights.squares)",
        f"{TESTS}/test_factors.py",
    ),
    Fault(
        "the overlaps of a sweep over factors stay as they were", f"{MEMORY}/factors.py",
        "return overlaps + (new - state) @ rows, new", "return overlaps, new",
        f"{TESTS}/test_factors.py",
    ),
    Fault(
        "units of a block of factors do not see each other", f"{MEMORY}/factors.py",
        "field = field + (new - state[here]) * within[here]", "field = field",
        f"{TESTS}/test_factors.py",
    ),
    Fault(
        "a unit of a block of factors changes twice in a sweep", f"{MEMORY}/factors.py",
        "& (places > place)", "", f"{TESTS}/test_factors.py",
    ),
    Fault(
        "a recall by factors does not go back to the order of the units",
        f"{MEMORY}/hopfield_network.py",
        "state = state[jnp.argsort(order)]", "state = state + 0", f"{TESTS}/test_factors.py",
    ),
    Fault(
        "fields of one hundredth of a row of factors are ties", f"{MEMORY}/factors.py",
        "return 4 * float(jnp.finfo(weights.dtype).eps) * scale",
        "return 0.01 * scale if isinstance(weights, Factors) else "
        "4 * float(jnp.finfo(weights.dtype).eps) * scale",
        f"{TESTS}/test_factors.py",
    ),
    Fault(
        "the noise of a heat bath of factors lacks the scale", f"{MEMORY}/hopfield_network.py",
        "sweep(blocks, state, noise / scale)", "sweep(blocks, state, noise)",
        f"{TESTS}/test_factors.py",
    ),
    Fault(
        "a stored pattern is added to the factors of a projection again", f"{MEMORY}/storage.py",
        "jnp.where(known, 0.0, 1 / jnp.where(known, 1.0, square))", "1 / square",
        f"{TESTS}/test_factors.py",
    ),
    Fault(
        "a unit of the first side without input forgets its sign", f"{MEMORY}/bidirectional.py",
        "a = sign_or_stay(weights @ state[1], state[0])",
        "a = sign_or_stay(weights @ state[1], jnp.ones_like(state[0]))",
        f"{TESTS}/test_bidirectional.py",
    ),
    Fault(
        "the energy of a bidirectional memory is halved", f"{MEMORY}/bidirectional.py",
        "return -(a @ weights @ b)", "return -0.5 * (a @ weights @ b)",
        f"{TESTS}/test_bidirectional.py",
    ),
    Fault(
        "a unit of a dense memory counts itself", f"{MEMORY}/dense_associative.py",
        "rest = overlaps - x * before", "rest = overlaps", f"{TESTS}/test_dense_associative.py",
    ),
    Fault(
        "known bits are treated as unknown in a synchronous step",
        f"{MEMORY}/dense_associative.py",
        "jnp.where(state == 0, unknown, known + own * state)", "unknown",
        f"{TESTS}/test_dense_associative.py",
    ),
    Fault(
        "rectified patterns make all the crosstalk", f"{MEMORY}/interactions.py",
        "return 2 * dense_capacity(units, degree)", "return dense_capacity(units, degree)",
        f"{TESTS}/test_interactions.py",
    ),
    Fault(
        "the double factorial of the crosstalk has a factor more", f"{MEMORY}/theory.py",
        "range(1, 2 * degree - 2, 2)", "range(1, 2 * degree, 2)", f"{TESTS}/test_theory.py",
    ),
    Fault(
        "a pattern is crosstalk for itself", f"{MEMORY}/theory.py",
        "jnp.maximum(load * n - 1, 0.0)", "jnp.maximum(load * n, 0.0)",
        f"{TESTS}/test_theory.py",
    ),
    Fault(
        "the update of the modern Hopfield network neglects beta", f"{MEMORY}/modern.py",
        "jax.nn.softmax(sharpness * (state @ patterns.T)) @ patterns",
        "jax.nn.softmax(state @ patterns.T) @ patterns",
        f"{TESTS}/test_modern.py",
    ),
    Fault(
        "the energy of the modern Hopfield network takes ln K without beta",
        f"{MEMORY}/modern.py",
        "jnp.log(as_number(len(patterns), patterns)) / sharpness",
        "jnp.log(as_number(len(patterns), patterns))",
        f"{TESTS}/test_modern.py",
    ),
    Fault(
        "the layers of a hierarchy add their Lagrangian to the energy",
        f"{MEMORY}/hierarchical.py",
        "jnp.sum(x * g[name]) - neurons[name](x)", "jnp.sum(x * g[name]) + neurons[name](x)",
        f"{TESTS}/test_hierarchical.py",
    ),
    Fault(
        "the softmax Lagrangian is not divided by beta", f"{MEMORY}/lagrangians.py",
        "jax.nn.logsumexp(sharpness * x) / sharpness", "jax.nn.logsumexp(sharpness * x)",
        f"{TESTS}/test_lagrangians.py",
    ),
    Fault(
        "a synapse of Willshaw needs two patterns", f"{MEMORY}/willshaw_network.py",
        "b.astype(a.dtype) > 0", "b.astype(a.dtype) > 1", f"{TESTS}/test_willshaw_network.py",
    ),
    Fault(
        "the threshold of Willshaw is one unit too low", f"{MEMORY}/willshaw_network.py",
        "enough = sums + 5e-4 >=", "enough = sums + 1 >=", f"{TESTS}/test_willshaw_network.py",
    ),
    Fault(
        "the radius of a sparse distributed memory is one bit too small",
        f"{MEMORY}/sparse_distributed_memory.py",
        "(patterns @ addresses.T >= least)", "(patterns @ addresses.T > least)",
        f"{TESTS}/test_sparse_distributed_memory.py",
    ),
    Fault(
        "the crosstalk neglects locations that all patterns share",
        f"{MEMORY}/sparse_distributed_memory.py",
        "locations / (z**2 * (1 + p**2 * locations))", "locations / z**2",
        f"{TESTS}/test_sparse_distributed_memory.py",
    ),
    Fault(
        "reduced representations are unbound by the key, not its inverse", f"{MEMORY}/symbols.py",
        "jnp.fft.rfft(z) * jnp.conj(jnp.fft.rfft(y))", "jnp.fft.rfft(z) * jnp.fft.rfft(y)",
        f"{TESTS}/test_symbols.py",
    ),
    Fault(
        "phases are unbound by the key, not its inverse", f"{MEMORY}/symbols.py",
        "return z * jnp.conj(y)", "return z * y", f"{TESTS}/test_symbols.py",
    ),
    Fault(
        "a holographic trace is bound the wrong way round", f"{MEMORY}/holographic_memory.py",
        "trace + symbols.bind(cue, value)", "trace + symbols.unbind(cue, value)",
        f"{TESTS}/test_holographic_memory.py",
    ),
    Fault(
        "a recall is exact if any of its bits is", f"{MEMORY}/capacity.py",
        "jnp.mean(~jnp.any(wrong, axis=1))", "jnp.mean(~jnp.all(wrong, axis=1))",
        f"{TESTS}/test_capacity.py",
    ),
    Fault(
        "the start of a pattern is masked instead of its end", f"{MEMORY}/patterns.py",
        "jnp.arange(n) < n - jnp.round", "jnp.arange(n)[::-1] < n - jnp.round",
        f"{TESTS}/test_patterns.py",
    ),
    Fault(
        "the read head is addressed before the write", f"{EPISODIC}/external.py",
        "address(memory, carry.read_weights", "address(carry.memory, carry.read_weights",
        f"{TESTS}/episodic/test_external.py",
    ),
    Fault(
        "the gate of the write also moves the head", f"{EPISODIC}/external.py",
        "Tape(memory, written, looked)", "Tape(memory, now.write_gate * written, looked)",
        f"{TESTS}/episodic/test_external.py",
    ),
    Fault(
        "the moves of a head go backwards", f"{EPISODIC}/external.py",
        "jnp.arange(slots)[None] - jnp.arange", "jnp.arange(slots)[None] + jnp.arange",
        f"{TESTS}/episodic/test_external.py",
    ),
    Fault(
        "fast weights decay on the new outer product", f"{EPISODIC}/fast_weights.py",
        "as_number(retention, fast) * fast + key[:, None] * value[None]",
        "as_number(retention, fast) * (fast + key[:, None] * value[None])",
        f"{TESTS}/episodic/test_fast_weights.py",
    ),
    Fault(
        "the delta rule writes with the wrong sign", f"{EPISODIC}/fast_weights.py",
        "(value - key @ fast)[None]", "(key @ fast - value)[None]",
        f"{TESTS}/episodic/test_fast_weights.py",
    ),
    Fault(
        "linear attention divides by the sum of the steps before", f"{EPISODIC}/fast_weights.py",
        "read(fast, x.query) / jnp.maximum(x.query @ total, floor)",
        "read(fast, x.query) / jnp.maximum(x.query @ carry[1], floor)",
        f"{TESTS}/episodic/test_fast_weights.py",
    ),
    Fault(
        "the first step of a chunk reads fast weights that have not decayed",
        f"{EPISODIC}/chunks.py", "return retention * kept[:, None] * q, within",
        "return kept[:, None] * q, within", f"{TESTS}/episodic/test_chunks.py",
    ),
    Fault(
        "the writes of a chunk decay in the wrong order", f"{EPISODIC}/chunks.py",
        "kept[::-1, None] * k, v", "kept[:, None] * k, v", f"{TESTS}/episodic/test_chunks.py",
    ),
    Fault(
        "a step of a chunk sees the writes after it", f"{EPISODIC}/chunks.py",
        "return q, jnp.tril(q @ k.T), k, u, w", "return q, q @ k.T, k, u, w",
        f"{TESTS}/episodic/test_chunks.py",
    ),
    Fault(
        "a write of a chunk does not correct those before it", f"{EPISODIC}/chunks.py",
        "jnp.tril(b[:, None] * (k @ k.T), -1) + jnp.eye", "jnp.eye",
        f"{TESTS}/episodic/test_chunks.py",
    ),
    Fault(
        "the steps after the last whole chunk start from the first fast weights",
        f"{EPISODIC}/chunks.py",
        "fast, ys = lax.scan(turn, fast, jax.vmap", "_, ys = lax.scan(turn, fast, jax.vmap",
        f"{TESTS}/episodic/test_chunks.py",
    ),
    Fault(
        "sequences are always taken step by step", "jaxbrain/cells/unrolling.py",
        "length >= step.least and", "length < 0 and", f"{TESTS}/episodic/test_chunks.py",
    ),
    Fault(
        "a wrapped cell loses its form of a sequence", "jaxbrain/cells/stages.py",
        "            step.least,\n", "            10**9,\n", f"{TESTS}/episodic/test_chunks.py",
    ),
    Fault(
        "the projection of keys rolls the other way", f"{EPISODIC}/feature_maps.py",
        "jnp.roll(r, j + 1, axis=-1)", "jnp.roll(r, -j - 1, axis=-1)",
        f"{TESTS}/episodic/test_feature_maps.py",
    ),
    Fault(
        "the Fisher information is that of the most probable label",
        f"{CONTINUAL}/fisher_information.py",
        "return jnp.sqrt(p)[:, None] * (p[None]",
        "return (p == jnp.max(p)).astype(p.dtype)[:, None] * (p[None]",
        f"{TESTS}/continual/test_fisher_information.py",
    ),
    Fault(
        "targets are not drawn from the predictions", f"{CONTINUAL}/fisher_information.py",
        "_Predictive(_classes, jax.random.categorical)",
        "_Predictive(_classes, lambda key, logits: jnp.argmax(logits))",
        f"{TESTS}/continual/test_fisher_information.py",
    ),
    Fault(
        "the scores of bits lack the square root", f"{CONTINUAL}/fisher_information.py",
        "jnp.exp(0.5 * (jax.nn.log_sigmoid(flat)", "jnp.exp(1.0 * (jax.nn.log_sigmoid(flat)",
        f"{TESTS}/continual/test_fisher_information.py",
    ),
    Fault(
        "the importance of a task is accumulated twice", f"{CONTINUAL}/elastic.py",
        "jax.tree.map(jnp.add, anchor.importance, importance)",
        "jax.tree.map(lambda old, new: old + 2 * new, anchor.importance, importance)",
        f"{TESTS}/continual/test_elastic.py",
    ),
    Fault(
        "the new importance fades with the old", f"{CONTINUAL}/elastic.py",
        "as_number(retention, old) * old + new", "as_number(retention, old) * (old + new)",
        f"{TESTS}/continual/test_elastic.py",
    ),
    Fault(
        "the penalty enters the loss but not the gradient", f"{CONTINUAL}/elastic.py",
        "return total, jax.tree.map(jnp.add, gradient, pull), state",
        "return total, gradient, state",
        f"{TESTS}/continual/test_elastic.py",
    ),
    Fault(
        "the path integral takes the gradient with the penalty", f"{CONTINUAL}/synaptic.py",
        "state.path, updates, steps)", "state.path, pulled, steps)",
        f"{TESTS}/continual/test_synaptic.py",
    ),
    Fault(
        "the importance of synapses is over the distance, not its square",
        f"{CONTINUAL}/synaptic.py",
        "jnp.square(p - a) + as_number(damping, p)", "jnp.abs(p - a) + as_number(damping, p)",
        f"{TESTS}/continual/test_synaptic.py",
    ),
    Fault(
        "the probability of a place in the buffer is too high", f"{CONTINUAL}/replay.py",
        "jax.random.randint(key, (n,), 0, count + 1", "jax.random.randint(key, (n,), 0, count",
        f"{TESTS}/continual/test_replay.py",
    ),
    Fault(
        "empty places of the buffer are replayed", f"{CONTINUAL}/replay.py",
        "jnp.maximum(buffer.filled, 1)", "buffer.capacity", f"{TESTS}/continual/test_replay.py",
    ),
    Fault(
        "sleep changes excitatory weights instead of inhibitory ones", f"{CONTINUAL}/sleep.py",
        "jax.nn.sigmoid(-w / _WIDTH)", "jax.nn.sigmoid(w / _WIDTH)",
        f"{TESTS}/continual/test_sleep.py",
    ),
]  # fmt: skip
