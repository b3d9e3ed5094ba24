"""Make the notebooks in ``examples`` from their sources, and run them.

    python scripts/make_examples.py
    python scripts/make_examples.py 3-build-your-own-method

A source is Markdown whose Python blocks become cells. A notebook that writes to stderr, holds a
name of this machine, or grows too large is refused.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from vexplain.core.files import write_atomically

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
LARGEST = 1_000_000
SECONDS = 600
FORMAT: Any = nbformat  # it is typed in part only
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def cells_of(text: str) -> Any:
    """Return the notebook, not yet run, of a source."""
    pieces = BLOCK.split(text)  # prose and code in turn
    cells = [
        FORMAT.v4.new_code_cell(piece.strip(), id=f"cell-{i}")
        if i % 2
        else FORMAT.v4.new_markdown_cell(piece.strip(), id=f"cell-{i}")
        for i, piece in enumerate(pieces)
        if piece.strip()
    ]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return FORMAT.v4.new_notebook(cells=cells, metadata=metadata)


def run(notebook: Any) -> None:
    """Run all cells in a folder of their own, and keep what they show.

    Raises:
        CellExecutionError: When a cell fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=SECONDS,
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shorten(output.get("data", {}))


def shorten(data: dict[str, str]) -> None:
    """Keep of what is shown as HTML or as a picture no more than the kind of its plain text."""
    rich = any(kind == "text/html" or kind.startswith("image/") for kind in data)
    if rich and (kind := re.match(r"<?[\w.]+", data.get("text/plain", ""))):
        data["text/plain"] = kind.group().lstrip("<")


def trouble_with(notebook: Any, text: str) -> list[str]:
    """Return what keeps a notebook from being shown to others."""
    found = [f"it holds {len(text):,} characters"] if len(text) > LARGEST else []
    places = {tempfile.gettempdir(), str(Path.home()), sys.prefix, str(EXAMPLES.parent)}
    found += [f"it names {place}" for place in sorted(places) if f"{place}/" in text]
    said = [o for cell in notebook.cells for o in cell.get("outputs", []) if o.get("name")]
    return found + [f"stderr: {one.text}" for one in said if one.name == "stderr"]


def make(source: Path) -> Path:
    """Write the notebook of a source.

    Raises:
        ValueError: When it can't be shown to others.
    """
    notebook = cells_of(source.read_text(encoding="utf-8"))
    run(notebook)
    text: str = FORMAT.writes(notebook) + "\n"
    if trouble := trouble_with(notebook, text):
        raise ValueError(f"{source.name}: {'; '.join(trouble)}")
    path = EXAMPLES / f"{source.stem}.ipynb"
    write_atomically(path, text.encode())
    return path


def main() -> None:
    """Read the options and make the notebooks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="those to make; all by default")
    wanted = parser.parse_args().names
    for source in sorted((EXAMPLES / "sources").glob("*.md")):
        if not wanted or source.stem in wanted:
            path = make(source)
            print(path.name, f"{path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
