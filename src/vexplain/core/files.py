"""Writing files so that an old one survives a failure, names in them, and reading settings."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import yaml


@contextmanager
def atomic_path(path: str | PathLike[str]) -> Iterator[Path]:
    """Yield a path beside ``path`` with its suffix, and move it there when the block succeeds.

    Raises:
        OSError: When the folder is missing or can't be written to; the message names ``path``.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"path: {target} is a folder; give the name of a file.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path: the folder {target.parent} does not exist; make it first.")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-", suffix=target.suffix)
    except OSError as error:
        raise type(error)(f"path: can't write to {target.parent} ({error.strerror}).") from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_atomically(path: str | PathLike[str], content: bytes) -> None:
    """Write ``content`` to ``path``; a failure leaves an old file as it was."""
    with atomic_path(path) as part:
        part.write_bytes(content)


def read_settings(name: str, path: str | PathLike[str], *needed: str) -> dict[Any, Any]:
    """Return the keys and values in a YAML file.

    Args:
        name: What an error calls the file.
        path: The file.
        needed: Keys that must be there.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it is not YAML, or has no keys, or not those.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{name}: there is no file {file}.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}: {file} is not a YAML file ({error}).") from error
    if not isinstance(content, dict) or not content.keys() >= set(needed):
        among = " and ".join(repr(key) for key in needed)
        raise ValueError(f"{name}: expected keys with {among} among them in {file}.")
    return content


def printable(text: str) -> str:
    """Return text whose bytes that are no UTF-8, as names of files may have, are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
