"""What all tests share: the real clips and models, which live beside the repository."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jaxtyping
import pytest
import torch

if TYPE_CHECKING:  # vexplain is imported in fixtures alone: later than the run-time type checker
    from browsers import Open, Opened
    from vexplain.core import Explanation


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = Path(__file__).parents[2] / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip(f"the real clips and models are not here ({folder.parent.name}/assets)")
    return folder


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Switch the run-time type checker off, so that bad input meets the package's own checks."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def torchvision_repaired() -> Iterator[None]:
    """Let torchvision be imported beside a torch that its C library was not built for.

    That library declares two operators, without which the import fails; they are declared here,
    before anything imports torchvision.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        pytest.skip("torchvision is not installed")
    operators = None
    try:
        for library in Path(found.origin).parent.glob("_C.*"):
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError:
        operators = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        arguments = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        operators.define(f"nms{arguments}")  # type: ignore[no-untyped-call]
        operators.define(f"qnms{arguments}")  # type: ignore[no-untyped-call]
    yield
    del operators  # they are declared as long as this is held


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> "Iterator[Open]":
    """Open explanations as a page; the last pictures are kept for whoever looks at a failure."""
    from browsers import DESKTOP, open_page

    pages: list[Opened] = []

    def open_one(
        explanations: Any, size: tuple[int, int] = DESKTOP, evaluations: Any = ()
    ) -> "Opened":
        pages.append(open_page(browser, tmp_path, explanations, size, evaluations))
        return pages[-1]

    yield open_one
    for one in pages:
        one.page.screenshot(path=tmp_path / "last.png")
        one.page.context.close()


@pytest.fixture
def hard() -> "Explanation":
    """Six frames, 24 regions, all with different scores."""
    from page_cases import hard_one

    return hard_one()
