"""What all tests share: the real clips and models, which live beside the repository."""

from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest


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
