"""The cache of compiled programs that commands share."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import jaxbrain as jb
from jaxbrain.cli import cache

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


class Config(SimpleNamespace):
    """Stands for jax.config, which is one for the whole process."""

    def update(self, name, value):
        setattr(self, name, value)


def use_cache(monkeypatch, wanted=True, directory=None, enabled=True):
    config = Config(jax_compilation_cache_dir=directory, jax_enable_compilation_cache=enabled)
    monkeypatch.setattr(cache, "jax", SimpleNamespace(config=config))
    return cache.use_compile_cache(wanted), config


def test_cache_is_private_and_settings_of_the_user_take_precedence(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory, config = use_cache(monkeypatch)
    assert directory == tmp_path / "cache" / "jaxbrain"
    assert config.jax_compilation_cache_dir == str(directory)
    assert config.jax_persistent_cache_min_compile_time_secs == 0.0
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    directory, config = use_cache(monkeypatch, directory="/mine")
    assert directory == Path("/mine") and config.jax_compilation_cache_dir == "/mine"
    assert use_cache(monkeypatch, enabled=False)[0] is None
    directory, config = use_cache(monkeypatch, wanted=False, directory="/mine")
    assert directory is None and not config.jax_enable_compilation_cache
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "3")
    assert not hasattr(use_cache(monkeypatch)[1], "jax_persistent_cache_min_compile_time_secs")


def test_without_a_directory_for_the_cache_there_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    directory, config = use_cache(monkeypatch)
    assert directory is None and config.jax_compilation_cache_dir is None


@pytest.mark.slow
def test_a_command_in_its_own_process_keeps_its_programs(tmp_path):
    root = str(Path(jb.__file__).parents[1])
    words = ["train", "--data", "xor", "--hidden", "none", "--epochs", "1"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-m", "jaxbrain", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "jaxbrain")
    assert "\r" not in done.stderr and "Traceback" not in done.stderr
