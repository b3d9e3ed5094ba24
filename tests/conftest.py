"""What all tests share: the real clips and models, which live beside the repository."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch


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
