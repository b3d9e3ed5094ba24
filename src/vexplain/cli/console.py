"""Where the shell prints: results, and warnings and errors as one line each."""

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

    with warnings.catch_warnings():
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
