"""What all tests share: the real clips and models, which live beside the repository."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = Path(__file__).parents[2] / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip(f"the real clips and models are not here ({folder.parent.name}/assets)")
    return folder
