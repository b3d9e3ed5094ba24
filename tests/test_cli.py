import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

import vexplain as vx
from vexplain import catalog, engine
from vexplain.cli import app
from vexplain.cli.compose import composed
from vexplain.cli.console import guarded
from vexplain.cli.work import stems
from vexplain.video import write_video

SMALL = ["--samples", "30", "-q", "-m", "demo"]


@pytest.fixture
def clip() -> Path:
    return Path(vx.__file__).parent / "assets" / "demo.mp4"


def shell(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_explain_writes_the_files_and_says_so(clip: Path, tmp_path: Path) -> None:
    result = shell("explain", clip, *SMALL, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    files = ["explanation.html", "rise.mp4", "rise.vx", "sheet.png"]
    assert sorted(os.listdir(tmp_path / "out")) == files
    for word in ("circles clockwise", "3D RISE", "30", "rise.vx", "sheet.png"):
        assert word in result.output
    saved = vx.load(tmp_path / "out" / "rise.vx")
    assert saved.target_name == "circles clockwise"
    assert len(saved.ledger.coalitions) == 30
    source = saved.clip.source
    assert source is not None
    assert source.n_frames == 60


def test_several_methods_and_targets(clip: Path, tmp_path: Path) -> None:
    words = ["--method", "rise", "--method", "loco", "-t", "grows", "-t", "0", "-t", "grows"]
    words += ["--regions", "20", "--samples", "300"]
    result = shell("explain", clip, "-q", "-m", "demo", *words, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    stems = {f"{m}-{t}" for m in ("rise", "loco") for t in ("grows", "shows-a-zero")}
    assert {p.stem for p in tmp_path.glob("*.vx")} == stems
    assert {p.stem for p in tmp_path.glob("*.mp4")} == stems
    assert "--samples does not apply to LV LOCO" in result.output
    assert "--regions does not apply to 3D RISE" in result.output
    assert vx.load(tmp_path / "loco-grows.vx").segmentation.n_features <= 30
    assert len(vx.load(tmp_path / "rise-grows.vx").ledger.coalitions) == 300


def told_by(page: Path) -> list[tuple[str, str, bool]]:
    """Method, target, and whether it was evaluated, of all that a page shows."""
    text = re.search(r'<script[^>]*id="content"[^>]*>(.*?)</script>', page.read_text(), re.DOTALL)
    assert text is not None
    shown = json.loads(text[1])["explanations"]
    return [(one["method"], one["target"], bool(one.get("evaluation"))) for one in shown]


def test_a_page_has_the_likeliest_other_classes_beside_the_target(
    clip: Path, tmp_path: Path
) -> None:
    assert shell("explain", clip, *SMALL, "-o", tmp_path).exit_code == 0
    told = told_by(tmp_path / "explanation.html")
    assert told[0] == ("3D RISE", "circles clockwise", False)
    assert [method for method, _, _ in told] == ["3D RISE"] * 3
    assert len({target for _, target, _ in told}) == 3


def test_a_method_with_several_targets_is_summarised_once_for_the_others(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    usual = engine.rivals

    def counted(one: vx.Explanation, n: int) -> list[vx.Explanation]:
        asked.append(one.method.name)
        return usual(one, n)

    monkeypatch.setattr(engine, "rivals", counted)
    words = ["--method", "loco", "--method", "univariate", "--regions", "9"]
    words += ["-t", "grows", "-t", "0"]
    assert shell("explain", clip, "-q", "-m", "demo", *words, "-o", tmp_path).exit_code == 0
    assert asked == ["LV LOCO", "LV Univariate Predictors"]
    told = told_by(tmp_path / "explanation.html")
    assert len({(method, target) for method, target, _ in told}) == len(told) >= 6


def test_videos_of_another_kind_with_captions_and_no_page(clip: Path, tmp_path: Path) -> None:
    words = ("--video", "webm", "--caption", "--no-page", "--method", "loco")
    result = shell("explain", clip, "-q", "-m", "demo", *words, "--regions", "9", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path)) == ["loco.vx", "loco.webm", "sheet.png"]
    with av.open(str(tmp_path / "loco.webm")) as film:
        assert film.streams.video[0].height > 256
    wrong = shell("explain", clip, *SMALL, "--video", "avi", "-o", tmp_path / "wrong")
    assert wrong.exit_code == 2
    assert "--video: expected mp4, webm, gif, got avi" in wrong.output
    assert not (tmp_path / "wrong").exists()


def test_saved_explanations_become_a_page_and_a_grid(clip: Path, tmp_path: Path) -> None:
    words = ("--method", "loco", "--method", "univariate", "--regions", "9", "--no-page")
    assert shell("explain", clip, "-q", "-m", "demo", *words, "-o", tmp_path).exit_code == 0
    files = [tmp_path / "loco.vx", tmp_path / "univariate.vx"]
    result = shell("page", *files)
    assert result.exit_code == 0, result.output
    told = told_by(tmp_path / "explanation.html")
    assert {method for method, _, _ in told} == {"LV LOCO", "LV Univariate Predictors"}
    result = shell("grid", *files, "-o", tmp_path / "both.mp4")
    assert result.exit_code == 0, result.output
    with av.open(str(tmp_path / "both.mp4")) as film:
        assert film.streams.video[0].width > 3 * 240


def test_evaluating_explanations_of_one_clip_writes_a_page_with_curves(
    clip: Path, tmp_path: Path
) -> None:
    words = ("--method", "loco", "--regions", "9", "--no-page")
    assert shell("explain", clip, "-q", "-m", "demo", *words, "-o", tmp_path).exit_code == 0
    asked = ("--metric", "deletion", "--steps", "4", "--no-references", "-q", "-m", "demo")
    result = shell("evaluate", tmp_path / "loco.vx", *asked)
    assert result.exit_code == 0, result.output
    assert "explanation.html" in result.output
    assert told_by(tmp_path / "explanation.html")[0] == ("LV LOCO", "circles clockwise", True)


def test_names_of_files_differ_where_names_of_classes_do() -> None:
    from types import SimpleNamespace

    named = [SimpleNamespace(target=i, target_name=n) for i, n in enumerate(("走路", "跑步"))]
    assert stems("rise", named) == ["rise-走路", "rise-跑步"]
    named = [SimpleNamespace(target=i, target_name=n) for i, n in enumerate(("A b", "a-b"))]
    assert stems("rise", named) == ["rise-0-a-b", "rise-1-a-b"]


def test_another_target_without_the_model(clip: Path, tmp_path: Path) -> None:
    assert shell("explain", clip, *SMALL, "-o", tmp_path).exit_code == 0
    result = shell("summarise", tmp_path / "rise.vx", "-t", "grows", "--behavior", "log-odds")
    assert result.exit_code == 0, result.output
    again = vx.load(tmp_path / "rise-log-odds-grows.vx")
    assert again.target_name == "grows"
    assert again.method.behavior == vx.behavior.LogOdds()
    assert (tmp_path / "rise-log-odds-grows.mp4").is_file()
    result = shell("summarise", tmp_path / "rise.vx", "--show", "top-regions:n=3")
    assert result.exit_code == 0, result.output
    drawn = vx.load(tmp_path / "rise-top-regions-n-3-circles-clockwise.vx").method.visualization
    assert getattr(drawn, "show", None) == vx.visualization.TopRegions(3)


def test_every_step_can_be_chosen_from_the_shell() -> None:
    from typing import Any, cast

    method = composed(
        "kernel-shap",
        {
            "segmentation": "per-frame:segmenter=felzenszwalb(scale=1e2, smallest=50)",
            "sizes": "binomial:p=0.25",
            "behavior": "margin:against=grows",
            "summary": "linear:kernel=flat,ridge=0.5",
            "visualization": "heat:colors=turbo",
        },
        fill="constant:color=(0.5,0.25,0)",
        edges="feathered:sigma=3",
        opacity=0.5,
        show="top-regions:n=4",
    )
    cut = cast(vx.segmentation.PerFrame, method.segmentation)
    assert cut.segmenter == vx.segmentation.Felzenszwalb(scale=100.0, smallest=50)
    mix = catalog.part("sizes", "mix:laws=(only-one,binomial(p=0.3)),weights=(1,2)")
    laws = (vx.sampling.OnlyOne(), vx.sampling.Binomial(0.3))
    assert mix == vx.sampling.Mix(laws, (1, 2))
    assert catalog.part("behavior", "margin:against=no") == vx.behavior.Margin("no")
    assert method.sizes == vx.sampling.Binomial(0.25)
    assert method.behavior == vx.behavior.Margin("grows")
    flat = vx.summary.LinearSurrogate(kernel=vx.summary.FlatKernel(), ridge=0.5)
    assert method.summary == flat
    assert method.removal == vx.removal.Remove(
        fill=vx.removal.Constant(color=(0.5, 0.25, 0)),
        edges=vx.removal.Feathered(sigma=3),
        opacity=0.5,
    )
    picture: Any = method.visualization
    assert picture == vx.visualization.HeatMap(show=vx.visualization.TopRegions(4), colors="turbo")
    assert catalog.part("fill", "grey") == vx.removal.Constant(color=0.5)


def test_arrays_come_from_files(tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", np.arange(8).reshape(2, 2, 2))
    part = catalog.part("segmentation", f"labels:labels={tmp_path}/labels.npy")
    assert part.labels.tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object))
    for name in ("gone.npy", "pickle.npy"):
        with pytest.raises(ValueError, match=f"expected an array in .*{name}"):
            catalog.part("segmentation", f"labels:labels={tmp_path}/{name}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.mp4"], "gone.mp4"),
        (["CLIP", "-t", "circles clockwize"], "Did you mean circles clockwise"),
        (["CLIP", "-t", "99"], "expected a class number in 0..13, got 99"),
        (["CLIP", "--method", "risse"], "Did you mean rise"),
        (["CLIP", "--fill", "blue"], "fill: expected one of constant"),
        (["CLIP", "--fill", "blur:sigmo=3"], "Did you mean sigma"),
        (["CLIP", "--fill", "blur:sigma=-1"], "sigma"),
        (["CLIP", "--segmentation", "slick"], "Did you mean slic"),
        (["CLIP", "--regions", "9"], "--regions: 3D RISE has no such number"),
        (["CLIP", "--method", "loco"], "--samples: LV LOCO has no such number"),
        (["CLIP", "-t", "zzzz"], "There are shows a zero, shows a seven"),
        (["CLIP", "--device", "gpu"], "device: expected auto, cpu, or cuda"),
        (["CLIP", "--start", "3"], "takes no interval or start"),
        (["CLIP", "--fill", "constant:color=[1,2"], "expected values in brackets"),
        (["CLIP", "--fill", "blur:sigma=abc"], "sigma: expected a number"),
        (["CLIP", "--fill", "other-clip"], "expected frames, as in frames="),
        (["CLIP", "--segmentation", "per-frame:segmenter=slick"], "Did you mean slic-2d"),
        (["CLIP", "--frames", "80", "--short", "error"], "hold"),
        (["CLIP", "--resize", "squash"], "resize: expected one of crop, stretch, letterbox"),
        (["CLIP", "-m", "gone.yaml"], "there is no file gone.yaml"),
        (["CLIP", "--resume", "gone.vx"], "there is no file gone.vx"),
        (["CLIP", "-o", "CLIP/out"], "--out: can't write into"),
        (["CLIP", "-o", "CLIP"], "--out: can't write into"),
        (["CLIP", "-o", "/proc/x"], "--out: can't write into /proc/x"),
    ],
)
def test_mistakes_end_in_one_sentence(
    clip: Path, tmp_path: Path, words: list[str], message: str, unchecked: None
) -> None:
    words = [word.replace("CLIP", str(clip)) for word in words]
    out = [] if "-o" in words else ["-o", str(tmp_path / "out")]
    result = shell("explain", *SMALL, *words, *out)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert said.startswith("error:"), said
    assert message in said
    assert "Traceback" not in said


def test_warnings_are_one_line_without_a_file_name(clip: Path, tmp_path: Path) -> None:
    words = ["--method", "lime", "--samples", "20", "-q", "-m", "demo", "-o", str(tmp_path)]
    result = shell("explain", clip, *words)
    assert result.exit_code == 0, result.output
    assert re.search(r"warning: 20 samples .* are few for\s+\d+ regions", result.output)
    assert ".py" not in result.output


def test_ctrl_c_saves_what_was_evaluated_and_resume_goes_on(clip: Path, tmp_path: Path) -> None:
    """Interrupts a real process as a terminal does."""
    script = (
        "import signal, sys, vexplain.progress as p\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "advance = p.Bar.advance\n"
        "def soon(self, rows):\n"
        "    self.seen = getattr(self, 'seen', 0) + rows\n"
        "    advance(self, rows)\n"
        "    if self.seen >= 60: import os; os.kill(os.getpid(), signal.SIGINT)\n"
        "p.Bar.advance = soon\n"
        "from vexplain.cli import app\n"
        "app(sys.argv[1:])\n"
    )
    words = ["explain", str(clip), "-m", "demo", "--samples", "200", "--batch-size", "20"]
    words += ["-o", str(tmp_path)]
    stopped = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False
    )
    assert stopped.returncode == 130, stopped.stderr
    assert "stopped after 60 of 200 samples" in " ".join(stopped.stderr.split())
    assert len(vx.load(tmp_path / "rise.vx").ledger.coalitions) == 60
    result = shell(*words, "-q", "--resume", str(tmp_path / "rise.vx"))
    assert result.exit_code == 0, result.output
    whole = vx.load(tmp_path / "rise.vx")
    assert len(whole.ledger.coalitions) == 200
    afresh = shell(*words[:-2], "-q", "-o", str(tmp_path / "afresh"))
    assert afresh.exit_code == 0
    expected = vx.load(tmp_path / "afresh" / "rise.vx").attribution.map
    assert float((whole.attribution.map - expected).abs().max()) < 1e-6


def test_sigterm_stops_like_ctrl_c_and_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield np.zeros((16, 16, 3), np.uint8)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as stopped, guarded():
        write_video(tmp_path / "out.mp4", frames(), fps=5)
    assert stopped.value.exit_code == 130
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_version_and_help() -> None:
    assert shell("--version").output.strip() == f"vexplain {vx.__version__}"
    for command in ("explain", "demo", "summarise"):
        result = shell(command, "--help")
        assert result.exit_code == 0
        assert "--out" in result.output


def test_names_of_files_stay_short_whatever_the_class_is_called() -> None:
    from vexplain.cli.work import slug

    assert len(slug("跳" * 3000).encode()) < 220
    assert slug("Playing a Guitar!") == "playing-a-guitar"
