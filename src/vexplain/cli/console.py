"""Where the shell prints: results, and warnings and errors as one line each."""

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

out = Console()
err = Console(stderr=True)


@contextmanager
def guarded() -> Iterator[None]:
    """Print warnings as one line each, and end on an error with its sentence, not a traceback."""
    from vexplain.core import VexplainWarning

    with warnings.catch_warnings(), terminable():
        warnings.simplefilter("always", VexplainWarning)
        warnings.showwarning = lambda message, *_, **__: err.print(
            f"[yellow]warning:[/] {escape(str(message))}"
        )
        try:
            yield
        except KeyboardInterrupt:
            err.print("[yellow]stopped[/]")
            raise typer.Exit(130) from None
        except (ValueError, TypeError, OSError, MemoryError, ImportError) as error:
            err.print(f"[red]error:[/] {escape(str(error))}")
            raise typer.Exit(2) from None


@contextmanager
def terminable() -> Iterator[None]:
    """Be stopped by SIGTERM, as of ``timeout`` and batch systems, in the same way as by Ctrl-C.

    Files that are half written are then taken away, and what was evaluated is kept.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
