"""Compiled programs by their structure: the latest are kept, the memory of the others is freed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from jaxbrain.core.latest import Latest
from jaxbrain.core.requirements import is_traced

MOST = 64  # structures of one function; the programs of one take about 10 MB


class Compiled:
    """A function of a `Program`, or another static pytree, and of arrays; one program a structure.

    ``jax.jit`` of one function keeps everything that it compiled as long as the function lives.
    Here each structure has a function of its own, and the one that was not called for longest is
    dropped with all that was compiled for it.

    Attributes:
      kept: the compiled functions by structure.
    """

    def __init__(self, function: Callable[..., Any], jit: Callable[..., Any]):
        self.function, self.jit = function, jit
        self.kept: Latest[Any, Callable[..., Any]] = Latest(MOST)

    def __call__(self, program: Any, *args: Any, **options: Any) -> Any:
        leaves, structure = jax.tree.flatten(program)
        return self._of(structure, leaves, args)(leaves, *args, **options)

    def shapes(self, program: Any, *args: Any, **options: Any) -> Any:
        """The shapes of what it returns; what is traced for them is not traced again."""
        leaves, structure = jax.tree.flatten(program)
        jitted = self._of(structure, leaves, args)
        return jax.eval_shape(lambda *given: jitted(*given, **options), leaves, *args)

    def _of(self, structure: Any, *given: Any) -> Callable[..., Any]:
        if is_traced(given):
            # within another program it is a part of that one, and its structure may hold tracers
            return self._made(structure)
        return self.kept.get(structure) or self.kept.put(structure, self._made(structure))

    def _made(self, structure: Any) -> Callable[..., Any]:
        def call(leaves: list[Any], *args: Any, **options: Any) -> Any:
            return self.function(jax.tree.unflatten(structure, leaves), *args, **options)

        call.__name__ = self.function.__name__  # the name of the program, in profiles and files
        return self.jit(call)


def compiled(
    *, static_argnums: int | tuple[int, ...] = (), static_argnames: str | tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Compiled]:
    """Compile a function of a `Program` and arrays as ``jax.jit`` does.

    Examples:
      >>> import optax
      >>> from jaxbrain.core.program import Program
      >>> @compiled()
      ... def rate(program, x):
      ...     return program.value.update(x, program.value.init(x))[0]
      >>> [float(rate(Program(optax.sgd(lr)), 1.0)) for lr in (0.5, 0.25)], len(rate.kept)
      ([-0.5, -0.25], 1)
    """
    static = {"static_argnums": static_argnums, "static_argnames": static_argnames}
    return lambda function: Compiled(function, partial(jax.jit, **static))
