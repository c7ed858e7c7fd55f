"""Types, composition and configuration."""

__all__ = []


def __dir__() -> list[str]:
    return __all__
