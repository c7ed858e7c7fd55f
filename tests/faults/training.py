"""Faults in training, checkpoints, composition and configuration."""

from tests.faults import Fault

LOOP, CORE = "jaxbrain/training/loop.py", "jaxbrain/core"
FAULTS = [
    Fault(
        "fit does not warn of what the state of a rule reports", "jaxbrain/training/fitting.py",
        "        if not quiet:", "        if not signs.finite:", "tests/training/test_notices.py",
    ),
    Fault(
        "fit warns after every chunk", "jaxbrain/training/notices.py",
        "sorted(true.keys() - set(told))", "sorted(true)", "tests/training/test_notices.py",
    ),
    Fault(
        "a notice of one part of a state hides that of another", "jaxbrain/training/notices.py",
        "is_leaf=_reports", "is_leaf=lambda part: part is rule_state",
        "tests/training/test_notices.py",
    ),
    Fault(
        "a check says nothing of what the state of a rule reports",
        "jaxbrain/training/validation.py",
        'warn_of_notices(notices_of(state.rule_state), "at the end", members=members)', "pass",
        "tests/training/test_notices.py",
    ),
    Fault(
        "a program is kept although a dict in its optimizer can change",
        "jaxbrain/core/program.py",
        "and (copied or not container)", "and True",
        "tests/core/test_program.py",
    ),
    Fault(
        "a traced number is kept in the program of a value",
        "jaxbrain/core/program.py",
        'return node.kind in ("plain", "object", "slice")',
        'return node.kind in ("plain", "object", "slice", "traced")',
        "tests/core/test_program.py",
    ),
    Fault(
        "the noise of every step is the same", LOOP,
        "key = jax.random.fold_in(noise_key(state), state.step)\n        loss,",
        "key = jax.random.fold_in(noise_key(state), 0)\n        loss,",
        "tests/training/test_step.py",
    ),
    Fault(
        "the state holds a typed key, which a jitted step returns slowly",
        "jaxbrain/training/states.py",
        "jax.random.key_data(key) if jax.random.key_impl(key) == _THREEFRY else key", "key",
        "tests/training/test_step.py",
    ),
    Fault(
        "the first state shares arrays with the params that it is given",
        "jaxbrain/training/states.py",
        "return state if is_traced(state) else jax.device_put(state, may_alias=False)",
        "return state",
        "tests/training/test_step.py",
    ),
    Fault(
        "an eager run compiles at each call", LOOP,
        "train = _run if known else _run.function", "train = _run.function",
        "tests/training/test_retracing.py",
    ),
    Fault(
        "an eager run takes a function of the user for one that cannot change", LOOP,
        "known = not is_traced(given) and all(map(is_constant, parts))",
        "known = not is_traced(given)",
        "tests/training/test_retracing.py",
    ),
    Fault(
        "the order of every epoch is the same", LOOP,
        "jax.random.fold_in(jax.random.fold_in(noise_key(state), _SHUFFLE), state.step)",
        "jax.random.fold_in(noise_key(state), _SHUFFLE)",
        "tests/training/test_batches.py",
    ),
    Fault(
        "the last, smaller batch is left out", LOOP,
        "        if whole < n:\n", "        if whole < 0:\n",
        "tests/training/test_batches.py",
    ),
    Fault(
        "the loss of an epoch weighs batches of different sizes alike", LOOP,
        "np.append(np.full(len(losses) - 1, size), n - size * (len(losses) - 1)) / n",
        "np.full(len(losses), 1 / len(losses))",
        "tests/training/test_history.py",
    ),
    Fault(
        "every layer of a chain starts from the same key", f"{CORE}/composition.py",
        "for k, layer in zip(jax.random.split(key, len(layers)), layers, strict=True):",
        "for k, layer in zip([jax.random.clone(key) for _ in layers], layers, strict=True):",
        "tests/core/test_composition.py",
    ),
    Fault(
        "a residual block adds its input twice", f"{CORE}/composition.py",
        "else x.astype(y.dtype)) + y", "else x.astype(y.dtype)) * 2 + y",
        "tests/core/test_composition.py",
    ),
    Fault(
        "every example of a batch meets the same noise", f"{CORE}/composition.py",
        "keys = jax.random.split(key, examples_of(x))\n",
        "n = examples_of(x)\n"
        "        keys = jnp.stack([jax.random.clone(key)] * n)\n",
        "tests/core/test_composition.py",
    ),
    Fault(
        "mixed precision computes in the precision of the parameters", f"{CORE}/composition.py",
        "_cast(net.apply(_cast(params, compute), _cast(x, compute), key=key), output)",
        "_cast(net.apply(params, x, key=key), output)",
        "tests/core/test_composition.py",
    ),
    Fault(
        "labels equal to the number of classes pass", "jaxbrain/training/data.py",
        "(host < 0) | (host >= limit)", "(host < 0) | (host > limit)",
        "tests/training/test_validation.py",
    ),
    Fault(
        "one logit is decided at one half", "jaxbrain/training/example_metrics.py",
        "_right(\"accuracy\", logits, target, 0.0)", "_right(\"accuracy\", logits, target, 0.5)",
        "tests/training/test_metrics.py",
    ),
    Fault(
        "a mean over examples is counted in half precision", "jaxbrain/training/metrics.py",
        'values.dtype if exact else "float32"', "values.dtype",
        "tests/training/test_metrics.py",
    ),
    Fault(
        "a checkpoint says one epoch too many", "jaxbrain/training/resuming.py",
        '"epoch": info.epoch,', '"epoch": info.epoch + 1,',
        "tests/training/test_resuming.py",
    ),
    Fault(
        "captured values do not count in the settings of a checkpoint", f"{CORE}/description.py",
        "_globals(path, function)\n        self._parts(path, values, values.values())\n",
        "_globals(path, function)\n",
        "tests/training/test_settings.py",
    ),
    Fault(
        "two values are equal whatever their options", f"{CORE}/config.py",
        "return self.make, structure.key(self.arguments), structure.key(self.options)",
        "return self.make, structure.key(self.arguments)",
        "tests/core/test_config.py",
    ),
    Fault(
        "an array that is changed later changes the value", f"{CORE}/config.py",
        "    copy = array.copy()\n", "    copy = array.view()\n",
        "tests/core/test_config.py",
    ),
    Fault(
        "compiled programs are never dropped", f"{CORE}/latest.py",
        "while len(self._values) > self.most:", "while False:",
        "tests/core/test_compiled.py",
    ),
    Fault(
        "the first program is dropped however often it is used", f"{CORE}/latest.py",
        "        if value is not None:\n            self._values.move_to_end(key)\n", "",
        "tests/core/test_compiled.py",
    ),
    Fault(
        "a program that is a part of another is kept", f"{CORE}/compiled.py",
        "if is_traced(given):",
        "if False:",
        "tests/core/test_compiled.py",
    ),
    Fault(
        "every call is compiled", f"{CORE}/compiled.py",
        "return self.kept.get(structure) or self.kept.put(structure, self._made(structure))",
        "return self._made(structure)",
        "tests/core/test_compiled.py",
    ),
    Fault(
        "what is traced for shapes is traced again", f"{CORE}/compiled.py",
        "jitted = self._of(structure, leaves, args)", "jitted = self._made(structure)",
        "tests/core/test_compiled.py",
    ),
    Fault(
        "a changed variable of a loss is not seen by fit", f"{CORE}/program.py",
        "if not is_constant(value):",
        "if is_constant is None:",
        "tests/core/test_program.py",
    ),
    Fault(
        "a list in an optimizer that is changed later is not seen", f"{CORE}/program.py",
        "for part in parts) and (frozen or not container):", "for part in parts):",
        "tests/core/test_program.py",
    ),
    Fault(
        "every array of a size is equal", f"{CORE}/structure.py",
        "return hashlib.sha256(np.ascontiguousarray(host).view(np.uint8).data).hexdigest()",
        "return hashlib.sha256(str(host.nbytes).encode()).hexdigest()",
        "tests/core/test_config.py",
    ),
    Fault(
        "a model file may name any function", f"{CORE}/serialization.py",
        "    if name not in known:\n",
        "    if name not in known:\n        return names.lookup(name)\n    if name not in known:\n",
        "tests/training/test_model_file.py",
    ),
    Fault(
        "shuffling is not a permutation", "jaxbrain/training/shuffling.py",
        "jnp.maximum(x, other) ^ salt", "x ^ salt",
        "tests/training/test_shuffling.py",
    ),
    Fault(
        "the mask of an array is dropped", "jaxbrain/core/arrays.py",
        "        if hidden:\n", "        if hidden > host.size:\n",
        "tests/core/test_arrays.py",
    ),
    Fault(
        "the masks in a list of rows are dropped", "jaxbrain/core/arrays.py",
        "if any(np.ma.isMaskedArray(leaf) for leaf in leaves):", "if False:",
        "tests/core/test_arrays.py::test_what_is_refused",
    ),
    Fault(
        "missing values of a table become numbers", "jaxbrain/core/arrays.py",
        "lost = int(column.isna().sum())", "lost = 0",
        "tests/core/test_arrays.py::test_what_is_refused",
    ),
    Fault(
        "networks and rules read masked inputs as they are", "jaxbrain/core/arrays.py",
        "return not (type(x) is np.ndarray and", "return not (isinstance(x, np.ndarray) and",
        "tests/core/test_arrays.py",
    ),
    Fault(
        "a seed passes as the key of a network", "jaxbrain/core/doors.py",
        "arguments.call(read(name, args, kwargs), kwargs)", "arguments.call(args, kwargs)",
        "tests/contracts/test_keys.py",
    ),
    Fault(
        "several keys pass for one", "jaxbrain/core/requirements.py",
        "if key.ndim and not many:", "if False:",
        "tests/contracts/test_keys.py::test_what_is_no_key",
    ),
    Fault(
        "a state of another optimizer is accepted", "jaxbrain/training/states.py",
        'for part in ("rule_state", "opt_state"):', 'for part in ("rule_state",):',
        "tests/training/test_states.py",
    ),
    Fault(
        "shapes of a state are not compared", "jaxbrain/training/states.py",
        "        if all(_type(a, dtypes) == _type(b, dtypes) for a, b in pairs):\n",
        "        if all(a is not b for a, b in pairs):\n",
        "tests/training/test_first_mistakes.py",
    ),
    Fault(
        "a line search looks at other noise or another loss", "jaxbrain/training/optimizers.py",
        "return batch.grads(params)[0]", "return 2 * batch.grads(params)[0]",
        "tests/training/test_optimizers.py::test_the_loop_of_optax",
    ),
    Fault(
        "updates of other shapes are broadcast", "jaxbrain/training/optimizers.py",
        "            if not _fits(updates, params):\n", "            if False:\n",
        "tests/training/test_optimizers.py::test_an_update_of_another_shape",
    ),
    Fault(
        "tokens equal to the vocabulary of one branch pass", "jaxbrain/training/data.py",
        "return min((words for words", "return max((words for words",
        "tests/training/test_data.py",
    ),
    Fault(
        "evaluate reads labels out of range", "jaxbrain/training/metrics.py",
        '    check_range("evaluate", "data", net, params, data)\n', "",
        "tests/training/test_metrics.py",
    ),
    Fault(
        "a lost member of a population hides behind finite losses",
        "jaxbrain/training/validation.py",
        "lost = ~(finite & np.isfinite(losses).all(axis=-1))",
        "lost = ~np.isfinite(losses).all(axis=-1)",
        "tests/training/test_own_loops.py::test_a_loop_of_ones_own",
    ),
    Fault(
        "the learning rate is blamed for a loss that was lost before it acted",
        "jaxbrain/training/validation.py",
        "before_learning=first == 0 and bad.size > 0", "before_learning=False",
        "tests/training/test_own_loops.py::test_the_causes_that_apply_are_named",
    ),
]  # fmt: skip
