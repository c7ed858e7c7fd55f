"""Faults in online rules, in readouts by least squares and in plasticity."""

from tests.faults import Fault

ONLINE, ONLINE_TESTS = "jaxbrain/learning/online", "tests/learning/online"
READOUT, READOUT_TESTS = "jaxbrain/learning/readout", "tests/learning/readout"
PLASTICITY, PLASTICITY_TESTS = "jaxbrain/learning/plasticity", "tests/learning/plasticity"
FAULTS = [
    Fault(
        "rtrl reads its influence in two products", f"{ONLINE}/whole_influence.py",
        "jax.tree.map(lambda p: p[-1], products), after",
        "jax.tree.map(lambda s: jnp.tensordot(step.credit, s, 1), traces), after",
        f"{ONLINE_TESTS}/test_whole_influence.py",
    ),
    Fault(
        "indices of a leaf are those of its first row", f"{ONLINE}/param_leaves.py",
        "numbers = first if np.all(numbers == first) else numbers", "numbers = first",
        f"{ONLINE_TESTS}/test_param_leaves.py",
    ),
    Fault(
        "a point out of the domain has all entries", f"{ONLINE}/jacobian_sparsity.py",
        "jnp.where(jnp.isnan(entries), _UNKNOWN, known)", "known",
        f"{ONLINE_TESTS}/test_jacobian_sparsity.py",
    ),
    Fault(
        "rtrl carries half of the influence", f"{ONLINE}/whole_influence.py",
        "i.astype(p.dtype) + p[:-1]", "i.astype(p.dtype) + 0.5 * p[:-1]",
        f"{ONLINE_TESTS}/test_influence.py",
    ),
    Fault(
        "rtrl drops the gradient of the first carry", f"{ONLINE}/whole_influence.py",
        "if pull is None:", "if True:",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "snap drops the gradient of the first carry", f"{ONLINE}/sparse_influence.py",
        "return _entering(pattern, pull, params, state.dtype)",
        "return jax.tree.map(jnp.zeros_like, _entering(pattern, pull, params, state.dtype))",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "snap by the whole matrix drops the gradient of the first carry",
        f"{ONLINE}/sparse_influence.py",
        "return first_influence(cell, params, carry, x)",
        "return jax.tree.map(jnp.zeros_like, first_influence(cell, params, carry, x))",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "the first carry is not in the sparsity pattern", f"{ONLINE}/jacobian_sparsity.py",
        "immediate = immediate | start", "immediate = immediate | False",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "the first carry is credited to few outputs", f"{ONLINE}/sparse_influence.py",
        "return jnp.where(starting, whole(traces, rows), cut)", "return cut",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "the first carry is credited to few outputs of the whole matrix",
        f"{ONLINE}/sparse_influence.py",
        "(pattern.outputs | pattern.starting).T", "pattern.outputs.T",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "uoro draws the first carry at every step", f"{ONLINE}/stochastic.py",
        "(*after, jnp.array(False))", "(*after, jnp.array(True))",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "uoro multiplies the first carry where it divides", f"{ONLINE}/stochastic.py",
        "jnp.where(fresh[0], entering / b, q)", "jnp.where(fresh[0], entering * b, q)",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "kf_rtrl takes a first carry that depends on the params", f"{ONLINE}/stochastic.py",
        "if pull_first_carry(cell, params, x) is not None:", "if False:",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "a first carry seems to be made without the params", f"{ONLINE}/first_carry.py",
        "reached.update(id(variable) for variable in equation.outvars)", "pass",
        f"{ONLINE_TESTS}/test_first_carry.py",
    ),
    Fault(
        "snap carries half of the influence", f"{ONLINE}/sparse_influence.py",
        "return entering + jnp.sum(between", "return entering + 0.5 * jnp.sum(between",
        f"{ONLINE_TESTS}/test_sparse_influence.py",
    ),
    Fault(
        "rtrl_diagonal carries half of the influence", f"{ONLINE}/sparse_influence.py",
        "return entering + jnp.sum(between", "return entering + 0.5 * jnp.sum(between",
        f"{ONLINE_TESTS}/test_influence.py",
    ),
    Fault(
        "snap takes one step too many", f"{ONLINE}/jacobian_sparsity.py",
        "len(carried) if n is None else n - 1", "len(carried) if n is None else n",
        f"{ONLINE_TESTS}/test_sparse_influence.py",
    ),
    Fault(
        "snap credits all outputs of a kept unit", f"{ONLINE}/sparse_influence.py",
        "jnp.where(reached, jnp.tensordot(read, s, 1), 0)", "jnp.tensordot(read, s, 1)",
        f"{ONLINE_TESTS}/test_sparse_influence.py",
    ),
    Fault(
        "the influence within a pattern is transposed", f"{ONLINE}/sparse_influence.py",
        "jnp.sum(between * traces[None], axis=1)", "jnp.sum(between * traces[:, None], axis=1)",
        f"{ONLINE_TESTS}/test_influence.py",
    ),
    Fault(
        "rows of one color share columns", f"{ONLINE}/jacobian_coloring.py",
        "taken = set(color[:i][meet[i, :i]].tolist())", "taken = set()",
        f"{ONLINE_TESTS}/test_jacobian_coloring.py",
    ),
    Fault(
        "uoro multiplies where it divides", f"{ONLINE}/stochastic.py",
        "q / a + entering / b", "q / a + entering * b",
        f"{ONLINE_TESTS}/test_stochastic.py",
    ),
    Fault(
        "uoro draws the signs of one unit for all", f"{ONLINE}/stochastic.py",
        "v = jax.random.rademacher(key, s.shape, s.dtype)",
        "v = jax.random.rademacher(key, s.shape, s.dtype)[:1] * jnp.ones_like(s)",
        f"{ONLINE_TESTS}/test_stochastic.py",
    ),
    Fault(
        "kf_rtrl has a wrong sign", f"{ONLINE}/stochastic.py",
        "v * carried / old + w * immediate / new", "v * carried / old - w * immediate / new",
        f"{ONLINE_TESTS}/test_stochastic.py",
    ),
    Fault(
        "kf_rtrl uses one sign for both factors", f"{ONLINE}/stochastic.py",
        "return v * old * h + w * new * inputs,", "return v * old * h + v * new * inputs,",
        f"{ONLINE_TESTS}/test_stochastic.py",
    ),
    Fault(
        "the learning signal of e-prop is one step late", f"{ONLINE}/rule.py",
        "past, traces = _advance(influence, traces, now)",
        "_, traces = _advance(influence, traces, now); past, _ = _advance(influence, traces, now)",
        f"{ONLINE_TESTS}/test_eligibility.py",
    ),
    Fault(
        "rflo has no leak", f"{ONLINE}/eligibility.py",
        "return Cell(cell.init, cell.carry, TwoStageStep(drive, step.respond))",
        "return Cell(cell.init, cell.carry, TwoStageStep(drive, lambda p, c, u, *, key=None: "
        "step.respond(p, jax.lax.stop_gradient(c), u, key=key)))",
        f"{ONLINE_TESTS}/test_eligibility.py",
    ),
    Fault(
        "e-prop credits the recurrent weights in time", f"{ONLINE}/eligibility.py",
        "return step.drive(params, jax.lax.stop_gradient(carry), x)",
        "return step.drive(params, carry, x)",
        f"{ONLINE_TESTS}/test_eligibility.py",
    ),
    Fault(
        "random feedback is that of the readout", f"{ONLINE}/rule.py",
        "back = way.weights(outer, tuple(held))", "back = outer",
        f"{ONLINE_TESTS}/test_readout_feedback.py",
    ),
    Fault(
        "adaptive feedback grows where the readout decays", f"{ONLINE}/readout_feedback.py",
        "g + as_number(decay, w) * w", "g - as_number(decay, w) * w",
        f"{ONLINE_TESTS}/test_readout_feedback.py",
    ),
    Fault(
        "a step that is made again has other noise", f"{ONLINE}/linearization.py",
        "move=lambda p, s: run(unravel(p), s, same_noise(key))[0][0]",
        "move=lambda p, s: run(unravel(p), s, None)[0][0]",
        f"{ONLINE_TESTS}/test_linearization.py",
    ),
    Fault(
        "the noise of an online rule is not that of its network", f"{ONLINE}/sequences.py",
        "jax.random.fold_in(key, t)  #", "jax.random.fold_in(key, t + 1)  #",
        f"{ONLINE_TESTS}/test_sequences.py",
    ),
    Fault(
        "gradients are summed over time", f"{ONLINE}/sequences.py",
        "jax.tree.map(lambda a: a / length, total)", "total",
        f"{ONLINE_TESTS}/test_sequences.py",
    ),
    Fault(
        "force has a wrong gain", f"{READOUT}/recursive_least_squares.py",
        "gain = seen / (1 + inputs @ seen)", "gain = seen / (1 + inputs @ inputs)",
        f"{READOUT_TESTS}/test_force_learning.py",
    ),
    Fault(
        "the inverse correlation forgets by the error", f"{READOUT}/recursive_least_squares.py",
        "squares.inverse - jnp.outer(gain, seen)", "squares.inverse - jnp.outer(gain, inputs)",
        f"{READOUT_TESTS}/test_recursive_least_squares.py",
    ),
    Fault(
        "the generator feeds back the output of two steps before", f"{READOUT}/force_learning.py",
        "return GeneratorState(state, rates, output), output",
        "return GeneratorState(state, rates, carry.output), output",
        f"{READOUT_TESTS}/test_force_learning.py",
    ),
    Fault(
        "force learns a step after it is due", f"{READOUT}/force_learning.py",
        "due = carry.step % every == 0", "due = carry.step % every == 1",
        f"{READOUT_TESTS}/test_force_learning.py",
    ),
    Fault(
        "full FORCE learns the recurrent input without the target", f"{READOUT}/force_learning.py",
        '@ params["recurrent"] + guide.output @ params["feedback"]', '@ params["recurrent"]',
        f"{READOUT_TESTS}/test_force_learning.py",
    ),
    Fault(
        "ridge penalizes the bias", f"{READOUT}/reservoir.py",
        "bias = y_mean - x_mean @ kernel",
        "bias = len(x) / (len(x) + penalty) * (y_mean - x_mean @ kernel)",
        f"{READOUT_TESTS}/test_reservoir.py",
    ),
    Fault(
        "the leak of a reservoir is on the wrong side", f"{READOUT}/reservoir.py",
        "h = (1 - a) * carry + a * activation(u)", "h = a * carry + (1 - a) * activation(u)",
        f"{READOUT_TESTS}/test_reservoir.py",
    ),
    Fault(
        "the sides of the STDP window are swapped", f"{PLASTICITY}/spike_timing.py",
        "a_plus * potentiation(w) * up - a_minus * depression(w) * down",
        "a_plus * potentiation(w) * down - a_minus * depression(w) * up",
        f"{PLASTICITY_TESTS}/test_spike_timing.py",
    ),
    Fault(
        "spikes of one step are a pair", f"{PLASTICITY}/spike_timing.py",
        "up, down = r[:, None] * post[None], pre[:, None] * o[None]",
        "up, down = (r + pre)[:, None] * post[None], pre[:, None] * o[None]",
        f"{PLASTICITY_TESTS}/test_spike_timing.py",
    ),
    Fault(
        "the slow traces of a triplet are exchanged", f"{PLASTICITY}/spike_timing.py",
        "taus = (c.tau_plus, c.tau_x, c.tau_minus, c.tau_y)",
        "taus = (c.tau_plus, c.tau_y, c.tau_minus, c.tau_x)",
        f"{PLASTICITY_TESTS}/test_spike_timing.py",
    ),
    Fault(
        "the threshold of BCM has another power", f"{PLASTICITY}/hebbian.py",
        "kept * theta + (1 - kept) * jnp.square(y)", "kept * theta + (1 - kept) * jnp.abs(y)",
        f"{PLASTICITY_TESTS}/test_hebbian.py",
    ),
    Fault(
        "Oja has no decay", f"{PLASTICITY}/hebbian.py",
        "_outer(x, y) - w * jnp.square(y)[None]", "_outer(x, y)",
        f"{PLASTICITY_TESTS}/test_hebbian.py",
    ),
    Fault(
        "a unit of Sanger learns from the units after it", f"{PLASTICITY}/hebbian.py",
        "jnp.triu(_outer(y, y))", "jnp.tril(_outer(y, y))",
        f"{PLASTICITY_TESTS}/test_hebbian.py",
    ),
    Fault(
        "both means of the covariance are those before", f"{PLASTICITY}/hebbian.py",
        "_outer(x - mean_x, y - after_y)", "_outer(x - mean_x, y - mean_y)",
        f"{PLASTICITY_TESTS}/test_hebbian.py",
    ),
    Fault(
        "the modulator meets the trace of the step before", f"{PLASTICITY}/synapses.py",
        "return (inner, trace), trace * (", "return (inner, trace), carry[1] * (",
        f"{PLASTICITY_TESTS}/test_synapses.py",
    ),
    Fault(
        "the eligibility trace does not decay", f"{PLASTICITY}/synapses.py",
        "trace = retention(tau, dt, w) * trace + change", "trace = trace + change",
        f"{PLASTICITY_TESTS}/test_synapses.py",
    ),
    Fault(
        "the bias of a plastic layer learns from its first input", f"{PLASTICITY}/rule.py",
        'grads["bias"] = -change[inputs] if learns', 'grads["bias"] = -change[0] if learns',
        f"{PLASTICITY_TESTS}/test_rule.py",
    ),
    Fault(
        "examples of a batch do not see the threshold of those before", f"{PLASTICITY}/rule.py",
        "carry, step = change(state[0], now)\n            return (carry, state[1] + step), None",
        "after, step = change(carry, now)\n            return (after, state[1] + step), None",
        f"{PLASTICITY_TESTS}/test_rule.py",
    ),
    Fault(
        "the first unit is the winner of SoftHebb", f"{PLASTICITY}/competitive.py",
        "jnp.arange(len(u)) == jnp.argmax(u)", "jnp.arange(len(u)) == 0",
        f"{PLASTICITY_TESTS}/test_competitive.py",
    ),
    Fault(
        "SoftHebb weighs its decay by y in place of u", f"{PLASTICITY}/competitive.py",
        "(x[:, None] - u[None] * w)", "(x[:, None] - y[None] * w)",
        f"{PLASTICITY_TESTS}/test_competitive.py",
    ),
    Fault(
        "the temperature of SoftHebb multiplies", f"{PLASTICITY}/competitive.py",
        "as_number(inverse_temperature, u) * u)", "u / as_number(inverse_temperature, u))",
        f"{PLASTICITY_TESTS}/test_competitive.py",
    ),
    Fault(
        "the rate of SoftHebb falls with the length of all weights", f"{PLASTICITY}/competitive.py",
        "jnp.linalg.norm(w, axis=0)", "jnp.linalg.norm(w)",
        f"{PLASTICITY_TESTS}/test_competitive.py",
    ),
    Fault(
        "patches keep the channel as their slow index", "jaxbrain/networks/convolution.py",
        "jnp.swapaxes(found, -1, -2).reshape(", "found.reshape(",
        f"{PLASTICITY_TESTS}/test_rule.py",
    ),
    Fault(
        "each place of a convolution has a target of its own", f"{PLASTICITY}/rule.py",
        "jnp.asarray(leaf)[i // places]", "jnp.asarray(leaf)[i % len(leaf)]",
        f"{PLASTICITY_TESTS}/test_rule.py",
    ),
    Fault(
        "a convolution learns from its pooled outputs", f"{PLASTICITY}/rule.py",
        "itertools.takewhile(lambda a: a.shape == first.shape, activities[1:])",
        "iter(activities[1:])",
        f"{PLASTICITY_TESTS}/test_rule.py",
    ),
    Fault(
        "GLE: errors have the times of the rates", f"{ONLINE}/latent_equilibrium.py",
        'low_pass(v, slope(error)[0], layer["tau_r"], layer["tau"], layer["dt"])',
        'low_pass(v, slope(error)[0], layer["tau"], layer["tau_r"], layer["dt"])',
        f"{ONLINE_TESTS}/test_latent_equilibrium.py",
    ),
    Fault(
        "GLE: the low-passed error goes down", f"{ONLINE}/latent_equilibrium.py",
        "change, error = pull(e)", "change, error = pull(v)",
        f"{ONLINE_TESTS}/test_latent_equilibrium.py",
    ),
    Fault(
        "GLE: the nudge increases the loss", f"{ONLINE}/latent_equilibrium.py",
        "current - as_number(nudge, e) * e", "current + as_number(nudge, e) * e",
        f"{ONLINE_TESTS}/test_latent_equilibrium.py",
    ),
    Fault(
        "GLE: the slope of the activation is that at the membrane",
        f"{ONLINE}/latent_equilibrium.py",
        'rate, slope = jax.vjp(layer["activation"] or (lambda ahead: ahead), ahead)',
        'f = layer["activation"] or (lambda ahead: ahead)\n'
        "            rate, slope = f(ahead), jax.vjp(f, u)[1]",
        f"{ONLINE_TESTS}/test_latent_equilibrium.py",
    ),
]  # fmt: skip
