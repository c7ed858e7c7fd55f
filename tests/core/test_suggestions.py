"""Suggestions for misspelled names."""

from jaxbrain.core.suggestions import nearest, suggestion


def test_the_nearest_name_in_any_case():
    names = ["backprop", "Feedback", "pepita"]
    assert suggestion("bakprop", names) == "did you mean backprop?"
    assert suggestion("FEEDBAK", names) == "did you mean Feedback?"


def test_all_names_where_none_is_near():
    assert suggestion("zzz", ["a", "b"]) == "choose one of a, b"
    many = suggestion("zzz", [f"column{i}" for i in range(500)])
    assert many.endswith("column29, ... (500 in all)")


def test_what_is_near_depends_on_the_likeness_that_is_asked():
    assert nearest("tua", ["key", "tau"]) == "tau"
    assert nearest("tua", ["key", "tau"], likeness=0.7) is None
