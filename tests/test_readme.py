"""The README is true: its code runs, its names and files exist."""

import re
from functools import reduce
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.tables import MEMORIES, RULES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_ten_lines_run(capsys):
    pytest.importorskip("sklearn")
    assert len(BLOCKS[0].splitlines()) <= 10
    names = {}
    exec(BLOCKS[0], names)
    assert names["logits"].shape == (449, 10)
    printed = capsys.readouterr().out
    accuracy = float(re.search(r"'accuracy': ([\d.]+)", printed)[1])
    assert accuracy > 0.94
    assert "9,610" in printed  # 64 * 128 + 128 + 128 * 10 + 10


def test_the_other_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = jb.serial(jb.dense(4), jb.elementwise(jax.numpy.tanh), jb.dense(1))
    optimizer = optax.adam(1e-2)
    x, y = data = jb.datasets.xor()
    names = {
        "jb": jb,
        "jax": jax,
        "optax": optax,
        "data": data,
        "x": x,
        "y": y,
        "rule": jb.backprop(net, jb.losses.binary_cross_entropy),
        "optimizer": optimizer,
        "rates": np.full(256, 0.1, "float32"),
        "batches": (np.stack([x, x]), np.stack([y, y])),
    }
    for block in BLOCKS[1:]:
        names["key"] = jax.random.key(0)  # a key is used once, also with jax.debug_key_reuse
        exec(block, names)
    assert names["histories"].loss.shape == (256, 500)
    assert names["losses"].shape == (2,)


def test_every_name_in_the_table_exists():
    section = README.split("## What is in it")[1].split("## ")[0]
    rows = re.findall(r"^\| (?!part)[a-z ]+ \| (.*) \|$", section, flags=re.MULTILINE)
    names = re.findall(r"`([a-z_0-9.]+)`", " ".join(rows))
    assert len(names) > 40
    for name in names:
        inside = [jb, jb.datasets, jb.metrics]
        head, *tail = name.split(".")
        found = [getattr(place, head) for place in inside if hasattr(place, head)]
        assert found, name
        for part in tail:
            assert hasattr(found[0], part), name
            found = [getattr(found[0], part)]


def test_every_memory_is_named():
    section = README.split("## Memory")[1].split("## ")[0]
    named = set(re.findall(r"^\|.*\|$", section, flags=re.MULTILINE)[2:])
    for name in re.findall(r"`([a-z_]+)`", " ".join(named)):
        assert hasattr(jb.memory, name), name
    assert {case.split()[0] for case in MEMORIES} <= set(re.findall(r"`([a-z_]+)`", section))


def test_every_cell_is_named():
    section = README.split("## Recurrent networks")[1].split("## ")[0]
    rows = " ".join(re.findall(r"^\|.*\|$", section, flags=re.MULTILINE)[2:])
    for name in re.findall(r"`([a-z_]+)`", rows):
        assert hasattr(jb.cells, name), name


def test_every_part_of_the_motor_system_is_there():
    section = README.split("## Motor cortex and an arm")[1].split("## ")[0]
    rows = " ".join(re.findall(r"^\|.*\|$", section, flags=re.MULTILINE)[2:])
    names = set(re.findall(r"`([a-z_0-9.]+)`", rows))
    assert len(names) >= 30
    for name in names:
        places = (jb.motor, jb) if "." in name else (jb.motor,)
        assert any(reduce(lambda a, b: getattr(a, b, None), name.split("."), p) for p in places)
    after = section.split("In `jaxbrain.analysis`:")[1]
    for name in re.findall(r"`([a-z_]+)`", after):
        assert hasattr(jb.analysis, name), name


def test_every_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 7
    headings = re.findall(r"^#+ (.*)$", README, flags=re.MULTILINE)
    anchors = {"#" + heading.lower().replace(" ", "-") for heading in headings}
    for link in links:
        assert link in anchors or (ROOT / link).exists(), link


def test_every_rule_is_named():
    section = README.split("## Learning rules")[1].split("## ")[0]
    assert set(re.findall(r"`([a-z_]+)`", section)) == set(RULES)
    others = len(RULES) - 1
    assert f"any of {others} other\nlearning rules" in README and f"[{others} others]" in README


def pictures(pages):
    """The files of the pictures that these pages show."""
    shown = r"!\[[^\]]*\]\(([^)\s]+)\)"
    return {page.parent / to for page in pages for to in re.findall(shown, page.read_text())}


def unmatched(pages, folder):
    """Pictures that are shown but not there, or there but not shown."""
    shown, there = pictures(pages), folder.glob("[!.]*")
    return {path.resolve() for path in shown} ^ {path.resolve() for path in there}


def test_every_picture_is_shown_and_every_shown_picture_is_there():
    assert len(pictures(PAGES)) >= 5
    assert unmatched(PAGES, ROOT / "docs" / "images") == set()


def test_a_picture_that_is_lost_or_not_shown_is_found(tmp_path):
    (tmp_path / "images").mkdir()
    names = ("shown", "lost", "forgotten")
    shown, lost, forgotten = (tmp_path / "images" / f"{name}.png" for name in names)
    shown.touch()
    page = tmp_path / "page.md"
    page.write_text("Text ![of one](images/shown.png), ![of another](images/lost.png).")
    assert unmatched([page], tmp_path / "images") == {lost}
    forgotten.touch()
    assert unmatched([page], tmp_path / "images") == {lost, forgotten}


def test_the_command_of_every_picture_is_told():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `(\w+\.png)` \| `python (.+)` \|$", page, flags=re.MULTILINE)
    assert {name for name, _ in rows} == {path.name for path in pictures(PAGES)}
    for name, command in rows:
        script = ROOT / command.split()[0]
        places = ROOT / "jaxbrain" / "cli" / "demo.py" if command.startswith("-m") else script
        assert f'"{name}"' in places.read_text(), f"{command} does not draw {name}"
