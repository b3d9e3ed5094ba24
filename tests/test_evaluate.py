"""Evaluating end to end: metrics that know the truth, the Python side, the shell, the figure."""

import csv
import re
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import vexplain as vx
from judged import GRID, SIGMOID, Additive, classifier, explained
from networks import UCF50_SPEC
from vexplain import catalog
from vexplain.cli import app
from vexplain.evaluation import (
    USUAL,
    WITH_TRUTH,
    AverageDrop,
    Better,
    Case,
    Deletion,
    Measure,
    Metric,
    MinimalKeeps,
    PointingGame,
    RegionWise,
    Sparseness,
    Stopped,
    curve_figure,
    evaluate,
    save_curves,
)

WEIGHTS = torch.tensor([0.05, 0.2, 0.01, 0.1, 0.15, 0.03, 0.25, 0.07])


def truth() -> torch.Tensor:
    """The region of the largest weight: the last frames, the lower left quarter."""
    inside = torch.zeros(4, 4, 4, dtype=torch.bool)
    inside[2:, 2:, :2] = True
    return inside


def shell(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("name", list(catalog.PARTS["metric"]))
def test_every_metric_keeps_its_protocol(name: str) -> None:
    metric = catalog.part("metric", name)
    assert isinstance(metric, Metric)
    assert metric == type(metric)()
    model = Additive(WEIGHTS)
    found = evaluate(explained(model), classifier(model), metrics=[metric], truth=truth())
    assert len(found) >= 1
    for score in found:
        assert score.better == metric.better
        assert score.value is not None or score.note
        assert score.value is None or np.isfinite(score.value)
    assert metric.__doc__
    assert "is better" in metric.__doc__ or "is right" in metric.__doc__ or name.startswith("fill")
    again = evaluate(explained(model), classifier(model), metrics=[metric], truth=truth())
    assert [score.value for score in again] == [score.value for score in found]


@pytest.mark.parametrize("name", list(catalog.PARTS["metric"]))
def test_every_docstring_has_the_formula_and_its_source(name: str) -> None:
    doc = catalog.PARTS["metric"][name].__doc__ or ""
    assert re.search(r"Source: .*\d{4}", doc, re.DOTALL)
    assert re.search(r"[∫Σρ|∩≤>]|max\(|area with|Pearson", doc.split("Source:")[0])


def test_the_true_map_is_where_the_truth_is() -> None:
    model = Additive(WEIGHTS)
    found = evaluate(explained(model), classifier(model), truth=truth())
    values = {score.name: score.value for score in found}
    assert values["pointing game"] == 1
    assert values["energy inside"] == pytest.approx(0.25 / float(WEIGHTS.sum()))
    assert values["IoU at the best threshold"] == 1
    assert values["IoU at 50 % of the maximum"] == pytest.approx(1 / 3)
    assert found["pointing game"].beside["random map"].value in (0, 1 / 3, 2 / 3, 1)


def test_without_a_truth_or_with_an_empty_one_places_are_not_defined() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    for inside, note in ((None, "no truth was given"), (truth() & False, "the truth is empty")):
        found = evaluate(explanation, classifier(model), metrics=WITH_TRUTH, truth=inside)
        assert {score.value for score in found} == {None}
        assert {score.note for score in found} == {note}


def test_a_map_without_a_positive_value_has_no_energy_anywhere() -> None:
    model = Additive(-0.01 * WEIGHTS, base=0.5)
    found = evaluate(explained(model), classifier(model), metrics=WITH_TRUTH, truth=truth())
    assert found["energy inside"].note == "the map has no positive value"
    assert found["pointing game"].value is not None


def test_the_python_side_takes_names_files_volumes_and_lists(tmp_path: Path) -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    np.save(tmp_path / "truth.npy", truth().numpy())
    options: dict[str, Any] = {"spec": SIGMOID, "progress": False, "references": False}
    one = vx.evaluate(explanation, model, truth=tmp_path / "truth.npy", **options)
    assert len(one) == len(USUAL) - 2 + 8 + len(WITH_TRUTH)
    names: list[Any] = ["deletion:order=regions,steps=4", PointingGame(), "sparseness"]
    both = vx.evaluate(
        [explanation, explained(model, name="other")],
        model,
        metrics=names,
        truth=truth().numpy().astype(np.uint8),
        **options,
    )
    assert [found.method for found in both] == ["loco", "other"]
    assert both[0].scores[0].name == "deletion AUC (RegionWise, steps=4)"
    assert both[0]["pointing game"].value == 1
    each = vx.evaluate([explanation] * 2, model, truth=[truth(), None], **options)
    assert len(each[0]) > len(each[1])
    assert vx.compare(both).lines[0].value.n_clips == 1


def test_wrong_arguments_say_what_is_wrong(tmp_path: Path, unchecked: None) -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    options: dict[str, Any] = {"spec": SIGMOID, "progress": False}
    for metrics, kind, message in (
        (["deletoin"], ValueError, "Did you mean deletion"),
        (["deletion:steps=zero"], ValueError, "steps: expected a number"),
        (["deletion:order=backwards"], ValueError, "order: expected one of voxels"),
        ([Deletion], TypeError, "metrics: expected metrics, such as"),
        ("deletion", TypeError, "metrics: expected a list"),
    ):
        with pytest.raises(kind, match=message):
            vx.evaluate(explanation, model, metrics=metrics, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"truth: expected one per explanation \(1\), got 2"):
        vx.evaluate([explanation], model, truth=[truth(), truth()], **options)
    with pytest.raises(FileNotFoundError, match="truth: expected a file"):
        vx.evaluate(explanation, model, truth=tmp_path / "none.json", **options)
    with pytest.raises(ValueError, match="truth: expected bool of the clip's shape"):
        evaluate(explanation, classifier(model), truth=torch.zeros(2, 2, 2, dtype=torch.bool))
    for wrong in ([1], None, []):
        with pytest.raises(TypeError, match="explanation: expected what"):
            vx.evaluate(cast(Any, wrong), model, **options)
    with pytest.raises(TypeError, match="maps: expected a mapping of names"):
        vx.evaluate(explanation, model, maps=cast(Any, [truth()]), **options)
    with pytest.raises(TypeError, match=r"maps\['mine'\]: expected an array"):
        vx.evaluate(explanation, model, maps={"mine": cast(Any, "map")}, **options)
    with pytest.raises(TypeError, match=r"truth: expected an array .* got list"):
        vx.evaluate(explanation, model, truth=cast(Any, truth().tolist()), **options)
    with pytest.raises(TypeError, match="progress: expected True, False, or an object"):
        vx.evaluate(explanation, model, spec=SIGMOID, progress=cast(Any, 1))
    for name in ("batch_size", "seed"):
        with pytest.raises(ValueError, match=f"{name}: expected a whole number"):
            vx.evaluate(explanation, model, **{**options, name: -1})
    for make in (
        lambda: Deletion(fill="blur"),  # type: ignore[arg-type]
        lambda: Deletion(order=RegionWise),  # type: ignore[arg-type]
        lambda: Deletion(behavior="logit"),  # type: ignore[arg-type]
        lambda: AverageDrop(fill="blur"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match="expected a part such as vexplain"):
            make()
    with pytest.raises(ValueError, match="random_maps: expected a whole number from 1"):
        vx.evaluate(explanation, model, random_maps=0, **options)


def test_generators_are_gone_through_once_for_all_explanations() -> None:
    model = Additive(WEIGHTS)
    both = (one for one in [explained(model), explained(model, name="other")])
    metrics: Any = (metric for metric in [Deletion(), Sparseness()])
    options: dict[str, Any] = {"spec": SIGMOID, "progress": False, "references": False}
    found: Any = vx.evaluate(both, model, metrics=metrics, **options)
    assert [len(one) for one in found] == [2, 2]


def test_ctrl_c_keeps_what_is_done() -> None:
    model = Additive(WEIGHTS)
    explanations = [explained(model), explained(model, name="other")]

    class Impatient:
        starts = 0

        def start(self, total: int) -> None:
            self.starts += 1

        def advance(self, rows: int) -> None:
            if self.starts > 2:
                raise KeyboardInterrupt

        def stop(self) -> None:
            pass

    options: dict[str, Any] = {"spec": SIGMOID, "references": False, "metrics": ["deletion"]}
    with pytest.raises(Stopped, match="stopped after 1 of 2 explanations") as caught:
        vx.evaluate(explanations, model, progress=Impatient(), **options)
    assert [one.method for one in caught.value.evaluations] == ["loco"]


def test_scores_of_another_kind_than_the_explained_ones_are_refused() -> None:
    def logits(clips: torch.Tensor) -> torch.Tensor:
        seen = clips.mean((1, 2, 3, 4))
        return torch.stack([3 * seen, -seen], 1)

    method = vx.methods.loco(segmentation=GRID)
    clip = vx.clip_from_array(torch.full((4, 3, 4, 4), 0.7))
    explanation = vx.explain(clip, logits, method=method, target=0, progress=False)
    softmax = vx.ModelSpec(outputs="softmax")
    with pytest.raises(ValueError, match=r"expected scores that are logits, .* got softmax"):
        vx.evaluate(explanation, lambda x: logits(x).softmax(1), spec=softmax, progress=False)
    with pytest.raises(ValueError, match=r"expected scores that are logits, .* got softmax"):
        vx.evaluate(explanation, lambda x: logits(x).softmax(1), progress=False)


def test_maps_may_have_any_name_but_those_of_the_tables() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    heat = explanation.attribution.map
    metrics: list[Any] = [Deletion(), AverageDrop()]
    plain = evaluate(explanation, classifier(model), metrics=metrics)
    names = ("loco", "random map 0", "explanation", "given: loco")
    maps = dict.fromkeys(names, -heat)
    found = evaluate(explanation, classifier(model), metrics=metrics, maps=maps)
    for score, before in zip(found, plain, strict=True):
        assert score.value == before.value
        assert score.beside["random map"].value == before.beside["random map"].value
        assert len({score.beside[name].value for name in names}) == 1
        assert score.beside["loco"].value != score.value
    for name in ("value", "note", "centre prior", "seed"):
        with pytest.raises(ValueError, match=f"maps: '{name}' already means something"):
            evaluate(explanation, classifier(model), maps={name: heat})
    arrays = {"back": heat.numpy()[::-1], "big": heat.numpy().astype(">f8")}
    flipped = evaluate(explanation, classifier(model), metrics=metrics, maps=arrays)
    assert flipped.scores[0].beside["big"].value == pytest.approx(flipped.scores[0].value)


def test_parts_of_ones_own_need_no_hash() -> None:
    @dataclass
    class Grey:
        """Not frozen, and so without a hash."""

        level: float = 0.5

        def __call__(self, clip: vx.VideoClip, segmentation: Any) -> torch.Tensor:
            return clip.frames.new_full((1, 1, 1, 1), self.level)

    model = Additive(WEIGHTS)
    own, other, known = evaluate(
        explained(model),
        classifier(model),
        metrics=[
            Deletion(fill=Grey()),
            Deletion(fill=Grey(0.9)),
            Deletion(fill=vx.removal.Constant(0.5)),
        ],
        references=False,
    ).scores
    assert own.value == pytest.approx(known.value)
    assert other.value != own.value
    assert (own.name, other.name) == ("deletion AUC (Grey)", "deletion AUC (Grey(level=0.9))")


def test_names_are_short_and_different() -> None:
    model = Additive(WEIGHTS)
    frames = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    clips = [vx.removal.OtherClip(frames), vx.removal.OtherClip(1 - frames)]
    metrics = [Deletion(fill=clip) for clip in clips]
    found = evaluate(explained(model), classifier(model), metrics=metrics, references=False)
    assert [s.name for s in found] == ["deletion AUC (OtherClip)", "deletion AUC (OtherClip) [2]"]
    assert found.scores[0].value != found.scores[1].value


def test_what_is_not_defined_beside_a_number_is_said() -> None:
    model = Additive(WEIGHTS)
    keeps = MinimalKeeps(levels=(0.5,), fill=vx.removal.Constant(1.0), relative=False)
    zero = torch.zeros(4, 4, 4)
    found = evaluate(
        explained(model), classifier(model), metrics=[keeps, Sparseness()], maps={"zero": zero}
    )
    assert found.scores[0].value is None
    # the same of all maps, and so said once
    assert found.scores[0].notes == "unreachable: never down to 0.46"
    assert found.scores[1].notes == "zero: the map is 0 everywhere"
    assert "zero: the map is 0 everywhere" in str(found)
    assert found.rows()[1]["note"] == "zero: the map is 0 everywhere"


def test_a_progress_of_ones_own_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    class Own:
        def start(self, total: int) -> None:
            told.append(("start", total))

        def advance(self, rows: int) -> None:
            told.append(("advance", rows))

        def stop(self) -> None:
            told.append(("stop", 0))

    model = Additive(WEIGHTS)
    options: dict[str, Any] = {"spec": SIGMOID, "references": False, "progress": Own()}
    vx.evaluate(explained(model), model, metrics=["deletion"], **options)
    assert [rows for word, rows in told if word == "start"] == [1, 8]
    assert sum(rows for word, rows in told if word == "advance") == 9
    assert told[-1] == ("stop", 0)


def test_the_figure_shows_the_curves(tmp_path: Path) -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    found = evaluate(explanation, classifier(model))
    figure = curve_figure([explanation], [found])
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert f"AUC {found['deletion AUC'].value:.3f}" in texts
    assert f"AUC {found['insertion AUC'].value:.3f}" in texts
    drawn = [np.asarray(line.get_ydata()) for axes in figure.axes for line in axes.lines]
    curve = found["deletion AUC"].curve
    assert curve is not None
    assert any(np.allclose(y, curve.values.numpy()) for y in drawn if len(y) == len(curve.values))
    path = save_curves(explanation, found, tmp_path / "curves.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="expected one per explanation"):
        curve_figure([explanation], [])
    both: list[Any] = [Deletion(), Deletion(behavior=vx.behavior.LogOdds())]
    mixed = evaluate(explanation, classifier(model), metrics=both)
    axes = [one for one in curve_figure(explanation, mixed).axes if one.lines]
    assert [one.get_ylabel() for one in axes] == ["probability", "log odds"]
    assert axes[0].get_ylim() == (0, 1)
    assert axes[1].get_ylim()[0] < -1
    flat = evaluate(explanation, classifier(model), metrics=[Sparseness()])
    with pytest.raises(ValueError, match="expected a deletion or insertion curve"):
        curve_figure([explanation], [flat])
    with pytest.raises(ValueError, match=r"ends in \.png"):
        save_curves([explanation], [found], tmp_path / "curves.jpg")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small explanations of the demo's clip."""
    folder = tmp_path_factory.mktemp("saved")
    with as_file(files("vexplain") / "assets" / "demo.mp4") as clip:
        words = ["--method", "loco", "--method", "rise", "--segmentation", "grid:t=2,h=4,w=4"]
        result = shell(
            "explain", clip, "-m", "demo", *words, "--samples", "100", "-q", "-o", folder
        )
    assert result.exit_code == 0, result.output
    return folder


def test_the_shell_evaluates_and_writes_what_it_finds(saved: Path, tmp_path: Path) -> None:
    inside = np.load(Path(vx.__file__).parent / "assets" / "demo_truth.npz")["region"]
    np.save(tmp_path / "truth.npy", inside)
    result = shell(
        *("evaluate", saved / "loco.vx", saved / "rise.vx", "-m", "demo", "-q"),
        *("--truth", tmp_path / "truth.npy", "--steps", "6", "--random-maps", "1"),
        *("--order", "regions", "-o", tmp_path / "out"),
    )
    assert result.exit_code == 0, result.output
    for word in ("LV LOCO", "3D RISE", "SRG", "energy inside", "random map", "curves.png"):
        assert word in result.output
    out = tmp_path / "out"
    written = ["comparison.csv", "curves.csv", "curves.png", "evaluation.csv", "explanation.html"]
    assert sorted(p.name for p in out.iterdir()) == written
    assert "One clip" in result.output
    with (out / "evaluation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == {"LV LOCO", "3D RISE"}
    energy = [float(row["value"]) for row in rows if row["metric"] == "energy inside"]
    assert len(energy) == 2
    assert all(0 < value <= 1 for value in energy)
    with (out / "curves.csv").open() as file:
        points = list(csv.DictReader(file))
    assert {point["map"] for point in points} == {"explanation", "random map", "centre prior"}


def test_files_of_others_in_the_folder_stay(saved: Path, tmp_path: Path) -> None:
    for name in ("comparison.csv", "curves-2024-talk.png", "curves.csv"):
        (tmp_path / name).write_text("mine")
    words = ["-m", "demo", "-q", "--no-references", "--metric", "sparseness", "-o", str(tmp_path)]
    assert shell("evaluate", saved / "loco.vx", *words).exit_code == 0
    assert len(list(tmp_path.iterdir())) == 5
    assert (tmp_path / "curves.csv").read_text() == "mine"


def test_methods_of_one_name_are_told_apart_by_their_files(saved: Path, tmp_path: Path) -> None:
    result = shell("summarise", saved / "rise.vx", "--behavior", "log-odds", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    (other,) = tmp_path.glob("*.vx")
    words = ["-m", "demo", "-q", "--no-references", "--metric", "sparseness"]
    result = shell("evaluate", saved / "rise.vx", other, *words, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    with (tmp_path / "out" / "comparison.csv").open() as file:
        methods = [row["method"] for row in csv.DictReader(file)]
    assert methods == ["3D RISE (rise)", f"3D RISE ({other.stem})"]
    with (tmp_path / "out" / "evaluation.csv").open() as file:
        assert [row["file"] for row in csv.DictReader(file)] == [str(saved / "rise.vx"), str(other)]


def test_an_explanation_that_does_not_fit_is_named_beforehand(saved: Path, tmp_path: Path) -> None:
    model = Additive(WEIGHTS)
    other = tmp_path / "other.vx"
    explained(model).save(other)
    words = ["-m", "demo", "-q", "--metric", "sparseness", "-o", str(tmp_path / "out")]
    result = shell("evaluate", saved / "loco.vx", other, *words)
    assert result.exit_code == 2
    said = "".join(result.output.split())
    assert f"{other}:clip:themodelwants8frames" in said
    assert not (tmp_path / "out" / "evaluation.csv").exists()


def test_many_explanations_are_drawn_some_to_a_picture(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vexplain.cli import judge

    monkeypatch.setattr(judge, "ROWS", 2)
    words = ["-m", "demo", "-q", "--no-references", "--metric", "deletion:steps=2"]
    result = shell("evaluate", *[saved / "loco.vx"] * 3, *words, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert {p.name for p in tmp_path.glob("*.png")} == {"curves.png", "curves-2.png"}


def test_ctrl_c_in_the_shell_keeps_the_numbers_of_those_done(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vexplain import api

    calls: list[int] = []

    def stopping(*given: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return evaluate_once(*given, **options)

    evaluate_once = api.evaluate
    monkeypatch.setattr(api, "evaluate", stopping)
    words = ["-m", "demo", "-q", "--no-references", "--metric", "deletion:steps=2"]
    both = (saved / "loco.vx", saved / "rise.vx")
    result = shell("evaluate", *both, *words, "-o", tmp_path)
    assert result.exit_code == 130
    assert "stopped after 1 of 2 explanations; the numbers of those are written" in result.output
    assert (tmp_path / "curves.png").is_file()
    calls.append(1)
    result = shell("evaluate", *both, *words, "-o", tmp_path / "none")
    assert result.exit_code == 130
    assert "stopped after 0 of 2 explanations" in result.output
    assert "written" not in result.output


def test_several_clips_are_summed_up(saved: Path, tmp_path: Path) -> None:
    with as_file(files("vexplain") / "assets" / "demo.mp4") as clip:
        words = ["--method", "loco", "--segmentation", "grid:t=2,h=4,w=4", "--from", "0.5"]
        result = shell("explain", clip, "-m", "demo", *words, "-q", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    both = (saved / "loco.vx", tmp_path / "loco.vx")
    words = ["-m", "demo", "-q", "--no-references", "--metric", "srg:steps=4"]
    result = shell("evaluate", *both, *words, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Means over clips" in result.output
    with (tmp_path / "out" / "comparison.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["clips"] == "2"
    assert float(row["low"]) <= float(row["mean"]) <= float(row["high"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--metric", "deletoin"], "Did you mean deletion"),
        (["--metric", "sparseness", "--order", "frames"], "--order: none of these metrics"),
        (["--fill", "blak"], "Did you mean black"),
        (["--order", "sideways"], "expected one of voxels"),
        (["--truth", "a.json", "--truth", "b.json"], "--truth: expected one for all"),
        (["--truth", "none.json"], "there is no none.json"),
        (["--metric", "road", "--fill", "black"], "--fill: none of these metrics"),
    ],
)
def test_the_shell_says_what_is_wrong(
    saved: Path, words: list[str], message: str, tmp_path: Path
) -> None:
    result = shell("evaluate", saved / "loco.vx", "-m", "demo", "-q", *words, "-o", tmp_path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_metrics_in_the_shell_take_options_of_every_kind() -> None:
    deletion = catalog.part("metric", "deletion:order=regions,fill=blur(sigma=8),steps=10")
    assert deletion == Deletion(order=RegionWise(), fill=vx.removal.Blur(8), steps=10)
    assert catalog.part("metric", "minimal-keeps:levels=0.5").levels == (0.5,)
    keeps = catalog.part("metric", "minimal-keeps:direction=insertion,levels=(0.5,0.9)")
    assert (keeps.direction, keeps.levels) == ("insertion", (0.5, 0.9))
    assert catalog.part("metric", "pointing-game:by_frame=true") == PointingGame(by_frame=True)
    assert catalog.part("metric", "road") == Deletion(fill=vx.removal.NoisyLinear())
    few = catalog.part("metric", "road:steps=3")
    assert few == Deletion(fill=vx.removal.NoisyLinear(), steps=3)
    assert catalog.part("fill", "black:color=0.25") == vx.removal.Constant(0.25)
    logs = catalog.part("metric", "deletion:behavior=log-odds,fill=grey")
    assert logs == Deletion(behavior=vx.behavior.LogOdds(), fill=vx.removal.Constant(0.5))


def test_on_a_real_clip_with_boxes_the_numbers_are_plausible(assets: Path) -> None:
    """The box carries the decision of the ConvLSTM (assets' README): LOCO must see that."""
    file = assets / "models" / "ucf50_5class_convlstm_128.onnx"
    network = vx.load_model(str(file), spec=UCF50_SPEC)
    grid = vx.segmentation.Grid(t=1, h=4, w=4)
    mean = vx.removal.Remove(fill=vx.removal.FrameMean())
    explanation = vx.explain(
        assets / "clips" / "biking.avi",
        network,
        method=vx.methods.loco(segmentation=grid, removal=mean),
        target="Biking",
        progress=False,
    )
    found = vx.evaluate(
        explanation,
        network,
        metrics=["deletion:order=regions,fill=frame-mean", "energy", "best-iou", "average-drop"],
        truth=assets / "clips" / "biking_boxes.json",
        random_maps=2,
        progress=False,
    )
    values = {score.name: score.value for score in found}
    assert all(v is not None and 0 <= v <= 1 for v in values.values()), values
    assert (values["energy inside"] or 0) > 0.15  # 9 % of the voxels lie in the box
    deletion = found.scores[0]
    assert (deletion.gain_over("random map") or 0) > 0
    assert deletion.curve is not None
    assert float(deletion.curve.values[0]) == pytest.approx(0.985, abs=0.01)


def test_the_metric_and_the_order_of_the_documentation_work() -> None:
    text = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    names: dict[str, Any] = {}
    for code in (block for block in blocks if "class " in block):
        exec(code, names)
    by_frame = torch.tensor([0.1, 0.4, 0.0, 0.2])
    model = Additive(by_frame, boxes=(4, 1, 1))
    metric = names["AnswerToTheBrightestFrame"]()
    score = evaluate(explained(model), classifier(model), metrics=[metric]).scores[0]
    assert score.value == pytest.approx(0.1 + 0.4)
    assert set(score.beside) == {"random map", "centre prior"}
    by_row = Additive(by_frame, boxes=(1, 4, 1))
    rows = Deletion(order=names["RowWise"]())
    found = evaluate(explained(by_row), classifier(by_row), metrics=[rows, Deletion()]).scores
    assert found[0].value == pytest.approx(found[1].value)


def test_a_metric_of_ones_own_that_gives_no_number_or_no_list(unchecked: None) -> None:
    @dataclass(frozen=True)
    class Own:
        found: Any
        better: ClassVar[Better] = "higher"

        def __call__(self, case: Case) -> Any:
            return self.found

    model = Additive(WEIGHTS)
    nothing = Own([Measure("mine", float("nan"), "higher")])
    score = evaluate(explained(model), classifier(model), metrics=[nothing]).scores[0]
    assert score.value is None
    assert score.notes == "the metric gives nan"
    for wrong in (Measure("mine", 1.0, "higher"), 3, [3]):
        with pytest.raises(TypeError, match="metrics: expected a list of Measure from"):
            evaluate(explained(model), classifier(model), metrics=[Own(wrong)])
    with pytest.raises(ValueError, match="metrics: expected at least one"):
        evaluate(explained(model), classifier(model), metrics=[])
    with pytest.raises(KeyError, match=r"no such map\. Did you mean random map"):
        score.gain_over("random")


def test_the_documentation_lists_every_metric() -> None:
    text = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    names = {row[0].strip("|`*† "): row[2] for row in rows if len(row) > 4}
    model = Additive(WEIGHTS)
    case: dict[str, Any] = {"truth": truth(), "references": False}
    for name in (*catalog.PARTS["metric"], *catalog.NICKNAMES["metric"]):
        metrics = [catalog.part("metric", name)]
        found = evaluate(explained(model), classifier(model), metrics=metrics, **case)
        assert found.scores[0].name == names[name]
