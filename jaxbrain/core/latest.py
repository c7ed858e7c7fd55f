"""A mapping that keeps what was used last."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Latest(Generic[Key, Value]):
    """A mapping with room for so many values; the one that was not used for longest makes room.

    Args:
      most: number of values that it keeps.

    Examples:
      >>> kept = Latest(2)
      >>> kept.put("a", 1), kept.put("b", 2), kept.get("a"), kept.put("c", 3)
      (1, 2, 1, 3)
      >>> kept.get("b") is None, len(kept)
      (True, 2)
    """

    def __init__(self, most: int):
        self.most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> Value:
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self.most:
            self._values.popitem(last=False)
        return value
