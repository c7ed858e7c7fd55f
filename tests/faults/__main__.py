"""Plant faults and see the ordinary tests fail: ``python -m tests.faults [--sample N]``."""

import argparse
import functools
import importlib
import os
import pkgutil
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tests.faults
from tests.faults import Fault

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "jaxbrain",
    "tests",
    "examples",
    "benchmarks",
    "conftest.py",
    "pyproject.toml",
    "README.md",
)
_SECONDS = 600


def all_faults() -> list[Fault]:
    """The faults of all tables, in a fixed order."""
    names = sorted(m.name for m in pkgutil.iter_modules(tests.faults.__path__) if m.name[0] != "_")
    tables = [importlib.import_module(f"tests.faults.{name}").FAULTS for name in names]
    return [fault for table in tables for fault in table]


def copy_repository(folder: Path) -> None:
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / part, folder / part)


def run_tests(folder: Path, tests: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip


@functools.cache
def whole(tests: str) -> str:
    """Run tests without a fault: "" if they pass, else the end of what pytest says."""
    with tempfile.TemporaryDirectory() as name:
        copy_repository(Path(name))
        done = run_tests(Path(name), tests)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-400:]


def plant(fault: Fault, trust: bool) -> tuple[str, float]:
    """Plant a fault in a copy and run its tests: "caught", "missed" or what is wrong with it."""
    if not trust and whole(fault.tests):
        return f"{fault.tests} fails without the fault: {whole(fault.tests)}", 0.0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_repository(folder)
        path = folder / fault.file
        text = path.read_text()
        if text.count(fault.right) != 1:
            return f"the right text stands {text.count(fault.right)} times in {fault.file}", 0.0
        path.write_text(text.replace(fault.right, fault.wrong))
        try:
            done = run_tests(folder, fault.tests)
        except subprocess.TimeoutExpired:
            return "caught", time.perf_counter() - began  # it hangs: that is noticed
    seconds = time.perf_counter() - began
    if done.returncode == 1 and "failed" in done.stdout.splitlines()[-1]:
        return "caught", seconds
    if done.returncode == 0:
        return "missed", seconds
    return f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-400:]}", seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--sample", type=int, help="a fixed sample of so many")
    parser.add_argument("--only", help="faults whose name, file or tests contain this")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trust", action="store_true", help="the tests pass without a fault")
    arguments = parser.parse_args()
    chosen = all_faults()
    if arguments.only:
        chosen = [f for f in chosen if arguments.only in f"{f.name} {f.file} {f.tests}"]
    if arguments.sample:
        chosen = random.Random(0).sample(chosen, min(arguments.sample, len(chosen)))
    caught = 0
    with tempfile.TemporaryDirectory() as programs, ThreadPoolExecutor(arguments.workers) as pool:
        # most programs of a test file are the same under every fault: compile them once
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", programs)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        results = pool.map(functools.partial(plant, trust=arguments.trust), chosen)
        for fault, (result, seconds) in zip(chosen, results, strict=True):
            print(f"{result:8} {seconds:5.0f} s  {fault.name}  ({fault.file})", flush=True)
            caught += result == "caught"
    print(f"{caught} of {len(chosen)} planted faults caught")
    sys.exit(0 if caught == len(chosen) and chosen else 1)


if __name__ == "__main__":
    main()
