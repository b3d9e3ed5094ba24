"""Writing files so that an old one survives a failure."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
