"""Faults in analysis, in the checks of rules and bodies, and in pictures."""

from tests.faults import Fault

A, T, V = "jaxbrain/analysis", "jaxbrain/testing", "jaxbrain/viz"
FAULTS = [
    Fault(
        "angles between gradients are in radians", f"{A}/gradient_similarity.py",
        "jnp.degrees(2 * jnp.arctan2(apart, together))", "2 * jnp.arctan2(apart, together)",
        "tests/analysis/test_gradient_similarity.py",
    ),
    Fault(
        "weights that neither gradient moves count as agreement", f"{A}/gradient_similarity.py",
        "moved = (u != 0) | (v != 0)", "moved = jnp.ones_like(u, bool)",
        "tests/analysis/test_gradient_similarity.py",
    ),
    Fault(
        "CKA of activities that are not centered", f"{A}/spaces.py",
        "return a - a.mean(axis=0, keepdims=True), b - b.mean(axis=0, keepdims=True)",
        "return a, b",
        "tests/analysis/test_spaces.py",
    ),
    Fault(
        "CKA is normalized by one population only", f"{A}/spaces.py",
        "scale = own[0] * own[1]", "scale = own[0] ** 2",
        "tests/analysis/test_spaces.py",
    ),
    Fault(
        "Procrustes does not allow reflections", f"{A}/spaces.py",
        "    rotation = left @ right\n",
        "    left = left.at[:, -1].multiply(jnp.sign(jnp.linalg.det(left @ right)))\n"
        "    rotation = left @ right\n",
        "tests/analysis/test_spaces.py",
    ),
    Fault(
        "canonical correlations of columns that are not orthonormal", f"{A}/spaces.py",
        "jnp.linalg.svd(_basis(a).T @ _basis(b), compute_uv=False)",
        "jnp.linalg.svd(_unit(a).T @ _unit(b), compute_uv=False)",
        "tests/analysis/test_spaces.py",
    ),
    Fault(
        "the variance of a principal component is divided by n", f"{A}/spaces.py",
        "scale[0] ** 2 / max(len(rows) - 1, 1)", "scale[0] ** 2 / len(rows)",
        "tests/analysis/test_spaces.py",
    ),
    Fault(
        "jPCA fits any matrix where it should be antisymmetric", f"{A}/rotations.py",
        "skew, best = skew_fit(middle, change), linear_fit(middle, change)",
        "skew, best = linear_fit(middle, change), linear_fit(middle, change)",
        "tests/analysis/test_rotations.py",
    ),
    Fault(
        "the antisymmetric part of the free fit stands for the antisymmetric fit",
        f"{A}/rotations.py",
        "    turn = jnp.where(there, twist / jnp.where(there, sums, 1), 0)\n",
        "    free = product / jnp.where(values > 0, values, 1)[:, None]\n"
        "    turn = jnp.where(there, free - free.T, 0) / 2\n",
        "tests/analysis/test_rotations.py",
    ),
    Fault(
        "a rotation is related to the earlier state", f"{A}/rotations.py",
        "((states[:, 1:] + states[:, :-1]) / 2).reshape", "states[:, :-1].reshape",
        "tests/analysis/test_rotations.py",
    ),
    Fault(
        "the frequencies of jPCA are in radians per second", f"{A}/rotations.py",
        "frequencies=angles / (2 * jnp.pi * dt)", "frequencies=angles / dt",
        "tests/analysis/test_rotations.py",
    ),
    Fault(
        "surrogates are not analyzed without their mean", f"{A}/rotations.py",
        "drawn = _without_mean(drawn) if subtract_mean else drawn", "drawn = 1.0 * drawn",
        "tests/analysis/test_rotations.py",
    ),
    Fault(
        "p does not count the activity itself", f"{A}/rotations.py",
        "(1 + jnp.sum(b >= a)) / (1 + len(keys))", "jnp.sum(b >= a) / len(keys)",
        "tests/analysis/test_rotations.py",
    ),
    Fault(
        "surrogates permute the conditions of all units alike", f"{A}/surrogates.py",
        "keys = jax.random.split(key, activity.shape[2])\n",
        "keys = jnp.repeat(jax.random.clone(key)[None], activity.shape[2])\n",
        "tests/analysis/test_surrogates.py",
    ),
    Fault(
        "inversion is about zero, not about the first state", f"{A}/surrogates.py",
        "inverted = 2 * activity[:, :1] - activity", "inverted = -activity",
        "tests/analysis/test_surrogates.py",
    ),
    Fault(
        "maximum entropy draws with the variance for the deviation", f"{A}/surrogates.py",
        "deviation = jnp.sqrt(maximum_entropy_variances(values))",
        "deviation = maximum_entropy_variances(values)",
        "tests/analysis/test_surrogates.py",
    ),
    Fault(
        "the mean of the surrogates counts the grand mean thrice", f"{A}/surrogates.py",
        "jnp.broadcast_to(-2 * activity.mean(), activity.shape)",
        "jnp.broadcast_to(0 * activity.mean(), activity.shape)",
        "tests/analysis/test_surrogates.py",
    ),
    Fault(
        "variances of maximum entropy are the products of the sums", f"{A}/entropy.py",
        "    return _variances(problem, found.x)[0] * scale\n",
        '    return found.error * 0 + scale * jnp.einsum("i,j,k->ijk", *(\n'
        "        s / jnp.mean(s) for s in problem.sums))\n",
        "tests/analysis/test_entropy.py",
    ),
    Fault(
        "the preferred direction turns clockwise", f"{A}/tuning_curves.py",
        "preferred=jnp.arctan2(b2, b1)", "preferred=jnp.arctan2(-b2, b1)",
        "tests/analysis/test_tuning_curves.py",
    ),
    Fault(
        "the baseline is the mean rate over uneven directions", f"{A}/tuning_curves.py",
        "baseline=mean - b1 * middle[0] - b2 * middle[1]", "baseline=mean",
        "tests/analysis/test_tuning_curves.py",
    ),
    Fault(
        "the population vector does not weigh units by their activity", f"{A}/tuning_curves.py",
        "((flat - baseline[None]) * weight[None]) @ directions",
        "((flat - baseline[None] > 0) * weight[None]) @ directions",
        "tests/analysis/test_tuning_curves.py",
    ),
    Fault(
        "the population vector is tested on the movements of its fit", f"{A}/tuning_curves.py",
        "fitted = tuning(angles[::2], rates[::2])", "fitted = tuning(angles[1::2], rates[1::2])",
        "tests/analysis/test_tuning_curves.py",
    ),
    Fault(
        "Lyapunov exponents are per step, whatever the time of a step", f"{A}/dynamics.py",
        "return -jnp.sort(-growth[discard:].mean(axis=0)) / dt",
        "return -jnp.sort(-growth[discard:].mean(axis=0))",
        "tests/analysis/test_dynamics.py",
    ),
    Fault(
        "Lyapunov directions are not orthonormalized", f"{A}/dynamics.py",
        "        directions, upper = jnp.linalg.qr(jax.vmap(push, in_axes=1, out_axes=1)"
        "(directions))\n",
        "        directions = jax.vmap(push, in_axes=1, out_axes=1)(directions)\n"
        "        upper = jnp.diag(jnp.linalg.norm(directions, axis=0))\n"
        "        directions = directions / jnp.linalg.norm(directions, axis=0)[None]\n",
        "tests/analysis/test_dynamics.py",
    ),
    Fault(
        "the participation ratio lacks its square", f"{A}/dynamics.py",
        "return jnp.trace(square) ** 2 / jnp.where(power == 0, 1, power)",
        "return jnp.trace(square) / jnp.where(power == 0, 1, power)",
        "tests/analysis/test_dynamics.py",
    ),
    Fault(
        "the Jacobian at fixed points is transposed", f"{A}/fixed_point_search.py",
        "return (jax.vmap(jax.jacfwd(flow))(states),)",
        "return (jax.vmap(jax.jacfwd(flow))(states).swapaxes(1, 2),)",
        "tests/analysis/test_fixed_point_search.py",
    ),
    Fault(
        "the speed of a slow point lacks the half", f"{A}/fixed_point_search.py",
        "return difference, jacobian, jnp.sum(difference**2) / 2",
        "return difference, jacobian, jnp.sum(difference**2)",
        "tests/analysis/test_fixed_point_search.py",
    ),
    Fault(
        "kinds are told by the real part, as in continuous time", f"{A}/stability.py",
        "moduli = np.abs(values)\n", "moduli = np.exp(values.real)\n",
        "tests/analysis/test_stability.py",
    ),
    Fault(
        "time constants are those of growth", f"{A}/stability.py",
        "return -dt / np.log(np.abs(self.eigenvalues))",
        "return dt / np.log(np.abs(self.eigenvalues))",
        "tests/analysis/test_fixed_point_search.py",
    ),
    Fault(
        "R2 is against the mean of the prediction", f"{A}/decoding.py",
        "y - y.mean(axis=0, keepdims=True)", "y - p.mean(axis=0, keepdims=True)",
        "tests/analysis/test_decoding.py",
    ),
    Fault(
        "lags look into the future", f"{A}/decoding.py",
        "np.arange(len(activity))[:, None] - np.asarray(lags)[None]",
        "np.arange(len(activity))[:, None] + np.asarray(lags)[None]",
        "tests/analysis/test_decoding.py",
    ),
    Fault(
        "the ridge penalty shrinks the bias", f"{A}/decoders.py",
        'return Linear(readout["kernel"], readout["bias"], *moments, penalty, errors)',
        'bias = readout["bias"] * len(z) / (len(z) + penalty)\n'
        '        return Linear(readout["kernel"], bias, *moments, penalty, errors)',
        "tests/analysis/test_decoders.py",
    ),
    Fault(
        "the penalty is chosen by the error on the training data", f"{A}/decoders.py",
        "kept = np.delete(np.arange(len(z)), block)", "kept = np.arange(len(z))",
        "tests/analysis/test_decoders.py",
    ),
    Fault(
        "the deviation of a reach is positive to the right", f"{A}/kinematics.py",
        "jnp.stack([-along[1], along[0]])", "jnp.stack([along[1], -along[0]])",
        "tests/analysis/test_kinematics.py",
    ),
    Fault(
        "the time of the peak speed is from the start of the record", f"{A}/kinematics.py",
        "peak_time=(peak - onset) / (offset - onset)", "peak_time=peak / (offset - onset)",
        "tests/analysis/test_kinematics.py",
    ),
    Fault(
        "the time to reach is in samples", f"{A}/kinematics.py",
        "return as_number(dt, outside) * trapezoids", "return trapezoids",
        "tests/analysis/test_kinematics.py",
    ),
    Fault(
        "each lesion takes the group before it along", f"{A}/sweeps.py",
        "lesioned = np.stack([np.zeros(units, bool), *_masks(groups, units)])",
        "lesioned = np.stack([np.zeros(units, bool), *_masks(groups, units)])\n"
        "    lesioned[2:] |= lesioned[1:-1]",
        "tests/analysis/test_sweeps.py",
    ),
    Fault(
        "the standard error has the number of samples without its root", f"{A}/estimators.py",
        "standard_error=jnp.sqrt(variance / found.count)",
        "standard_error=jnp.sqrt(variance) / found.count",
        "tests/analysis/test_estimators.py",
    ),
    Fault(
        "the variance of a gradient is divided by n", f"{A}/estimators.py",
        "variance = found.square / (found.count - 1)", "variance = found.square / found.count",
        "tests/analysis/test_estimators.py",
    ),
    Fault(
        "the rule is compared under another noise than the reference", f"{A}/estimators.py",
        "theirs = reference_gradient(jax.random.clone(k))",
        "theirs = reference_gradient(jax.random.fold_in(k, 1))",
        "tests/analysis/test_estimators.py",
    ),
    Fault(
        "a rule beats the floor within two standard deviations", f"{A}/comparison.py",
        "gain.std(ddof=1) / np.sqrt(len(gain))", "gain.std(ddof=1)",
        "tests/analysis/test_comparison.py",
    ),
    Fault(
        "every rule starts from its own weights", f"{A}/comparison.py",
        "{n: init_state(*pair, x, key=jax.random.clone(key)) for n, pair in pairs.items()}",
        "{n: init_state(*pair, x, key=jax.random.fold_in(key, i))\n"
        "                for i, (n, pair) in enumerate(pairs.items())}",
        "tests/analysis/test_comparison.py",
    ),
    Fault(
        "the floor trains its first layer", f"{A}/comparison.py",
        '"trained" if i == last else "frozen"', '"frozen" if i == last else "trained"',
        "tests/analysis/test_comparison.py",
    ),
    Fault(
        "a gradient may be wrong by any factor", f"{T}/gradients.py",
        "apart, length = jnp.linalg.norm(u - v), jnp.linalg.norm(v)",
        "apart, length = jnp.linalg.norm(u / jnp.linalg.norm(u) - v / jnp.linalg.norm(v)), 1.0",
        "tests/testing/test_gradients.py",
    ),
    Fault(
        "a gradient of nan passes the check", f"{T}/gradients.py",
        "wrong = [not error <= rtol for error", "wrong = [error > rtol for error",
        "tests/testing/test_gradients.py",
    ),
    Fault(
        "the power of muscles has the wrong sign in the check", f"{T}/bodies.py",
        "-jnp.sum(tension * shortens)", "jnp.sum(tension * shortens)",
        "tests/testing/test_bodies.py",
    ),
    Fault(
        "the contract does not look at layers without gradient", f"{T}/contract.py",
        "not in untrained and not bool(jnp.any(vector != 0))",
        "not in untrained and not bool(jnp.all(jnp.isfinite(vector)))",
        "tests/testing/test_contract.py",
    ),
    Fault(
        "the axes of a decision boundary are swapped", f"{V}/boundary.py",
        "np.stack([across.ravel(), up.ravel()], axis=1).astype",
        "np.stack([up.ravel(), across.ravel()], axis=1).astype",
        "tests/viz/test_boundary.py",
    ),
    Fault(
        "the confusion matrix is transposed", f"{V}/boundary.py",
        "np.add.at(table, (true, guess), 1.0)", "np.add.at(table, (guess, true), 1.0)",
        "tests/viz/test_boundary.py",
    ),
    Fault(
        "a weight matrix is drawn transposed in the diagram", f"{V}/layout.py",
        "kernel[np.ix_(left.units, right.units)].reshape(-1)",
        "kernel[np.ix_(left.units, right.units)].T.reshape(-1)",
        "tests/viz/test_network_diagram.py",
    ),
    Fault(
        "bands over seeds are the population deviation", f"{V}/series.py",
        "deviation = values.std(axis=0, ddof=1)", "deviation = values.std(axis=0)",
        "tests/viz/test_training_curves.py",
    ),
]  # fmt: skip
