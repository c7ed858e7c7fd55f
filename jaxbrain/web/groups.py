"""The text of maps that share a loop."""

import re
from collections.abc import Sequence

from jaxbrain.web.arrays import Buffer, View, merged, squeezed, view_of
from jaxbrain.web.program import Map
from jaxbrain.web.writer import Writer, read

_INLINE = 100  # letters of an expression within another


def write_group(writer: Writer, maps: Sequence[Map], local: set[Buffer]) -> None:
    """One loop with the expressions of maps of one shape.

    Args:
      writer: of the text.
      maps: in order.
      local: outputs that are read in this loop only.
    """
    shape = maps[0].shape
    inside = {m.outputs[0] for m in maps}
    views: dict[tuple, View] = {}
    for m in maps:
        for view in (*m.inputs, view_of(m.outputs[0], shape)):
            views[_site(squeezed(view))] = squeezed(view)
    sizes, strides = merged(shape, [v.strides for v in views.values()])
    sites = {
        site: view._replace(shape=tuple(sizes), strides=tuple(s))
        for (site, view), s in zip(views.items(), strides, strict=True)
    }
    with writer.nest(sizes) as index:
        _Expressions(writer, maps, local, inside, sites, index).write()


def _site(view: View) -> tuple:
    return view.buffer, view.strides, view.offset, view.moving


class _Expressions:
    """The expressions of maps at one place of their loop; those read once are within others."""

    def __init__(
        self, writer: Writer, maps: Sequence[Map], local: set[Buffer], inside: set[Buffer],
        sites: dict[tuple, View], index: Sequence[str],
    ):  # fmt: skip
        self.writer, self.maps, self.local, self.inside = writer, maps, local, inside
        self.sites, self.index = sites, index
        self.uses = _count_uses(maps)
        self.texts: dict = {}

    def write(self) -> None:
        for m in self.maps:
            (buffer,) = m.outputs
            text = m.expression(*(self._input(view) for view in m.inputs))
            once = self.uses.get(buffer, 0) == 1 and buffer in self.local
            if once and len(text) <= _INLINE:
                self.texts[buffer] = text
                continue
            if buffer in self.local or buffer.is_variable:
                self.writer.line(f"const {buffer.name} = {text};")
                self.texts[buffer] = buffer.name
                continue
            target = self.sites[_site(squeezed(view_of(buffer, m.shape)))]
            if self.uses.get(buffer):
                name = self.writer.name("v")
                self.writer.line(f"const {name} = {text};")
                self.texts[buffer] = text = name
            self.writer.line(f"{read(target, self.index)} = {text};")

    def _input(self, view: View) -> str:
        if view.buffer in self.inside:
            return self.texts[view.buffer]
        site = _site(squeezed(view))
        text = read(self.sites[site], self.index)
        if self.uses.get(site, 0) > 1 and "[" in text:
            if site not in self.texts:
                name = self.writer.name("r")
                self.writer.line(f"const {name} = {text};")
                self.texts[site] = name
            return self.texts[site]
        return text


def _count_uses(maps: Sequence[Map]) -> dict:
    """The times that each buffer made here, and each number read, stands in an expression."""
    inside = {m.outputs[0] for m in maps}
    uses: dict = {}
    for m in maps:
        marks = [f"@{k}@" for k in range(len(m.inputs))]
        text = m.expression(*marks)
        for mark, view in zip(marks, m.inputs, strict=True):
            key = view.buffer if view.buffer in inside else _site(squeezed(view))
            uses[key] = uses.get(key, 0) + len(re.findall(mark, text))
    return uses
