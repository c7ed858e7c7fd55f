"""The command line: ``python -m jaxbrain demo``, ``train`` and ``doctor``."""

import functools
import importlib
import os
import sys
import warnings
from collections.abc import Sequence

from jaxbrain.cli.errors import CommandError
from jaxbrain.cli.parser import make_parser

_INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended, as shells report it


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
        # the commands import jax, which takes a second: --help does not wait for it
        return importlib.import_module(f"jaxbrain.cli.{options.command}").main(options)
    except CommandError as error:
        print(f"jaxbrain {options.command}: error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # the reader of the output has ended (`| head`); at exit Python would write once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a removed directory
        print(f"jaxbrain {options.command}: error: {_in_words(error)}", file=sys.stderr)
        return 1
    except MemoryError:
        print(
            f"jaxbrain {options.command}: error: the memory is full; take a smaller network, "
            "fewer examples or a smaller --batch-size",
            file=sys.stderr,
        )
        return 1
    finally:
        warnings.formatwarning = formatted


def _warning(command: str, message: Warning | str, *place: object, **line: object) -> str:
    """A warning in one line, without the place in the code."""
    return f"jaxbrain {command}: warning: {message}\n"


def _in_words(error: OSError) -> str:
    """The file and what is wrong with it, without the error's number."""
    if error.strerror is None:
        return " ".join(str(error).split())
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


if __name__ == "__main__":
    sys.exit(main())
