"""Faults in the energy-based rules and the generative models."""

from tests.faults import Fault

ENERGY, GENERATIVE = "jaxbrain/learning/energy", "jaxbrain/learning/generative"
ENERGY_TESTS, GENERATIVE_TESTS = "tests/learning/energy", "tests/learning/generative"
FAULTS = [
    Fault(
        "a descent with too large steps is not reported", f"{ENERGY}/inference.py",
        "diverged: jnp.asarray(self.diverged)}", "diverged: jnp.zeros((), bool)}",
        "tests/training/test_notices.py",
    ),
    Fault(
        "multipliers that grow are not reported", f"{ENERGY}/lagrangian.py",
        "jnp.where(n == 0, _size(coming[0]), first)", "_size(coming[0])",
        "tests/training/test_notices.py",
    ),
    Fault(
        "inference without an equilibrium is reported as divergence",
        f"{ENERGY}/predictive_exact.py", "._replace(diverged=False)", "",
        "tests/training/test_notices.py",
    ),
    Fault(
        "the carried force of error coordinates is that of the step before",
        f"{ENERGY}/error_coordinates.py",
        "return errors, force(errors)\n\n", "return errors, force(carry[0])\n\n",
        f"{ENERGY_TESTS}/test_error_coordinates.py",
    ),
    Fault(
        "blocks are reported although nothing is left to be learned", f"{ENERGY}/inference.py",
        "{lost: self.unreached & ~output,", "{lost: self.unreached,",
        "tests/training/test_notices.py",
    ),
    Fault(
        "a relaxation that is not a number is not reported", f"{ENERGY}/inference.py",
        "signal, ~(residual <= 1))", "signal, residual > 1)",
        "tests/training/test_notices.py",
    ),
    Fault(
        "the free phase is taken to be an equilibrium", f"{ENERGY}/two_phases.py",
        "~(jnp.maximum(self.free, self.nudged) < _MOST_MOTION)",
        "~(self.nudged < _MOST_MOTION)", "tests/training/test_notices.py",
    ),
    Fault(
        "the energy of predictive coding lacks the 1/2", f"{ENERGY}/inference.py",
        "total += 0.5 * jnp.sum(jnp.square(error)", "total += jnp.sum(jnp.square(error)",
        f"{ENERGY_TESTS}/test_predictive.py",
    ),
    Fault(
        "predictive coding is not divided by the nudge", f"{ENERGY}/inference.py",
        "return 1 / (nudge * each.shape[0]) * jnp.sum(each)", "return jnp.mean(each)",
        f"{ENERGY_TESTS}/test_predictive.py",
    ),
    Fault(
        "centered predictive coding is twice too large", f"{ENERGY}/predictive.py",
        "descending, nudge=2 * beta)", "descending, nudge=beta)",
        f"{ENERGY_TESTS}/test_predictive.py",
    ),
    Fault(
        "both nudges of centered predictive coding point to the target", f"{ENERGY}/predictive.py",
        "jnp.stack([beta, -beta])", "jnp.stack([beta, beta])",
        f"{ENERGY_TESTS}/test_predictive.py",
    ),
    Fault(
        "the first inference step moves no activities", f"{ENERGY}/inference.py",
        "[*still, _push(model, params)])", "[*still, 0 * _push(model, params)])",
        f"{ENERGY_TESTS}/test_predictive.py",
    ),
    Fault(
        "the loss does not reach the clamped activities", f"{ENERGY}/predictive_clamped.py",
        "return jax.vmap(loss)(last(params, z), y)",
        "return jax.vmap(loss)(jax.lax.stop_gradient(last(params, z)), y)",
        f"{ENERGY_TESTS}/test_predictive_clamped.py",
    ),
    Fault(
        "incremental weights climb the energy", f"{ENERGY}/predictive_clamped.py",
        "lambda w, g: w - jnp.asarray(weight_step, w.dtype) * g, params, total",
        "lambda w, g: w + jnp.asarray(weight_step, w.dtype) * g, params, total",
        f"{ENERGY_TESTS}/test_predictive_clamped.py",
    ),
    Fault(
        "incremental activities relax under the weights of the start",
        f"{ENERGY}/predictive_clamped.py",
        "energies(model, now, z), latents, size), total",
        "energies(model, params, z), latents, size), total",
        f"{ENERGY_TESTS}/test_predictive_clamped.py",
    ),
    Fault(
        "inference learning in time is one step late", f"{ENERGY}/predictive_exact.py",
        "times = list(reversed(range(len(forward.blocks))))",
        "times = [t + 1 for t in reversed(range(len(forward.blocks)))]",
        f"{ENERGY_TESTS}/test_predictive_exact.py",
    ),
    Fault(
        "errors under fixed predictions do not decay", f"{ENERGY}/predictive_exact.py",
        "return [pull(a)[0] - e for pull", "return [pull(a)[0] for pull",
        f"{ENERGY_TESTS}/test_predictive_exact.py",
    ),
    Fault(
        "backtracking compares with the whole batch", f"{ENERGY}/descent.py",
        "return ~(energies(moved(size)) <= before)",
        "return ~(energies(moved(size)) <= jnp.sum(before))",
        f"{ENERGY_TESTS}/test_descent.py",
    ),
    Fault(
        "equilibrium propagation is not divided by the nudge", f"{ENERGY}/equilibrium.py",
        "jnp.stack([1 / beta, -1 / beta])", "jnp.array([1, -1], beta.dtype)",
        f"{ENERGY_TESTS}/test_equilibrium.py",
    ),
    Fault(
        "the free phase is added", f"{ENERGY}/equilibrium.py",
        "jnp.stack([1 / beta, -1 / beta])", "jnp.stack([1 / beta, 1 / beta])",
        f"{ENERGY_TESTS}/test_equilibrium.py",
    ),
    Fault(
        "the centered difference is divided by one nudge", f"{ENERGY}/equilibrium.py",
        "weight = 1 / (2 * beta)", "weight = 1 / beta",
        f"{ENERGY_TESTS}/test_equilibrium.py",
    ),
    Fault(
        "the nudge points away from the target", f"{ENERGY}/two_phases.py",
        "activate_output(system, h - beta * error(s, y))",
        "activate_output(system, h + beta * error(s, y))",
        f"{ENERGY_TESTS}/test_equilibrium.py",
    ),
    Fault(
        "the nudge is outside the nonlinearity", f"{ENERGY}/two_phases.py",
        "activate_output(system, h - beta * error(s, y))",
        "activate_output(system, h) - beta * error(s, y)",
        f"{ENERGY_TESTS}/test_two_phases.py",
    ),
    Fault(
        "the nudged phases have no dropout", f"{ENERGY}/two_phases.py",
        "(p, drive, s, y, keys, points)", "(p, drive, s, y, None, points)",
        f"{ENERGY_TESTS}/test_two_phases.py",
    ),
    Fault(
        "the free phase has no dropout", f"{ENERGY}/two_phases.py",
        "drive, s, change = jax.vmap(free, (None, 0, 0))(params, x, keys)",
        "drive, s, change = jax.vmap(free, (None, 0, None))(params, x, None)",
        f"{ENERGY_TESTS}/test_two_phases.py",
    ),
    Fault(
        "a circle of nudges lacks its last point", f"{ENERGY}/holomorphic.py",
        "k = np.arange(points // 2 + 1)", "k = np.arange(points // 2)",
        f"{ENERGY_TESTS}/test_holomorphic.py",
    ),
    Fault(
        "a real point of the circle counts twice", f"{ENERGY}/holomorphic.py",
        "np.where((k == 0) | (2 * k == points), 1, 2)", "np.where(k == 0, 1, 2)",
        f"{ENERGY_TESTS}/test_holomorphic.py",
    ),
    Fault(
        "the softmax error forgets the target", f"{ENERGY}/complex_errors.py",
        "/ jnp.sum(z, axis=-1, keepdims=True) - _target(target, logits)) / rows",
        "/ jnp.sum(z, axis=-1, keepdims=True)) / rows",
        f"{ENERGY_TESTS}/test_complex_errors.py",
    ),
    Fault(
        "the complex error forgets the weight of its example", f"{ENERGY}/complex_errors.py",
        "return inner(prediction, target.target) * jnp.asarray(target.weight, prediction.dtype)",
        "return inner(prediction, target.target)",
        f"{ENERGY_TESTS}/test_complex_errors.py",
    ),
    Fault(
        "feedback arrives at full gain", f"{ENERGY}/symmetric.py",
        "h = h + as_number(system.feedback_gain, h) * pull(s[group + 1])[0]",
        "h = h + pull(s[group + 1])[0]",
        f"{ENERGY_TESTS}/test_contrastive.py",
    ),
    Fault(
        "correlations of early layers are not raised by the feedback gain",
        f"{ENERGY}/symmetric.py",
        "as_number(system.feedback_gain, total) ** (group + 1 - len(s))",
        "as_number(system.feedback_gain, total) ** 0",
        f"{ENERGY_TESTS}/test_contrastive.py",
    ),
    Fault(
        "the residual is a square", f"{ENERGY}/symmetric.py",
        "return jnp.sqrt(moved / jnp.where(size > 0, size, 1))",
        "return moved / jnp.where(size > 0, size, 1)",
        f"{ENERGY_TESTS}/test_two_phases.py",
    ),
    Fault(
        "Hebbian and anti-Hebbian phases are exchanged", f"{ENERGY}/contrastive.py",
        "return jnp.array([1, 0], dtype), jnp.array([1, -1], dtype)",
        "return jnp.array([1, 0], dtype), jnp.array([-1, 1], dtype)",
        f"{ENERGY_TESTS}/test_contrastive.py",
    ),
    Fault(
        "the free energy lacks the hidden units", f"{GENERATIVE}/boltzmann.py",
        'return visible.energy(params["visible_bias"], v) - jnp.sum(softplus)',
        'return visible.energy(params["visible_bias"], v) - jnp.mean(softplus)',
        f"{GENERATIVE_TESTS}/test_boltzmann.py",
    ),
    Fault(
        "Gibbs sampling uses hidden probabilities, not states", f"{GENERATIVE}/boltzmann.py",
        "_hidden(params, v, up))", "_hidden(params, v, None))",
        f"{GENERATIVE_TESTS}/test_boltzmann.py",
    ),
    Fault(
        "the drive of Gaussian units lacks their variance", f"{GENERATIVE}/visible_units.py",
        "return bias + std**2 * drive", "return bias + std * drive",
        f"{GENERATIVE_TESTS}/test_visible_units.py",
    ),
    Fault(
        "the negative phase is the data", f"{GENERATIVE}/divergence.py",
        "lambda p: mean(p, data) - mean(p, samples)", "lambda p: mean(p, data) - mean(p, data)",
        f"{GENERATIVE_TESTS}/test_divergence.py",
    ),
    Fault(
        "the negative phase is added", f"{GENERATIVE}/divergence.py",
        "lambda p: mean(p, data) - mean(p, samples)", "lambda p: mean(p, data) + mean(p, samples)",
        f"{GENERATIVE_TESTS}/test_divergence.py",
    ),
    Fault(
        "persistent chains start from the data again", f"{GENERATIVE}/divergence.py",
        "state = _run_chains(key, params, state, steps, visible)",
        "state = _run_chains(key, params, x[: len(state)], steps, visible)",
        f"{GENERATIVE_TESTS}/test_divergence.py",
    ),
    Fault(
        "the next machine learns the data of the machine below", f"{GENERATIVE}/belief.py",
        "        x = batch(rule.network).apply(machines[-1], x)\n",
        "        batch(rule.network).apply(machines[-1], x)\n",
        f"{GENERATIVE_TESTS}/test_belief.py",
    ),
    Fault(
        "a transposed machine keeps its biases", f"{GENERATIVE}/belief.py",
        '"hidden_bias": machine["visible_bias"],\n'
        '        "visible_bias": machine["hidden_bias"],',
        '"hidden_bias": jnp.zeros_like(machine["visible_bias"]),\n'
        '        "visible_bias": machine["hidden_bias"],',
        f"{GENERATIVE_TESTS}/test_belief.py",
    ),
    Fault(
        "recognition weights learn awake", f"{GENERATIVE}/helmholtz.py",
        "sleep = mean_log(log_recognition, params, generated)",
        "sleep = mean_log(log_recognition, params, recognized)",
        f"{GENERATIVE_TESTS}/test_helmholtz.py",
    ),
    Fault(
        "generative weights learn asleep", f"{GENERATIVE}/helmholtz.py",
        "wake = mean_log(log_generative, params, recognized)",
        "wake = mean_log(log_generative, params, generated)",
        f"{GENERATIVE_TESTS}/test_helmholtz.py",
    ),
    Fault(
        "the probability of the top lacks its prior", f"{GENERATIVE}/helmholtz.py",
        'total = -binary_cross_entropy(params["prior"], states[-1])',
        'total = jnp.zeros((), params["prior"].dtype)',
        f"{GENERATIVE_TESTS}/test_helmholtz.py",
    ),
    Fault(
        "too few steps for the depth pass", f"{ENERGY}/reach.py",
        "    if steps < least:\n", "    if steps < 0:\n", f"{ENERGY_TESTS}/test_reach.py",
    ),
    Fault(
        "a push below rounding passes", f"{ENERGY}/reach.py",
        "arrives = nudge * arriving(n, steps - idle, size)", "arrives = 1.0",
        f"{ENERGY_TESTS}/test_reach.py",
    ),
    Fault(
        "a feedback below rounding passes", f"{ENERGY}/reach.py",
        "arrives = gain ** (groups - 1) * nudge", "arrives = gain * nudge",
        f"{ENERGY_TESTS}/test_reach.py",
    ),
    Fault(
        "no block is seen to learn nothing", f"{ENERGY}/inference.py",
        "return self.signal < LEAST", "return self.signal < 0", f"{ENERGY_TESTS}/test_reach.py",
    ),
    Fault(
        "error coordinates do not decay", f"{ENERGY}/error_coordinates.py",
        "total += 0.5 * jnp.sum(jnp.square(e)", "total += 0.1 * jnp.sum(jnp.square(e)",
        f"{ENERGY_TESTS}/test_error_coordinates.py",
    ),
    Fault(
        "activities forget their errors", f"{ENERGY}/error_coordinates.py",
        "params, activities(errors)[:-1], errors, nudge)",
        "params, activities(start)[:-1], errors, nudge)",
        f"{ENERGY_TESTS}/test_error_coordinates.py",
    ),
    Fault(
        "multipliers do not take over the errors", f"{ENERGY}/lagrangian.py",
        "z[i] = predicted + (coming[i] - multipliers[i]) / rho",
        "z[i] = predicted + coming[i] / rho",
        f"{ENERGY_TESTS}/test_lagrangian.py",
    ),
    Fault(
        "multipliers rise at full step", f"{ENERGY}/lagrangian.py",
        "scale = jnp.asarray(multiplier_step, rho.dtype) * rho", "scale = rho",
        f"{ENERGY_TESTS}/test_lagrangian.py",
    ),
    Fault(
        "the asymmetric phase is linear", f"{ENERGY}/asymmetric.py",
        "return jnp.where(jnp.abs(bend) > least * size, bend, 0)", "return jnp.zeros_like(bend)",
        f"{ENERGY_TESTS}/test_asymmetric.py",
    ),
    Fault(
        "the asymmetric phase keeps its couplings", f"{ENERGY}/asymmetric.py",
        "bend = f(a + change) - start - slope", "bend = f(a + change) - start",
        f"{ENERGY_TESTS}/test_asymmetric.py",
    ),
    Fault(
        "the two states of a unit share the nudge in equal parts", f"{ENERGY}/dual.py",
        "alpha = jnp.asarray(balance, u.dtype)", "alpha = jnp.asarray(0.5, u.dtype)",
        f"{ENERGY_TESTS}/test_dual.py",
    ),
    Fault(
        "the mean weighs each state by its own nudge", f"{ENERGY}/dual.py",
        "return value + (1 - alpha) * plus + alpha * minus",
        "return value + alpha * plus + (1 - alpha) * minus",
        f"{ENERGY_TESTS}/test_dual.py",
    ),
    Fault(
        "the difference of two states is the derivative", f"{ENERGY}/dual.py",
        "pull(u)[0] + plus - minus", "pull(u)[0]",
        f"{ENERGY_TESTS}/test_dual.py",
    ),
    Fault(
        "dual propagation lacks the derivative that rounding hides", f"{ENERGY}/dual.py",
        "pull(u)[0] + plus - minus", "f(a + alpha * u) - f(a + (alpha - 1) * u)",
        f"{ENERGY_TESTS}/test_dual.py",
    ),
    Fault(
        "a mean state does not change", f"{ENERGY}/dual.py",
        "means[i + 1], u = dyads(", "_, u = dyads(",
        f"{ENERGY_TESTS}/test_dual.py",
    ),
    Fault(
        "the way up does not see the nudged states", f"{ENERGY}/dual.py",
        "means.append(dyads(f, a, u, balance)[0] if layer.activation else f(a))",
        "means.append(f(a))",
        f"{ENERGY_TESTS}/test_dual.py",
    ),
    Fault(
        "dual propagation is not divided by the nudge", f"{ENERGY}/dual.py",
        "error = -u / (jnp.asarray(nudge, u.dtype) * u.shape[0])", "error = -u / u.shape[0]",
        f"{ENERGY_TESTS}/test_dual.py",
    ),
]  # fmt: skip
