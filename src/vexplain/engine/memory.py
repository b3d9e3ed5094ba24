"""Giving freed memory back to the system."""

import ctypes
import sys
from functools import cache
from typing import Any


@cache
def _c_library() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def release() -> None:
    """Give freed memory back, where the C library would keep it in pieces too small to use again.

    glibc before 2.38 can't put an aligned block, such as a tensor's, into the hole that one of the
    same size has left: without this a long run grows by nearly a batch per batch.
    """
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)
