"""The options of the shell that choose a model and how it runs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import vexplain as vx
from vexplain import tuning
from vexplain.cli import app
from vexplain.models import SOURCES, Running, loading


@pytest.fixture
def clip() -> Path:
    return Path(vx.__file__).parent / "assets" / "demo.mp4"


def shell(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_models_lists_every_source_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "installed", lambda package: package != "torchvision")
    result = shell("models")
    assert result.exit_code == 0, result.output
    for source in SOURCES.values():
        for form in source.form.split(", "):
            assert form in result.output
    assert "no, extra torchvision" in result.output
    assert "no, extra hf" not in result.output
    assert "pip install 'vexplain[EXTRA]'" in result.output


def test_models_says_what_a_model_wants() -> None:
    result = shell("models", "demo")
    assert result.exit_code == 0, result.output
    for word in ("zoo:", "frames", "8", "64", "14: shows a zero, shows a seven", "logits"):
        assert word in result.output


def test_a_missing_package_is_named_with_its_extra(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "installed", lambda package: False)
    result = shell("explain", clip, "-m", "torchvision:r3d_18", "-o", tmp_path)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert said == (
        "error: model: torchvision: needs torchvision; install it with: "
        "pip install 'vexplain[torchvision]'"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--precision", "fp8"], "precision: expected one of auto, float32, bfloat16"),
        (["--views", "4"], "--views: expected windows x crops, such as 4x3, got '4'"),
        (["--views", "4x2"], "crops: expected one of 1, 3, got '2'"),
        (["--device", "gpu"], "device: expected auto, cpu, or cuda"),
        (["-m", "keras:model"], "model: expected a YAML file, demo, or one of"),
    ],
)
def test_mistakes_end_in_one_sentence(
    clip: Path, tmp_path: Path, words: list[str], message: str, unchecked: None
) -> None:
    result = shell("explain", clip, "-m", "demo", "-q", *words, "-o", tmp_path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_precision_and_views_reach_the_model(clip: Path, tmp_path: Path) -> None:
    words = ["--method", "loco", "--segmentation", "grid:t=2,h=2,w=2", "--views", "2x3"]
    words += ["--precision", "bfloat16", "-q", "-m", "demo", "-o", str(tmp_path)]
    result = shell("explain", clip, *words)
    assert result.exit_code == 0, result.output
    found = vx.load(tmp_path / "loco.vx")
    assert found.manifest["model"] == "zoo:tpn-restless (bfloat16) 2x3"
    assert found.clip.shape[0] == 16
    assert found.target_name == "circles clockwise"


def test_tune_recommends_a_way(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two(running: Running, *, compiled: bool) -> list[Running]:
        return [Running(device=running.device, precision=p) for p in ("float32", "int8")]

    monkeypatch.setattr(tuning, "ways", two)
    monkeypatch.setattr(tuning, "AGREEMENT", -1)
    monkeypatch.setattr(tuning, "ROUNDS", 1)
    result = shell("tune", clip, "-m", "demo", "-q")
    assert result.exit_code == 0, result.output
    for word in ("float32", "int8", "ms per clip", "Fastest with the same explanation: --prec"):
        assert word in result.output
