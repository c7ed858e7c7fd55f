"""The cache of compiled programs, kept from one command to the next."""

import os
import stat
from pathlib import Path

import jax


def use_compile_cache(wanted: bool) -> Path | None:
    """Keep compiled programs in the user's cache directory, so that the next run starts at once.

    JAX trusts what it finds there, so the directory must belong to the user alone. Settings of the
    user, such as ``JAX_COMPILATION_CACHE_DIR``, take precedence.

    Returns:
      The directory; None without a cache.
    """
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if not wanted:
        if chosen:
            jax.config.update("jax_enable_compilation_cache", False)
        return None
    enabled = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    if not enabled:
        return None
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    if chosen:
        return Path(chosen)
    directory = _private_directory()
    if directory is not None:
        jax.config.update("jax_compilation_cache_dir", str(directory))
    return directory


def _private_directory() -> Path | None:
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # the XDG specification says to ignore a relative path
        root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
        directory = root / "jaxbrain"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        found = directory.stat()
        mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        closed = os.name == "nt" or stat.S_IMODE(found.st_mode) == 0o700
    except (OSError, RuntimeError):
        return None
    return directory if mine and closed and os.access(directory, os.W_OK) else None
