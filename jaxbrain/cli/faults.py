"""What is told to the user in one line instead of a traceback."""


class Fault(Exception):
    """A mistake in what was asked, or something that went wrong outside the program.

    Attributes:
      code: the exit code: 2 for a mistake in what was asked, 1 for all else.
    """

    def __init__(self, message: object, *, code: int = 2):
        super().__init__(" ".join(str(message).split()))
        self.code = code
