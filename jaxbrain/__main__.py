"""``python -m jaxbrain``: see, train and check, without writing a program."""

import importlib
import os
import sys
from collections.abc import Sequence

from jaxbrain.cli.faults import Fault
from jaxbrain.cli.parser import make_parser

_INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: the words after the program's name; None: those of the process.

    Returns:
      The exit code: 0 done, 1 failed, 2 a mistake in what was asked, 130 interrupted.

    Examples:
      >>> main(["--version"])
      jaxbrain ...
      0
    """
    parser = make_parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:  # argparse has said why
        return int(end.code or 0)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        # what computes is imported only now, so that --help and mistakes are answered at once
        return importlib.import_module(f"jaxbrain.cli.{options.command}").main(options)
    except Fault as fault:
        print(f"jaxbrain {options.command}: error: {fault}", file=sys.stderr)
        return fault.code
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # whoever read the output has gone (`| head`); Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a directory that went away
        print(f"jaxbrain {options.command}: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
