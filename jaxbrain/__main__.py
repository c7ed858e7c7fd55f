"""The command line: ``python -m jaxbrain demo``, ``train`` and ``doctor``."""

import argparse
import functools
import importlib
import os
import sys
import warnings
from collections.abc import Sequence

from jaxbrain.cli.errors import CommandError
from jaxbrain.cli.parser import make_parser

_INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended, as shells report it
_FULL_MEMORY = (
    "the memory is full; take a smaller network, fewer examples or a smaller --batch-size"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: the arguments after the program's name; None takes those of the process.

    Returns:
      The exit code: 0 for success, 1 for a failure, 2 for a mistake of the user, 130 after Ctrl-C.

    Examples:
      >>> main(["--version"])
      jaxbrain ...
      0
    """
    parser = make_parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:  # argparse has printed the reason
        return int(end.code or 0)
    if options.command is None:
        parser.print_help()
        return 0
    formatted = warnings.formatwarning
    warnings.formatwarning = functools.partial(_warning, options.command)
    try:
        return _run(options)
    finally:
        warnings.formatwarning = formatted


def _run(options: argparse.Namespace) -> int:
    """Run the command; what goes wrong becomes one line and an exit code."""
    try:
        # the commands import jax, which takes a second: --help does not wait for it
        return importlib.import_module(f"jaxbrain.cli.{options.command}").main(options)
    except CommandError as error:
        return _fail(options, error, error.code)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # the reader of the output has ended (`| head`); at exit Python would write once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a removed directory
        return _fail(options, _in_words(error))
    except MemoryError:
        return _fail(options, _FULL_MEMORY)
    except RuntimeError as error:  # JAX has no MemoryError
        if not any(words in str(error) for words in ("Out of memory", "RESOURCE_EXHAUSTED")):
            raise
        return _fail(options, _FULL_MEMORY)


def _fail(options: argparse.Namespace, message: object, code: int = 1) -> int:
    print(f"jaxbrain {options.command}: error: {message}", file=sys.stderr)
    return code


def _warning(command: str, message: Warning | str, *place: object, **line: object) -> str:
    """A warning in one line, without the place in the code."""
    return f"jaxbrain {command}: warning: {' '.join(str(message).split())}\n"


def _in_words(error: OSError) -> str:
    """The file and what is wrong with it, without the error's number."""
    if error.strerror is None:
        return " ".join(str(error).split())
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


if __name__ == "__main__":
    sys.exit(main())
