"""Faults in losses, in what a loss takes, in metrics, weights and callbacks."""

from tests.faults import Fault

LOSSES, OUTPUTS = "jaxbrain/losses.py", "jaxbrain/learning/outputs.py"
TRAINING = "jaxbrain/training"
DECISIONS, EXAMPLE = f"{TRAINING}/decisions.py", f"{TRAINING}/example_metrics.py"
SCORES, METRICS = f"{TRAINING}/scores.py", f"{TRAINING}/metrics.py"
WEIGHTS, CALLBACKS = f"{TRAINING}/weights.py", f"{TRAINING}/callbacks.py"
FAULTS = [
    Fault(
        "a probability of zero gives an infinite loss", LOSSES,
        "jnp.log(jnp.maximum(p, jnp.finfo(jnp.result_type(p)).tiny))", "jnp.log(p)",
        "tests/test_losses.py",
    ),
    Fault(
        "the smallest probability is a large one", LOSSES,
        "jnp.maximum(p, jnp.finfo(jnp.result_type(p)).tiny)", "jnp.maximum(p, 1e-7)",
        "tests/test_losses.py",
    ),
    Fault(
        "the loss of probabilities forgets the answer no", LOSSES,
        "_log(probability) + (1 - target) * _log(1 - probability)", "_log(probability)",
        "tests/test_losses.py",
    ),
    Fault(
        "traced probabilities need not have sum 1", LOSSES,
        "jnp.where(inside & whole, loss, jnp.nan)", "jnp.where(inside, loss, jnp.nan)",
        "tests/test_losses.py",
    ),
    Fault(
        "a weighted loss forgets the weight", LOSSES,
        "return value * jnp.asarray(target.weight).astype(jnp.result_type(value))", "return value",
        "tests/test_losses.py",
    ),
    Fault(
        "a sigmoid before a loss from logits is not found", OUTPUTS,
        "return self.low >= 0 and self.high <= 1", "return self.low > 0 and self.high < 1",
        "tests/learning/test_outputs.py",
    ),
    Fault(
        "a sigmoid in a nested chain is not found", OUTPUTS,
        "if make in (composition.serial, stack):", "if make is stack:",
        "tests/learning/test_outputs.py",
    ),
    Fault(
        "a loss within a loss is not found", OUTPUTS,
        'elif "loss" in parameters or "score" in parameters:', 'elif "score" in parameters:',
        "tests/learning/test_outputs.py",
    ),
    Fault(
        "online rules take any loss", "jaxbrain/learning/online/rule.py",
        "    require_matching_loss(name, readout, loss)\n", "",
        "tests/learning/test_outputs.py",
    ),
    Fault(
        "a target of several labels is the class of its first one", DECISIONS,
        "(xp.abs(xp.sum(rows, axis=-1) - 1) < _SUM)", "(xp.sum(rows, axis=-1) > -1)",
        "tests/training/test_example_metrics.py::test_a_target_in_the_shape_of_the_logits_is_one_class",
    ),
    Fault(
        "a traced label that is no class counts as wrong", EXAMPLE,
        "    right = jnp.argmax(logits, axis=-1).astype(\"int32\") == labels\n"
        "    return jnp.mean(jnp.where(inside, right.astype(\"float32\"), jnp.nan))",
        "    right = jnp.argmax(logits, axis=-1).astype(\"int32\") == labels\n"
        "    return jnp.mean(right.astype(\"float32\"))",
        "tests/training/test_example_metrics.py::test_a_label_is_in_range",
    ),
    Fault(
        "an exact match needs one right label only", EXAMPLE,
        "return jnp.min(_right(", "return jnp.max(_right(",
        "tests/training/test_example_metrics.py::test_several_labels",
    ),
    Fault(
        "a macro average counts the classes that do not occur", SCORES,
        "jnp.sum(occurs, dtype=values.dtype)", "jnp.asarray(len(occurs), values.dtype)",
        "tests/training/test_scores.py::test_several_classes",
    ),
    Fault(
        "precision counts the examples that are missed", SCORES,
        "_ratio(counts.true_positives, counts.true_positives + counts.false_positives)",
        "_ratio(counts.true_positives, counts.true_positives + counts.false_negatives)",
        "tests/training/test_scores.py::test_several_classes",
    ),
    Fault(
        "the confusion matrix has the predictions in its rows", SCORES,
        "return actual.T @ decisions", "return decisions.T @ actual",
        "tests/training/test_scores.py::test_confusion_matrix",
    ),
    Fault(
        "ties do not count for the area under the curve", SCORES,
        'pairs = pairs + below[jnp.searchsorted(ranked, scores, side="right")]',
        "pairs = pairs + below[jnp.searchsorted(ranked, scores)]",
        "tests/training/test_scores.py::test_the_area_under_the_curve",
    ),
    Fault(
        "the logits of several classes rank without a softmax", SCORES,
        "        predictions = scores(predictions)\n", "",
        "tests/training/test_scores.py::test_the_area_under_the_curve",
    ),
    Fault(
        "R squared of a constant target is infinite", SCORES,
        "jnp.where(varied, 1 - residual / jnp.where(varied, total, 1), constant)",
        "1 - residual / total",
        "tests/training/test_scores.py::test_r_squared",
    ),
    Fault(
        "a metric of all examples gets one at a time", "jaxbrain/training/scores.py",
        "return made_by(metric, over_dataset) or metric in _OWN", "return metric in _OWN",
        "tests/training/test_scores.py::test_a_metric_of_all_examples_gets_all_of_them",
    ),
    Fault(
        "targets that a metric cannot measure are found in training only", METRICS,
        '    check_metrics("data", net, params, data, metrics)\n', "",
        "tests/training/test_metric_checks.py::test_several_labels_of_an_example_are_refused_with_the_first_of_them",
    ),
    Fault(
        "a metric of logits takes probabilities", "jaxbrain/training/metric_checks.py",
        "outputs_of(net).low >= 0", "outputs_of(net).low > 0",
        "tests/training/test_metric_checks.py::test_a_probability_is_no_logit",
    ),
    Fault(
        "predictions come in batches of another order", METRICS,
        "return jax.lax.map(function, xs, batch_size=batch_size)",
        "return jax.lax.map(function, jax.tree.map(lambda a: a[::-1], xs), batch_size=batch_size)",
        "tests/training/test_metrics.py::test_predict_is_the_network_of_each_example_without_noise",
    ),
    Fault(
        "metrics of the training data are not measured", "jaxbrain/training/loop.py",
        "    if monitor.metrics:\n", "    if monitor.data is not None:\n",
        "tests/training/test_history.py::test_metrics_without_validation_are_those_of_the_training_data",
    ),
    Fault(
        "the weights of classes replace those of examples", WEIGHTS,
        "jnp.asarray(weights, float) * jnp.asarray(_of_classes(class_weights, y, n), float)",
        "jnp.asarray(_of_classes(class_weights, y, n), float)",
        "tests/training/test_weights.py::test_the_weight_of_a_class_is_that_of_its_examples",
    ),
    Fault(
        "a rule that only reports a loss takes weights", WEIGHTS,
        "if parameter is None or parameter.default is not parameter.empty:",
        "if parameter is None:",
        "tests/training/test_weights.py::test_a_plastic_network_that_reports_a_loss_does_not_learn_from_it",
    ),
    Fault(
        "a rule that reads the targets takes weights", "jaxbrain/learning/chain.py",
        "    if isinstance(y, Weighted):\n", "    y = getattr(y, \"target\", y)\n    if False:\n",
        "tests/training/test_weights.py::test_rules_that_read_the_targets_refuse_weights",
    ),
    Fault(
        "training stops an epoch late", CALLBACKS,
        "info.epoch - self._epoch >= self._patience", "info.epoch - self._epoch > self._patience",
        "tests/training/test_callbacks.py::test_it_stops_after_some_epochs_without_a_better_value",
    ),
    Fault(
        "the last epoch is kept as the best", CALLBACKS,
        "        if self._epoch == info.epoch:\n", "        if self._epoch:\n",
        "tests/training/test_callbacks.py::test_the_best_parameters_are_those_after_the_best_epoch",
    ),
    Fault(
        "a slightly better value counts as better", CALLBACKS,
        "if values[i] < best - min_delta:", "if values[i] < best:",
        "tests/training/test_callbacks.py::test_it_stops_after_some_epochs_without_a_better_value",
    ),
    Fault(
        "the best state of another training is taken", CALLBACKS,
        "if whole.metadata != about:",
        "if whole.metadata is None:",
        "tests/training/test_callbacks.py::test_a_file_of_another_training_is_not_taken",
    ),
    Fault(
        "the table of a resumed training begins where it was resumed", CALLBACKS,
        "    written = 0\n\n    def write(info: ChunkInfo) -> None:\n        nonlocal written\n",
        "    written = None\n\n    def write(info: ChunkInfo) -> None:\n        nonlocal written\n"
        "        written = info.epoch - 1 if written is None else written\n",
        "tests/training/test_callbacks.py::test_a_table_is_the_history_after_an_interruption_too",
    ),
    Fault(
        "the learning rate is that of the step after the epoch", CALLBACKS,
        "(info.epoch - i - 1) * steps - 1", "(info.epoch - i - 1) * steps",
        "tests/training/test_callbacks.py::test_a_table_is_the_history_after_an_interruption_too",
    ),
    Fault(
        "a callback that stops keeps the others from being called", CALLBACKS,
        "stops = [one(info) for one in on_chunk]", "stops = (one(info) for one in on_chunk)",
        "tests/training/test_callbacks.py::test_all_callbacks_are_called_and_one_can_stop",
    ),
]  # fmt: skip
