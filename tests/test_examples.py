"""The notebooks: as stored they are whole and clean, and they still run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
TASKS = ["explain", "compare-methods", "build-your-own-method", "evaluate", "bring-your-own-model"]
PLACES = re.compile(r"(?<![\w.])/(tmp|home|root|work|Users|usr|opt|var)/|site-packages")
PICTURE = re.compile(r"base64,[\w+/=]*")


def joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def cells_of(path: Path, kind: str) -> list[dict[str, Any]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def shown_in(path: Path) -> list[dict[str, Any]]:
    return [output for cell in cells_of(path, "code") for output in cell["outputs"]]


def test_there_is_one_per_task() -> None:
    assert [path.stem for path in NOTEBOOKS] == [f"{i}-{t}" for i, t in enumerate(TASKS, 1)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_that_of_its_source(path: Path) -> None:
    source = (EXAMPLES / "sources" / f"{path.stem}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```\n", source, re.MULTILINE | re.DOTALL)
    cells = [joined(cell["source"]) for cell in cells_of(path, "code")]
    assert cells == [block.strip() for block in blocks], "run scripts/make_examples.py"
    for cell in cells_of(path, "markdown"):
        assert joined(cell["source"]) in source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_is_whole_and_clean(path: Path) -> None:
    assert path.stat().st_size < 1_000_000
    cells = cells_of(path, "code")
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    shown = shown_in(path)
    kinds = {kind for output in shown for kind in output.get("data", {})}
    assert kinds & {"text/html", "image/jpeg"}
    for output in shown:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr"
        for kind, content in output.get("data", {}).items():
            said = PICTURE.sub("", joined(content)) if kind.startswith("text/") else ""
            assert not PLACES.search(said), PLACES.search(said)
            assert "<script" not in said
        assert not PLACES.search(joined(output.get("text", "")))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs the extra notebooks")
    nbclient = pytest.importorskip("nbclient", reason="needs the extra notebooks")
    pytest.importorskip("ipykernel", reason="needs the extra notebooks")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    for cell in notebook.cells:
        assert all(output.get("name") != "stderr" for output in cell.get("outputs", []))
