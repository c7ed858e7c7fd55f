"""Faults in what measures, bodies, plasticities and losses refuse, and in how they read numbers."""

from tests.faults import Fault

ANALYSIS, BODY = "jaxbrain/analysis", "jaxbrain/motor/body"
VALUES, MOVEMENT = f"{ANALYSIS}/values.py", f"{ANALYSIS}/kinematics.py"
GRADIENTS, SYNAPSES = (
    f"{ANALYSIS}/gradient_similarity.py",
    "jaxbrain/learning/plasticity/synapses.py",
)
OPTIMIZERS = "jaxbrain/training/optimizers.py"
MENDED = "tests/fuzz/test_mended.py"


def mended(name: str, file: str, right: str, wrong: str) -> Fault:
    return Fault(name, file, right, wrong, MENDED)


FAULTS = [
    mended(
        "the fraction of a target is lost", "jaxbrain/training/example_metrics.py",
        "prediction = prediction.astype(float)", "pass",
    ),
    mended(
        "a metric of no outputs is nan", "jaxbrain/training/example_metrics.py",
        "if not outputs.size:", "if outputs is None:",
    ),
    mended(
        "a sequence is taken for one step of a tape", "jaxbrain/memory/episodic/external.py",
        "project(params, one_step(x))", "project(params, x)",
    ),
    mended(
        "the Fourier transform gets half precision", "jaxbrain/memory/symbols.py",
        'return array.astype("float32") if array.dtype.itemsize < 4 else array', "return array",
    ),
    mended(
        "half precision is not widened", VALUES,
        'return values.astype("float32") if values.dtype.itemsize < 4 else values', "return values",
    ),
    mended(
        "complex values lose their imaginary parts", VALUES,
        "if jnp.iscomplexobj(values):", "if False:",
    ),
    mended(
        "values are squared as they are", VALUES,
        "scale = jnp.where(usable, power, 1)", "scale = jnp.ones_like(power)",
    ),
    mended(
        "squares out of range are no error", VALUES,
        "if not all(np.isfinite(np.asarray(a)).all() for a in known):", "if False:",
    ),
    mended(
        "states without units have a dimensionality", f"{ANALYSIS}/dynamics.py",
        "max(states.shape[-1], 1) if states.ndim > 1 else 0", "1 if states.ndim > 1 else 2",
    ),
    mended(
        "layers without weights have an angle", GRADIENTS,
        "if u.size != v.size or not u.size:", "if u.size != v.size:",
    ),
    mended(
        "layers of other sizes are compared", GRADIENTS,
        "if u.size != v.size or not u.size:", "if not u.size:",
    ),
    mended(
        "gradients of truth values are numbers", GRADIENTS, 'kind in "OSUMb"', 'kind in "OSUM"',
    ),
    mended(
        "gradients of whole numbers stay whole", GRADIENTS,
        "v if jnp.issubdtype(v.dtype, jnp.inexact) else v.astype(float)", "v",
    ),
    mended(
        "each array of NumPy is a layer", GRADIENTS,
        'all(hasattr(v, "dtype") for v in tree.values())',
        "all(isinstance(v, jax.Array) for v in tree.values())",
    ),
    mended(
        "a complex number has a sign", GRADIENTS,
        "if jnp.iscomplexobj(u) or jnp.iscomplexobj(v):", "if False:",
    ),
    mended(
        "a matrix has one kind", f"{ANALYSIS}/stability.py",
        "if values.ndim != 1 or not values.size:", "if not values.size:",
    ),
    mended(
        "eigenvalues of nan are marginal", f"{ANALYSIS}/stability.py",
        "if not np.isfinite(values).all():", "if False:",
    ),
    mended(
        "a path may be empty", MOVEMENT,
        "or not shape[0] or shape[0] != (length or shape[0])",
        "or shape[0] != (length or shape[0])",
    ),
    mended(
        "a start may lie in space", MOVEMENT, "if point.shape != (2,):", "if point.shape[0] < 2:",
    ),
    mended(
        "a speed may be negative", MOVEMENT, "(np.asarray(speed) < 0).any()", "False",
    ),
    mended(
        "the length of nan is zero", MOVEMENT, "none = square == 0", "none = ~(square > 0)",
    ),
    mended(
        "a movement of nan lasts from the first sample to the last", MOVEMENT,
        "known = ~jnp.isnan(level)", "known = jnp.bool_(True)",
    ),
    mended(
        "the fields of a tuning may be of other units", f"{ANALYSIS}/tuning_curves.py",
        "if any(shape != list(rates.shape[-1:]) for shape in shapes):",
        "if shapes[2] != list(rates.shape[-1:]):",
    ),
    mended(
        "fixed points under an input of nan", f"{ANALYSIS}/fixed_point_search.py",
        '(("starts", leaves), ("x", jax.tree.leaves(x)))', '(("starts", leaves),)',
    ),
    mended(
        "a batch of text goes to the rules", f"{ANALYSIS}/estimators.py",
        'data = tree_on_device("bias_and_variance", "data", data)', "pass",
    ),
    mended(
        "deviations of extreme movements are infinite", f"{ANALYSIS}/decoders.py",
        "part, unit = scaled(rows, axis=0)", "part, unit = rows, jnp.ones((1, 1))",
    ),
    mended(
        "a whole command truncates the place of the hand", f"{BODY}/plant.py",
        "astype(as_real(f\"{name}: Action\", one, float).dtype)", "astype(action.command.dtype)",
    ),
    mended(
        "a body starts in the precision of its command", f"{BODY}/plant.py",
        "jnp.result_type(*action)", "jnp.result_type(action.command)",
    ),
    mended(
        "a place may be of any shape", f"{BODY}/plant.py",
        "if position.shape != (2,):", "if position.shape[0] < 2:",
    ),
    mended(
        "the fields of an action are not read", f"{BODY}/plant.py",
        "value = as_array(name, argument, value)", "value = jnp.asarray(value)",
    ),
    mended(
        "weights of one axis", SYNAPSES, "if w.ndim != 2:", "if w.ndim > 2:",
    ),
    mended(
        "weights of whole numbers change by whole numbers", SYNAPSES,
        "return as_float(w, float)", "return w",
    ),
    mended(
        "a complex target loses its imaginary part", "jaxbrain/losses.py",
        "if jnp.iscomplexobj(target) and not jnp.iscomplexobj(prediction):", "if False:",
    ),
    mended(
        "a loss of complex predictions", "jaxbrain/losses.py", "if jnp.iscomplexobj(known):",
        "if False:",
    ),
    Fault(
        "a gzip bomb is unpacked", "jaxbrain/datasets/opened.py",
        "self._left -= count", "pass", "tests/datasets/test_opened.py",
    ),
    Fault(
        "a schedule-free training is measured where it trains", OPTIMIZERS,
        "average = optax.contrib.schedule_free_eval_params(state, own)", "average = own",
        "tests/training/test_optimizers.py",
    ),
    Fault(
        "a schedule-free optimizer in a chain is not found", OPTIMIZERS,
        "jax.tree.leaves(opt_state, is_leaf=averages)", "[opt_state]",
        "tests/training/test_optimizers.py",
    ),
]  # fmt: skip
