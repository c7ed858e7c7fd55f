"""A mapping with room for so many values."""

from jaxbrain.core.latest import Latest


def test_the_value_that_was_not_used_for_longest_makes_room():
    kept = Latest(3)
    for n in range(3):
        assert kept.put(n, f"{n}") == f"{n}"
    kept.get(0), kept.put(1, "one"), kept.get("unknown")
    kept.put(3, "3")
    assert [kept.get(n) for n in range(4)] == ["0", "one", None, "3"] and len(kept) == 3


def test_room_can_become_less():
    kept = Latest(3)
    for n in range(3):
        kept.put(n, n + 1)
    kept.most = 1
    assert kept.put(3, 4) == 4 and len(kept) == 1
