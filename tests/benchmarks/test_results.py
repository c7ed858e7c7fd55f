"""Tables of results: the report, and the pass on two cores."""

from benchmarks.results import Table, merged, read, report, write

ONE = Table("t", "a step", {"a": {"ms": 1.5, "ratio": 1.0, "wall_ms": 9.0}}, "a", ("b: missing",))
TWO = Table("t", "a step", {"a": {"ms": 3.0, "wall_ms": 0.75, "wall_ratio": 1.25}}, "a")


def test_a_report_shows_the_figures_that_there_are():
    assert report(ONE) == (
        "t: a step\n"
        "   cpu ms  x limit   wall\n"
        "-  ------  -------  -----\n"
        "a   1.500     1.00  9.000\n"
        "b: missing"
    )


def test_two_cores_give_wall_times_only():
    row = merged(ONE, TWO).rows["a"]
    assert row == {**ONE.rows["a"], "cores2_ms": 0.75, "cores2_ratio": 1.25}
    assert merged(ONE, Table("t", "", {}, notes=("failed",))).notes == ("b: missing", "failed")


def test_a_table_survives_its_file(tmp_path):
    write(tmp_path / "f.json", {"date": "today"}, [ONE])
    assert read(tmp_path / "f.json") == ({"date": "today"}, {"t": ONE})
