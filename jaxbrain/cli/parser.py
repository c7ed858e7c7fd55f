"""Options of the command line."""

import argparse
import functools
import re
import sys
from typing import Any, NoReturn

from jaxbrain import __version__
from jaxbrain.core.suggestions import suggestion

RULES = (
    "backprop",
    "feedback_alignment",
    "direct_feedback_alignment",
    "direct_random_target_projection",
    "sign_symmetry",
    "batch_random_sign_symmetry",
    "fixed_random_sign_symmetry",
    "kolen_pollack",
    "weight_mirror",
    "target_propagation",
    "difference_target_propagation",
    "local_difference_reconstruction",
    "gait_propagation",
    "local_losses",
    "predictive_coding",
    "centered_predictive_coding",
    "clamped_predictive_coding",
    "fixed_prediction_coding",
    "zero_divergence_inference_learning",
    "incremental_predictive_coding",
    "error_predictive_coding",
    "lagrangian_predictive_coding",
    "equilibrium_propagation",
    "random_sign_equilibrium_propagation",
    "centered_equilibrium_propagation",
    "holomorphic_equilibrium_propagation",
    "asymmetric_equilibrium_propagation",
    "dual_propagation",
    "contrastive_hebbian",
    "forward_forward",
    "self_contrastive_forward_forward",
    "pepita",
    "forward_gradient",
    "node_perturbation",
    "weight_perturbation",
)
FIRST_RULES = (
    "backprop",
    "feedback_alignment",
    "direct_feedback_alignment",
    "predictive_coding",
)
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "silu")
TOYS = ("xor", "moons", "circles", "spirals")
DATA = ("digits", "mnist1d", "fashion_mnist", *TOYS)
COMMANDS = ("demo", "train", "doctor")
LEARNING_RATES = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "momentum": 0.05, "sgd": 0.1}

_DIGITS = re.compile(r"[0-9]{1,10}")
_INDEX = re.compile(r"-?[0-9]{1,10}")

_TRAIN = """\
examples:
  python -m jaxbrain train
  python -m jaxbrain train --data spirals --hidden 64,64 --epochs 300
  python -m jaxbrain train --rule predictive_coding --activation tanh
  python -m jaxbrain train --data flowers.csv --target species
  python -m jaxbrain train --data t10k-images-idx3-ubyte.gz \\
                           --labels t10k-labels-idx1-ubyte.gz --train-rows 8000

The same command again resumes an interrupted training; a larger --epochs continues a finished one.

"""


_EXIT_CODES = """\
exit codes: 0 success, 1 a failure, 2 a mistake in the command or the data, 130 after Ctrl-C, 143
after the signal TERM, 129 after HUP
"""


class _Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line, with the name that was probably meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        options, rest = super().parse_known_args(args, namespace)
        for word in rest:
            name, *_ = word.split("=")
            if not name.startswith("-"):
                self.error(f"unexpected word {word!r}; values follow their option")
            known = [option for action in self._actions for option in action.option_strings]
            self.error(f"there is no option {name}; {suggestion(name, known)}")
        return options, rest

    def error(self, message: str) -> NoReturn:
        command = re.match(r"argument COMMAND: invalid choice: '(.*?)' ", message, re.DOTALL)
        if command:
            message = f"there is no command {command[1]!r}; {suggestion(command[1], COMMANDS)}"
        name = self.prog.removeprefix("python -m ")
        message = " ".join(message.split())
        print(f"{name}: error: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of ``python -m jaxbrain``.

    Examples:
      >>> make_parser().parse_args(["train", "--hidden", "32,16"]).hidden
      (32, 16)
    """
    parser = _Parser(
        prog="python -m jaxbrain",
        description="The brain's learning rules and the network's, side by side, in JAX.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"jaxbrain {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    _demo(commands)
    _train(commands)
    _doctor(commands)
    return parser


def _demo(commands: argparse._SubParsersAction) -> None:
    summary = "train learning rules on handwritten digits and draw the results"
    demo = commands.add_parser("demo", help=summary, description=f"{summary.capitalize()}.")
    demo.add_argument(
        "--out",
        default="jaxbrain-demo",
        metavar="DIR",
        help="directory of the pictures (default: ./%(default)s)",
    )
    demo.add_argument(
        "--rules",
        type=_rules,
        default=FIRST_RULES,
        metavar="NAMES",
        help=f"names separated by commas, or all (default: {','.join(FIRST_RULES)}); "
        "train --help lists them",
    )
    demo.add_argument(
        "--epochs", type=_count, default=30, metavar="N", help="(default: %(default)s)"
    )
    demo.add_argument(
        "--seeds",
        type=_count,
        default=3,
        metavar="N",
        help="networks to train by each rule (default: %(default)s)",
    )
    _cache(demo)


def _train(commands: argparse._SubParsersAction) -> None:
    summary = "train a multilayer perceptron on built-in data or on your files"
    train = commands.add_parser(
        "train",
        help=summary,
        description=f"{summary.capitalize()}.",
        epilog=_TRAIN + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _data_options(train.add_argument_group("data"))
    _table_options(train.add_argument_group("CSV files"))
    _network_options(train.add_argument_group("network and learning"))
    train.add_argument(
        "--out",
        default="jaxbrain-train",
        metavar="DIR",
        help="directory of all results (default: ./%(default)s)",
    )
    train.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="resume the training in --out, if there is one; --no-resume replaces it",
    )
    _cache(train)


def _data_options(data: argparse._ArgumentGroup) -> None:
    data.add_argument(
        "--data",
        default="digits",
        metavar="NAME|FILE",
        help=f"{', '.join(DATA)}, a CSV file, or images in an IDX file, gzipped or not "
        "(default: digits)",
    )
    data.add_argument("--labels", metavar="FILE", help="labels of the images, an IDX file as well")
    part = data.add_mutually_exclusive_group()
    part.add_argument(
        "--test-fraction",
        type=_fraction,
        metavar="F",
        help="share of the rows of each class to test, drawn at random; 0: none (default: 0.25; "
        "xor: 0; mnist1d, fashion_mnist: the split of their papers)",
    )
    part.add_argument(
        "--train-rows",
        type=_count,
        metavar="N",
        help="train on the first N rows of the file, test on the rest",
    )


def _table_options(table: argparse._ArgumentGroup) -> None:
    table.add_argument(
        "--target",
        type=_column,
        metavar="COLUMN",
        help="column to predict, by name or number (default: the last)",
    )
    table.add_argument(
        "--without",
        type=_column,
        action="append",
        metavar="COLUMN",
        help="column to leave out, by name or number; may be given several times",
    )
    table.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="the first row holds names, or an example (default: as it looks)",
    )
    table.add_argument(
        "--delimiter",
        type=_delimiter,
        metavar="CHARACTER",
        help="separator of the columns, \\t for a tab (default: ,)",
    )
    table.add_argument("--decimal", metavar="CHARACTER", help="decimal point, . or , (default: .)")
    kind = table.add_mutually_exclusive_group()
    kind.add_argument(
        "--regression",
        action="store_const",
        const=True,
        help="predict whole numbers as values, not as classes",
    )
    kind.add_argument(
        "--classification",
        action="store_const",
        const=False,
        dest="regression",
        help="predict numbers as classes, however many",
    )


def _network_options(learning: argparse._ArgumentGroup) -> None:
    learning.add_argument(
        "--hidden",
        type=_sizes,
        default="128,64",
        metavar="SIZES",
        help="units of the hidden layers, or none (default: %(default)s)",
    )
    for name, names in (
        ("activation", ACTIVATIONS),
        ("rule", RULES),
        ("optimizer", tuple(LEARNING_RATES)),
    ):
        learning.add_argument(
            f"--{name}",
            type=functools.partial(_one_of, names, name),
            default=names[0],
            metavar=name.upper(),
            help=f"{', '.join(names)} (default: %(default)s)",
        )
    rates = ", ".join(f"{name} {rate:g}" for name, rate in LEARNING_RATES.items())
    learning.add_argument(
        "--learning-rate", type=_positive, metavar="RATE", help=f"(default: {rates})"
    )
    learning.add_argument(
        "--epochs", type=_count, metavar="N", help="(default: 10, or more for at least 1,000 steps)"
    )
    learning.add_argument(
        "--batch-size",
        type=_batch_size,
        default=64,
        metavar="N|full",
        help="examples per step, or full for all at once (default: %(default)s)",
    )
    learning.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of all random draws (default: 0)"
    )


def _doctor(commands: argparse._SubParsersAction) -> None:
    summary = "check the installation: versions, devices, a gradient, a training, a picture"
    _cache(commands.add_parser("doctor", help=summary, description=f"{summary.capitalize()}."))


def _cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--no-cache", action="store_true", help="do not keep compiled programs for the next run"
    )


def _count(text: str) -> int:
    if not _DIGITS.fullmatch(text) or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 1 to 2^31 - 1, got {text!r}"
        )
    return int(text)


def _seed(text: str) -> int:
    if not _DIGITS.fullmatch(text) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to 2^32 - 1, got {text!r}"
        )
    return int(text)


def _number(text: str) -> float:
    try:
        return float("nan" if "_" in text else text)  # Python takes 1_0 for a number
    except ValueError:
        return float("nan")


def _positive(text: str) -> float:
    if not 0 < _number(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return float(text)


def _fraction(text: str) -> float:
    if not 0 <= _number(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to below 1, got {text!r}")
    return float(text)


def _sizes(text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    try:
        return tuple(_count(size.strip()) for size in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"expected sizes such as 128,64, or none, got {text!r}"
        ) from None


def _rules(text: str) -> tuple[str, ...]:
    names = RULES if text == "all" else [_one_of(RULES, "rule", name) for name in text.split(",")]
    # backprop comes first: the others are compared with it
    return ("backprop", *(name for name in dict.fromkeys(names) if name != "backprop"))


def _one_of(names: tuple[str, ...], kind: str, text: str) -> str:
    name = text.strip()
    if name not in names:
        raise argparse.ArgumentTypeError(f"there is no {kind} {name!r}; {suggestion(name, names)}")
    return name


def _batch_size(text: str) -> int | None:
    if text == "full":
        return None
    try:
        return _count(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 1, or full, got {text!r}"
        ) from None


def _column(text: str) -> int | str:
    return int(text) if _INDEX.fullmatch(text) else text


def _delimiter(text: str) -> str:
    text = "\t" if text == "\\t" else text
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"expected one character, or \\t for a tab, got {text!r}")
    return text
