"""JavaScript that computes what JAX computes, for pages without a server."""

from jaxbrain.web.compilation import javascript

__all__ = ["javascript"]


def __dir__() -> list[str]:
    return __all__
