"""Faults in the command line."""

from tests.faults import Fault

CLI, TESTS = "jaxbrain/cli", "tests/cli"
FAULTS = [
    Fault(
        "a class without a row to train is not named", f"{CLI}/data.py",
        "    if not absent:", "    if absent:",
        f"{TESTS}/test_data.py",
    ),
    Fault(
        "the random split of a command is not stratified", f"{CLI}/data.py",
        "stratify=source.y if source.classes else None", "stratify=None",
        f"{TESTS}/test_data.py",
    ),
    Fault(
        "an option of a table does not reach its reader", f"{CLI}/sources.py",
        "if value not in (None, [])}", 'if value not in (None, []) and name != "decimal"}',
        f"{TESTS}/test_sources.py",
    ),
    Fault(
        "a network of any size is tried", f"{CLI}/train.py",
        "    _require_memory(options, data)\n", "",
        f"{TESTS}/test_train.py::test_the_memory_is_that_of_parameters_gradients_and_moments",
    ),
    Fault(
        "the command line speaks of arguments of Python", f"{CLI}/errors.py",
        "    return _VALUE.sub(lambda found: f\"--{found[1]} {found[2]}\".strip(), sentence)",
        "    return sentence",
        f"{TESTS}/test_errors.py",
    ),
    Fault(
        "the test rows are trained on", f"{CLI}/train.py",
        "            data.train,\n            key=",
        "            data.test or data.train,\n            key=",
        f"{TESTS}/test_train.py",
    ),
    Fault(
        "the scores of the test rows are those of the training rows", f"{CLI}/train.py",
        '("test", data.test)', '("test", data.test and data.train)',
        f"{TESTS}/test_train.py",
    ),
    Fault(
        "the sizes of the hidden layers are reversed", f"{CLI}/train.py",
        "for units in options.hidden for layer", "for units in options.hidden[::-1] for layer",
        f"{TESTS}/test_train.py",
    ),
    Fault(
        "the seed does not reach the training", f"{CLI}/train.py",
        "key=jax.random.key(options.seed)", "key=jax.random.key(0)",
        f"{TESTS}/test_train.py",
    ),
    Fault(
        "momentum is plain gradient descent", f"{CLI}/train.py",
        "momentum=0.9", "momentum=0.0",
        f"{TESTS}/test_train.py",
    ),
    Fault(
        "R squared is measured from zero instead of the mean", f"{CLI}/train.py",
        "float(np.var(data[1]))", "float(np.mean(np.square(data[1])))",
        f"{TESTS}/test_train.py",
    ),
    Fault(
        "a resumed training starts again", f"{CLI}/train.py",
        "            checkpoint=options.out,\n", "            checkpoint=None,\n",
        f"{TESTS}/test_resume.py",
    ),
    Fault(
        "a training of another learning rate is resumed", f"{CLI}/resume.py",
        '"no_cache", "epochs"}', '"no_cache", "epochs", "learning_rate"}',
        f"{TESTS}/test_resume.py",
    ),
    Fault(
        "a renamed file is another training", f"{CLI}/resume.py",
        '{"rows", *(_FILES if same_rows else ())}', '{"rows"}',
        f"{TESTS}/test_resume.py",
    ),
    Fault(
        "a training that runs is replaced by another", f"{CLI}/train.py",
        "    with resume.alone(directory):\n", "    if True:\n",
        f"{TESTS}/test_resume.py",
    ),
    Fault(
        "on a full disk the parameters are not saved", f"{CLI}/train.py",
        "{_save_params(options, job, error.state)}", "{options.out}/params.ckpt",
        f"{TESTS}/test_resume.py",
    ),
    Fault(
        "--no-resume keeps the checkpoint", f"{CLI}/resume.py",
        "    if not resume:\n        forget(directory)\n", "",
        f"{TESTS}/test_resume.py",
    ),
    Fault(
        "the scale of the training rows is not applied to the test rows", f"{CLI}/data.py",
        "else prepare(test)", "else test",
        f"{TESTS}/test_data.py",
    ),
    Fault(
        "the scale is that of all rows", f"{CLI}/data.py",
        "source.scaling or _standard(train[0])", "source.scaling or _standard(source.x)",
        f"{TESTS}/test_data.py",
    ),
    Fault(
        "the labels of images are off by one", f"{CLI}/sources.py",
        "y.astype(np.int32), path.name", "y.astype(np.int32) - 1, path.name",
        f"{TESTS}/test_sources.py",
    ),
    Fault(
        "the last class of images is missing", f"{CLI}/sources.py",
        "tuple(map(str, found))", "tuple(map(str, found[:-1]))",
        f"{TESTS}/test_sources.py",
    ),
    Fault(
        "bytes of images are not scaled", f"{CLI}/sources.py",
        "(0.0, 255.0)", "(0.0, 1.0)",
        f"{TESTS}/test_sources.py",
    ),
    Fault(
        "the first rows are tested on, the rest trained on", f"{CLI}/data.py",
        "return (source.x[:rows], source.y[:rows]), (source.x[rows:], source.y[rows:])",
        "return (source.x[rows:], source.y[rows:]), (source.x[:rows], source.y[:rows])",
        f"{TESTS}/test_data.py",
    ),
    Fault(
        "a file that is called xor is not split", f"{CLI}/data.py",
        'options.data == "xor"', 'source.name == "xor"',
        f"{TESTS}/test_sources.py",
    ),
    Fault(
        "every seed splits the rows alike", f"{CLI}/data.py",
        "jax.random.key(options.seed)", "jax.random.key(0)",
        f"{TESTS}/test_data.py",
    ),
    Fault(
        "constant columns divide by zero", f"{CLI}/data.py",
        "np.where(scale > 0, scale, 1.0)", "scale",
        f"{TESTS}/test_data.py",
    ),
    Fault(
        "the history counts epochs from zero", f"{CLI}/results.py",
        "writer.writerow([i + 1,", "writer.writerow([i,",
        f"{TESTS}/test_results.py",
    ),
    Fault(
        "the scaling of standardized inputs is not mentioned", f"{CLI}/results.py",
        "if np.any(shift != 0) or np.any(scale != 1)", "if np.any(shift == 0)",
        f"{TESTS}/test_results.py",
    ),
    Fault(
        "the floor of the demo trains all layers", f"{CLI}/demo.py",
        "frozen_hidden(optax.adam(LEARNING_RATE))", "optax.adam(LEARNING_RATE)",
        f"{TESTS}/test_demo.py",
    ),
    Fault(
        "the angles of the demo are those before training", f"{CLI}/demo.py",
        "result.angles[:, -1]", "result.angles[:, 0]",
        f"{TESTS}/test_demo.py",
    ),
    Fault(
        "backprop is not the first rule of the demo", f"{CLI}/parser.py",
        'return ("backprop", *(name for name in dict.fromkeys(names) if name != "backprop"))',
        "return tuple(dict.fromkeys(names))",
        f"{TESTS}/test_parser.py",
    ),
    Fault(
        "a failed check leaves the exit code of success", f"{CLI}/doctor.py",
        "return 1 if failed else 0", "return 0",
        f"{TESTS}/test_doctor.py",
    ),
    Fault(
        "a mistake of the user has the exit code of a failure", "jaxbrain/__main__.py",
        "return _fail(options, error, error.code)", "return _fail(options, error)",
        "tests/test_main.py",
    ),
    Fault(
        "an error names the fix of the library, not the options", f"{CLI}/errors.py",
        'finding, *_ = str(error).split("; ")', "finding = str(error)",
        f"{TESTS}/test_errors.py",
    ),
    Fault(
        "the cache is open to other users", f"{CLI}/cache.py",
        "        directory.chmod(0o700)\n", "        directory.chmod(0o755)\n",
        f"{TESTS}/test_cache.py",
    ),
]  # fmt: skip
