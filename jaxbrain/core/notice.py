"""Warnings that point to the user's line."""

import sys
import warnings
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).parents[1])


def warn(message: str) -> None:
    """Issue a UserWarning at the innermost line outside of the package.

    Args:
      message: of the warning.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and in_package(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def in_package(frame: FrameType) -> bool:
    """True for a frame that runs code of jaxbrain."""
    return frame.f_code.co_filename.startswith(_PACKAGE)
