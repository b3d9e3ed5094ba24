"""Plots: what is drawn is what was measured, and the table says what the methods hold."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

import vexplain as vx
from vexplain import methods, plots
from vexplain.core import Explanation, Method
from vexplain.evaluation import Deletion, Insertion, MinimalKeeps
from vexplain.evaluation.case import Measure
from vexplain.evaluation.curves import Curve
from vexplain.evaluation.results import Evaluation, Score
from vexplain.plots.choices import TIMES
from vexplain.plots.panels import COLORS, Panels
from vexplain.plots.rows import Mean, mean_over_clips
from vexplain.plots.timing import STEPS
from vexplain.segmentation import FromLabels, Grid
from vexplain.visualization import Line
from vexplain.visualization.curves import COLORS as GAMES

Numbers = Mapping[str, Sequence[float | None]]
BOTH = ("model", "dataset")
X = np.linspace(0, 1, 6)


def bright(clips: Tensor) -> Tensor:
    """Answer with how bright one corner is in the later frames, and how dark another."""
    light = clips[:, -2:, :, :4, :4].mean((1, 2, 3, 4)) - clips[:, :, :, 4:, 4:].mean((1, 2, 3, 4))
    return torch.stack([light, -light], 1)


def explained(method: Method | None = None, frames: int = 4) -> Explanation:
    noise = torch.rand(frames, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    clip = vx.clip_from_array(noise, fps=2)
    method = method or methods.loco(segmentation=Grid(t=2, h=2, w=2))
    found: Explanation = vx.explain(clip, bright, method=method, progress=False)
    return found


@pytest.fixture(scope="module")
def one() -> Explanation:
    return explained()


def evaluations(scores: Numbers, **about: str) -> list[Evaluation]:
    """One evaluation per clip, of the metrics that are named with their numbers."""
    plain = {"method": "LIME", "target": "t", "model": "net"} | about
    counts = {len(values) for values in scores.values()}
    return [
        Evaluation(
            **plain,
            clip=f"{clip}.mp4",
            clip_digest=str(clip),
            seed=0,
            scores=tuple(Score(Measure(n, v[clip], "lower")) for n, v in scores.items()),
            n_asked=1,
            seconds=1.0,
        )
        for clip in range(max(counts))
    ]


def rows_of(scores: Numbers, dataset: str = "", **about: str) -> list[dict[str, Any]]:
    found = [row for evaluation in evaluations(scores, **about) for row in evaluation.rows()]
    return [row | {"dataset": dataset} for row in found] if dataset else found


def bars(axes: Axes, color: str) -> list[tuple[float, float]]:
    """The left ends and the widths of the bars of one colour, from the top down."""
    shown = [p for p in axes.patches if isinstance(p, Rectangle)]
    mine = [p for p in shown if to_hex(p.get_facecolor()) == color]
    mine.sort(key=lambda bar: bar.get_y())
    return [(bar.get_x(), bar.get_width()) for bar in mine]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def names(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def legend(axes: Axes) -> dict[str, Any]:
    """What the legend names, with its handles."""
    inside = axes.get_legend()
    figure = axes.figure
    found = inside or figure.legends[0]
    return {
        text.get_text(): handle
        for text, handle in zip(found.get_texts(), found.legend_handles, strict=True)
    }


def lines(axes: Axes, color: str) -> list[Any]:
    return [line for line in axes.get_lines() if line.get_color() == color]


def marked(axes: Axes, marker: str) -> list[Any]:
    """The points of the lines that have one marker."""
    found = (line for line in axes.get_lines() if line.get_marker() == marker)
    return [np.asarray(line.get_xydata()).tolist() for line in found]


def laid_out(axes: Axes | Panels) -> None:
    """Every text lies on the page when the figure is drawn, and nothing warns."""
    figure: Any = (axes if isinstance(axes, Axes) else axes.flat[0]).figure
    figure.draw_without_rendering()
    tight, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert tight.x0 > -0.02
    assert tight.y0 > -0.02
    assert tight.x1 < width + 0.02
    assert tight.y1 < height + 0.02


# Relevance over time


def test_totals_are_the_parts_of_the_map_and_lines_of_the_regions_add_up(one: Explanation) -> None:
    axes = plots.relevance_over_time(one, regions=8)
    heat, scores = one.attribution.map.double(), one.attribution.scores
    (positive,), (negative,) = lines(axes, "#1f77ff"), lines(axes, "#ff8c00")
    assert np.allclose(positive.get_xdata(), [0, 0.5, 1, 1.5])
    assert np.allclose(positive.get_ydata(), heat.clamp(min=0).mean((1, 2)))
    assert np.allclose(negative.get_ydata(), heat.clamp(max=0).mean((1, 2)))
    everything: list[Any] = list(axes.get_lines())
    regions = [line for line in everything if len(line.get_xdata()) == 4][2:]
    assert len(regions) == 8
    summed = np.sum([line.get_ydata() for line in regions], axis=0)
    assert np.allclose(summed, heat.mean((1, 2)), atol=1e-8)
    first = int(scores.abs().argmax())
    alone = one.segmentation.paint(torch.where(torch.arange(8) == first, scores, 0.0))
    assert np.allclose(regions[0].get_ydata(), alone.mean((1, 2)))
    assert list(legend(axes))[2].startswith(f"region {first} (")
    laid_out(axes)


def test_the_frames_are_marked_at_their_times(one: Explanation) -> None:
    axes = plots.relevance_over_time(one, regions=0)
    (upper,) = axes.child_axes
    assert np.allclose(upper.get_xticks(), [0, 0.5, 1, 1.5])
    assert [text.get_text() for text in upper.get_xticklabels()] == ["0", "1", "2", "3"]
    assert "s" in axes.get_xlabel()
    assert "probability" in axes.get_ylabel()
    assert list(legend(axes)) == ["all that supports", "all that opposes"]


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1e30])
def test_small_and_large_relevance_is_written_in_full(one: Explanation, size: float) -> None:
    scores, heat = one.attribution.scores, one.attribution.map
    scaled = replace(one.attribution, scores=size * scores, map=size * heat)
    axes = plots.relevance_over_time(replace(one, attribution=scaled), regions=0)
    laid_out(axes)
    assert axes.yaxis.get_offset_text().get_text() == ""  # it would lie on the frames' numbers
    said = [
        float(text.get_text().replace("\N{MINUS SIGN}", "-")) for text in axes.get_yticklabels()
    ]
    assert said == pytest.approx(list(axes.get_yticks()), abs=1e-9 * size)


@pytest.mark.parametrize("frames", [1, 90])
def test_one_frame_and_many_are_drawn(frames: int) -> None:
    method = methods.loco(segmentation=Grid(t=1, h=2, w=2))
    axes = plots.relevance_over_time(explained(method, frames))
    (upper,) = axes.child_axes
    assert len(upper.get_xticks(minor=True)) + len(upper.get_xticks()) >= frames
    assert len(upper.get_xticks()) <= 20
    laid_out(axes)


def test_axes_given_are_drawn_into_and_returned(one: Explanation) -> None:
    axes = Figure().add_subplot()
    assert plots.relevance_over_time(one, axes=axes) is axes
    assert axes.get_legend() is not None
    assert not axes.figure.legends


@pytest.mark.parametrize("regions", [7, 8, 9, 10_000])
@pytest.mark.parametrize("own", [True, False])
def test_the_legend_names_seven_regions_and_counts_the_rest(regions: int, own: bool) -> None:
    found = explained(methods.loco(segmentation=Grid(t=4, h=4, w=4)))
    panel = Figure(figsize=(6, 5), layout="constrained").add_subplot() if own else None
    axes = plots.relevance_over_time(found, regions=regions, axes=panel)
    drawn = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) == 4][2:]
    assert len(drawn) == min(regions, 64)
    entries = list(legend(axes))[2:]
    strongest = found.attribution.scores.abs().argsort(descending=True, stable=True)[:7].tolist()
    assert [entry.split(" (")[0] for entry in entries[:7]] == [f"region {i}" for i in strongest]
    rest = {7: [], 8: ["1 weaker region"], 9: ["2 weaker regions"]}
    assert entries[7:] == rest.get(regions, ["57 weaker regions"])
    laid_out(axes)


@pytest.mark.parametrize("regions", [-1, 1.5, True])
def test_regions_must_be_a_whole_number(one: Explanation, regions: Any, unchecked: None) -> None:
    with pytest.raises(ValueError, match="regions: expected a whole number from 0"):
        plots.relevance_over_time(one, regions=regions)


# Seconds


def test_steps_are_stacked_in_their_order_and_averaged_per_method(one: Explanation) -> None:
    slow = {"segmentation": 1.0, "removal": 2.0, "inference": 5.0, "summary": 0.5}
    fast = {"segmentation": 3.0, "removal": 4.0, "inference": 1.0, "sampling": 1.0}
    ledger = replace(one.ledger)
    timed = [replace(one, seconds=slow), replace(one, seconds=fast, ledger=ledger)]
    axes = plots.seconds_per_step(timed)
    want = {"segmentation": 2.0, "sampling": 0.5, "removal": 3.0, "inference": 3.0, "summary": 0.25}
    assert list(legend(axes)) == list(want)
    end = 0.0
    for step, seconds in want.items():
        assert bars(axes, STEPS[step]) == [pytest.approx((end, seconds))]
        end += seconds
    assert texts(axes) == ["8.75 s", "2 explanations per method"]
    assert names(axes) == ["LV LOCO"]
    assert axes.get_xlabel() == "seconds per explanation (lower is better)"
    laid_out(axes)


def test_targets_that_were_explained_together_share_their_seconds(one: Explanation) -> None:
    other = replace(one, target=1)
    assert plots.seconds_rows([one, other]) == plots.seconds_rows(one)
    assert {row["step"] for row in plots.seconds_rows(one)} == set(one.seconds)
    assert {row["dataset"] for row in plots.seconds_rows(one, dataset="D")} == {"D"}


def timed_rows() -> list[dict[str, Any]]:
    cells = [("A", "K400"), ("A", "Etri"), ("B", "K400")]
    return [
        {"method": m, "model": net, "dataset": data, "step": step, "seconds": 1.0 + i}
        for i, (net, data) in enumerate(cells)
        for m in ("LIME", "$x_1$ \\frac")
        for step in ("inference", "decoding")
    ]


@pytest.mark.parametrize("frame", [False, True])
def test_groups_get_panels_of_their_own(frame: bool) -> None:
    rows: Any = pandas.DataFrame(timed_rows()) if frame else timed_rows()
    panels = plots.seconds_per_step(rows, by=BOTH)
    assert panels.shape == (2, 2)
    titles = [[axes.get_title("left") for axes in row] for row in panels]
    assert titles == [["A, K400", "A, Etri"], ["B, K400", "B, Etri"]]
    assert bars(panels[1, 0], STEPS["inference"]) == [(0, 3.0), (0, 3.0)]
    assert "not measured" in texts(panels[1, 1])
    assert not bars(panels[1, 1], STEPS["inference"])
    assert names(panels[0, 0]) == ["LIME", "$x_1$ \\frac"]
    assert list(legend(panels[0, 0])) == ["inference", "decoding"]
    assert len({axes.get_xlim() for axes in panels.flat}) == 1
    laid_out(panels)


def test_titles_stay_over_their_panels_and_name_both_groups() -> None:
    def of(data: str, net: str = "TimeSformer-base-finetuned-k400") -> list[str]:
        rows = [row | {"model": net} for row in timed_rows() if row["model"] == "A"]
        named = [row | {"dataset": f"{data}{row['dataset']}"} for row in rows]
        panels = plots.seconds_per_step(named, by=BOTH)
        panels.flat[0].figure.draw_without_rendering()
        for axes in panels.flat:
            (title,) = [text for text in axes.get_children() if text is axes._left_title]
            assert title.get_window_extent().x1 <= axes.get_window_extent().x1 + 2
        return [axes.get_title("left") for axes in panels.flat]

    assert of("") == [
        "TimeSformer-base-\nfinetuned-k400, K400",
        "TimeSformer-base-\nfinetuned-k400, Etri",
    ]
    long = of("Activities of ")
    assert [title.split("\n")[1] for title in long] == ["Activities of K400", "Activities of Etri"]


def test_one_column_makes_a_row_of_panels_and_axes_may_be_given() -> None:
    given = Figure().subplots(1, 2)
    panels = plots.seconds_per_step(timed_rows(), by="dataset", axes=given)
    assert [axes.get_title("left") for axes in panels[0]] == ["K400", "Etri"]
    assert panels[0, 1] is given[1]
    assert given[0].get_legend() is not None


def test_what_cannot_be_timed_is_refused(unchecked: None) -> None:
    rows = timed_rows()
    with pytest.raises(ValueError, match=r"timed: expected at least one, got none"):
        plots.seconds_per_step([])
    with pytest.raises(ValueError, match=r"seconds: expected numbers from 0, got nan for LIME"):
        plots.seconds_per_step([rows[0] | {"seconds": float("nan")}])
    with pytest.raises(ValueError, match=r"seconds: expected finite numbers.*'3'"):
        plots.seconds_per_step([rows[0] | {"seconds": "3"}])
    with pytest.raises(ValueError, match=r"'datset'.*Did you mean dataset"):
        plots.seconds_per_step(rows, by="datset")
    with pytest.raises(ValueError, match=r"by: expected one column or two different"):
        plots.seconds_per_step(rows, by=("model", "model"))
    with pytest.raises(ValueError, match=r"axes: expected 2 by 2 axes, one per panel, got 3"):
        plots.seconds_per_step(rows, by=BOTH, axes=Figure().subplots(1, 3))
    with pytest.raises(TypeError, match=r"axes: expected one axes of matplotlib, got ndarray.*by="):
        plots.seconds_per_step(rows, axes=Figure().subplots(1, 3))
    with pytest.raises(
        TypeError, match=r"timed\[0\]: expected a dictionary, got 'LIME'.*seconds_r"
    ):
        plots.seconds_per_step(["LIME"])  # type: ignore[arg-type]


# AUC


def test_means_and_intervals_are_those_of_compare() -> None:
    numbers = [0.1, 0.4, 0.2, None, 0.35]
    (line,) = vx.compare(evaluations({"deletion AUC": numbers})).lines
    mean = mean_over_clips(rows_of({"deletion AUC": numbers}))
    assert mean == Mean(line.value.mean, 4, 1, line.value.low, line.value.high)


def test_areas_are_means_over_clips_with_their_intervals() -> None:
    rows = rows_of({"deletion AUC": [0.1, 0.3], "insertion AUC": [0.8, 0.8]})
    rows += rows_of({"deletion AUC": [0.5, None], "SRG": [1, 2]}, method="RISE")
    axes = plots.areas(rows)
    assert bars(axes, GAMES["deletion"]) == [pytest.approx((0, 0.2)), pytest.approx((0, 0.5))]
    assert bars(axes, GAMES["insertion"]) == [pytest.approx((0, 0.8))]
    assert list(legend(axes)) == [
        "deletion AUC, lower is better",
        "insertion AUC, higher is better",
    ]
    (interval,) = (x for x in lines(axes, "#1b1b1f"))
    assert np.allclose(interval.get_xdata(), [0.1, 0.3])
    assert names(axes) == ["LIME", "RISE"]
    assert {"0.200", "0.500", "0.800"} < set(texts(axes))
    assert texts(axes)[-1] == "1 to 2 clips, 95 % intervals, 1 undefined left out"
    laid_out(axes)


def test_a_clip_counts_once_however_many_models_saw_it() -> None:
    rows = rows_of({"deletion AUC": [0.1, 0.6]}, dataset="K400")
    rows += rows_of({"deletion AUC": [0.3]}, model="other", dataset="K400")
    assert bars(plots.areas(rows), GAMES["deletion"]) == [pytest.approx((0, 0.4))]
    panels = plots.areas(rows, by=BOTH)
    found = [bars(axes, GAMES["deletion"]) for axes in panels.flat]
    assert found == [[pytest.approx((0, 0.35))], [pytest.approx((0, 0.3))]]
    assert panels.shape == (2, 1)


def test_an_area_without_a_number_is_said_and_one_below_zero_has_room() -> None:
    rows = rows_of({"deletion AUC (LogOdds)": [-2.0]})
    rows += rows_of({"deletion AUC (LogOdds)": [None]}, method="RISE")
    axes = plots.areas(rows)
    assert bars(axes, GAMES["deletion"])[0] == (0, -2)
    assert axes.get_xlim()[0] < -2.2
    assert {"\N{MINUS SIGN}2.000", "not defined"} < set(texts(axes))
    assert list(legend(axes)) == ["deletion AUC (LogOdds), lower is better"]
    laid_out(axes)


def test_areas_of_different_kinds_are_not_mixed() -> None:
    rows = rows_of({"deletion AUC": [0.1], "deletion AUC (steps=10)": [0.2]})
    with pytest.raises(ValueError, match=r"one kind of deletion AUC, got .*steps=10"):
        plots.areas(rows)
    with pytest.raises(ValueError, match=r"'deletion AUC' or 'insertion AUC', got none"):
        plots.areas(rows_of({"SRG": [0.1]}))
    nameless = [{"method": "LIME", "metric": "deletion AUC", "value": 0.5}]
    with pytest.raises(ValueError, match=r"'clip_digest' or 'clip', got method, metric, value"):
        plots.areas(nameless)


# Minimal keeps


def keep_rows() -> list[dict[str, Any]]:
    deletion = {
        "minimal keep, deletion 80 %": [0.1, 0.2],
        "minimal keep, deletion 95 %": [0.4, 0.6],
    }
    rows = rows_of(deletion | {"minimal keep, insertion 80 %": [0.9, 0.9]})
    partly: Numbers = {
        "minimal keep, deletion 95 %": [0.8, None],
        "minimal keep, deletion 80 %": [0.3, 0.5],
    }
    return rows + rows_of(partly, method="RISE")


def test_minimal_keeps_are_lines_over_the_levels() -> None:
    axes = plots.minimal_keeps(keep_rows())
    first, partly = lines(axes, COLORS[0])[0], lines(axes, COLORS[1])
    assert np.allclose(first.get_xdata(), [0.8, 0.95])
    assert np.allclose(first.get_ydata(), [0.15, 0.5])
    assert np.allclose(partly[0].get_ydata(), [0.4, 0.8])
    assert np.allclose(partly[1].get_xydata(), [[0.95, 0.8]])
    assert partly[1].get_markerfacecolor() == "#ffffff"
    assert list(legend(axes)) == ["LIME", "RISE"]
    assert "removed (lower is better)" in axes.get_ylabel()
    assert texts(axes) == ["1 to 2 clips, 95 % intervals, 1 unreached left out (hollow)"]
    band = axes.collections[0].get_paths()[0].get_extents()
    assert np.allclose(band.extents, [0.8, 0.1, 0.95, 0.6])
    laid_out(axes)


def test_the_other_game_has_its_own_words_and_absolute_levels_theirs() -> None:
    axes = plots.minimal_keeps(keep_rows(), game="insertion", by="model")[0, 0]
    assert np.allclose(lines(axes, COLORS[0])[0].get_xydata(), [[0.8, 0.9]])
    assert "brought back" in axes.get_xlabel()
    assert "inserted" in axes.get_ylabel()
    absolute = plots.minimal_keeps(rows_of({"minimal keep, deletion 0.25 (steps=10)": [0.5]}))
    assert np.allclose(lines(absolute, COLORS[0])[0].get_xydata(), [[0.25, 0.5]])
    assert "in units of v" in absolute.get_xlabel()


def test_keeps_of_different_kinds_are_not_mixed() -> None:
    mixed = rows_of({"minimal keep, deletion 80 %": [0.1], "minimal keep, deletion 0.8": [0.1]})
    with pytest.raises(ValueError, match="one kind of minimal keep, got"):
        plots.minimal_keeps(mixed)
    with pytest.raises(ValueError, match=r"'minimal keep, insertion …', got none"):
        plots.minimal_keeps(mixed, game="insertion")


def test_a_level_that_no_clip_reaches_leaves_a_gap() -> None:
    rows = rows_of({"minimal keep, deletion 80 %": [None], "minimal keep, deletion 90 %": [0.2]})
    axes = plots.minimal_keeps(rows)
    assert np.allclose(lines(axes, COLORS[0])[0].get_ydata(), [np.nan, 0.2], equal_nan=True)
    assert "1 unreached left out" in texts(axes)[0]
    laid_out(axes)


def test_names_of_real_metrics_are_understood(one: Explanation) -> None:
    metrics = (Deletion(steps=4), Insertion(steps=4), MinimalKeeps(steps=4))
    found = vx.evaluate(one, bright, metrics=metrics, progress=False).rows()
    assert len(bars(plots.areas(found), GAMES["insertion"])) == 1
    line = lines(plots.minimal_keeps(found), COLORS[0])[0]
    assert np.allclose(line.get_xdata(), [0.8, 0.9, 0.95, 0.99])


# Raters


def scores(**clip: list[Any]) -> list[dict[str, Any]]:
    """Two raters' scores of the clips of two methods."""
    plain = {"model": "net", "dataset": "K400"}
    table: dict[tuple[str, str], list[int | None]] = {
        ("LIME", "ann"): [1, 3],
        ("LIME", "bo"): [3, 5],
        ("RISE", "ann"): [4, None],
    }
    return [
        plain | {"method": m, "rater": r, "score": s} | {k: v[i] for k, v in clip.items()}
        for (m, r), given in table.items()
        for i, s in enumerate(given)
    ]


def test_scores_are_means_with_those_of_every_rater() -> None:
    axes = plots.ratings(scores(clip=["a", "b"]))
    handles = legend(axes)
    assert list(handles) == ["mean", "each rater's mean"]
    assert marked(axes, "D") == [[[3, 0]], [[4, 1]]]
    assert marked(axes, "o") == [[[2, 0], [4, 0]], [[4, 1]]]
    assert names(axes) == ["LIME", "RISE"]
    assert axes.get_xlabel() == "mean score, 1 to 5 (higher is better)"
    assert texts(axes)[-1] == "2 raters, 1 to 2 clips, 95 % intervals, 1 not given, left out"
    interval: list[Any] = [line for line in lines(axes, COLORS[0]) if line.get_marker() == "None"]
    assert np.allclose(interval[0].get_xdata(), [2, 4])
    laid_out(axes)


def test_scores_without_clips_have_no_intervals() -> None:
    axes = plots.ratings(scores(), by=BOTH)[0, 0]
    assert not [line for line in lines(axes, COLORS[0]) if line.get_marker() == "None"]
    note = texts(axes)[-1].replace("\n", " ")
    assert note == "2 raters, 1 to 4 scores, 1 not given, left out"


def test_a_score_off_the_scale_and_no_score_at_all() -> None:
    with pytest.raises(ValueError, match=r"score: expected scores from -2 to 2, got 3 by ann"):
        plots.ratings(scores(), scale=(-2, 2))
    with pytest.raises(ValueError, match=r"scale: expected \(lowest, highest\)"):
        plots.ratings(scores(), scale=(5, 1))
    axes = plots.ratings([row | {"score": None} for row in scores()])
    assert texts(axes)[:2] == ["not scored", "not scored"]
    laid_out(axes)


# Curves


def test_a_curve_is_drawn_with_its_area() -> None:
    curve = Curve(torch.tensor([0, 0.5, 1.0]).double(), torch.tensor([1, 0.2, 0.0]).double())
    axes = plots.curves(curve, beside={"random map": Line(X, 1 - X, 0.5)})
    (line,) = lines(axes, GAMES["deletion"])
    assert np.allclose(line.get_xydata(), np.array([[0, 1], [0.5, 0.2], [1, 0]]))
    assert "AUC 0.350" in texts(axes)
    assert "lower is better" in texts(axes)
    assert list(legend(axes)) == ["random map  AUC 0.500"]
    laid_out(axes)
    given = Figure().add_subplot()
    assert plots.curves(Line(X, X, 0.5), kind="insertion", axes=given) is given
    assert given.get_xlabel() == "voxels inserted"


def test_what_is_no_curve_is_refused(unchecked: None) -> None:
    with pytest.raises(TypeError, match=r"curve: expected a curve with shares.*got 3"):
        plots.curves(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="kind: expected one of deletion, insertion"):
        plots.curves(Line(X, X, 0.5), kind="removal")  # type: ignore[arg-type]


# Table 2


SIX = (
    *(methods.lime(), methods.kernel_shap(), methods.rise()),
    *(methods.loco(), methods.univariate_predictors(), methods.sampled_occlusion()),
)


def test_the_table_holds_the_choices_of_the_six_methods() -> None:
    table = plots.table_of_methods(SIX)
    rows = {row.pop("step"): list(row.values()) for row in table.rows()}
    assert table.methods == tuple(method.name for method in SIX)
    assert list(rows) == [
        *("segmentation", "feature selection", "sample selection", "feature removal"),
        *("model behavior", "summary", "visualization"),
    ]
    assert rows["segmentation"][0].startswith("Slic: 200 regions, compactness 10")
    assert rows["segmentation"][2] == "Soft Grid: t 4, h 7, w 7, shifted"
    assert rows["segmentation"][5] == f"Sliding Window: boxes 4{TIMES}7{TIMES}7, stride 0.5"
    binomial, other = "Binomial: p 0.5", "All But One"
    assert rows["feature selection"] == [
        *(binomial, "Shapley Kernel", binomial, other, "Only One", other)
    ]
    assert rows["sample selection"][1] == (
        "Monte Carlo: 1,000 samples, paired, distinct, borders first"
    )
    assert set(rows["feature removal"]) == {"Remove: fill constant (color 0), edges own, opacity 1"}
    assert set(rows["model behavior"]) == {"Probability"}
    assert rows["summary"][0] == "Linear Surrogate: cosine kernel (width 0.25), ridge 1"
    assert rows["summary"][2:] == [
        *("Mean When Kept", "Removal Effect", "Inclusion Effect", "Value When Removed")
    ]
    assert "show top share (share 0.3)" in rows["visualization"][0]


def test_the_table_prints_and_shows_itself() -> None:
    table = plots.table_of_methods(SIX)
    text, page = str(table), table._repr_html_()
    for words in ("3D Kernel SHAP", "Soft Grid", "1,000 samples", "feature removal"):
        assert words in text
        assert words in page
    assert max(map(len, text.splitlines())) <= 160
    assert page.count("<tr>") == 8
    assert page.count("<td") == 42
    assert "<script" not in page


@dataclass(frozen=True)
class HalfAndHalf:
    """A segmenter of a user, with options of several kinds."""

    n_parts: int
    turned: bool = True
    mirrored: bool = False
    names: tuple[str, ...] = ("left", "right")
    seeds: object = None
    start: object = torch.zeros(2, 3)

    def __call__(self, clip: vx.VideoClip) -> Any:
        return Grid(t=1, h=1, w=self.n_parts)(clip)


def test_a_method_of_a_user_prints_too() -> None:
    def own_behavior(answers: Any, target: int) -> Any:
        return answers.values[:, target]

    own = replace(methods.lime(), name="<mine> [b]", segmentation=HalfAndHalf(2))
    own = replace(own, behavior=own_behavior)
    table = plots.table_of_methods([own, own])
    assert table.methods == ("<mine> [b]", "<mine> [b] (2)")
    cut, *_, behavior, _, _ = (row["<mine> [b] (2)"] for row in table.rows())
    assert cut == f"Half And Half: 2 parts, turned, names left, right, start array 2{TIMES}3"
    assert behavior == "Own behavior"
    assert "<mine> [b] (2)" in str(table)
    assert "&lt;mine&gt; [b]" in table._repr_html_()


def test_of_an_explanation_the_real_numbers_are_told() -> None:
    labels = torch.arange(8 * 8 * 4).reshape(4, 8, 8) // 64
    found = explained(methods.loco(segmentation=FromLabels(labels)))
    cut, _, samples, *_ = (row["LV LOCO"] for row in plots.table_of_methods(found).rows())
    assert cut == f"From Labels: labels array 4{TIMES}8{TIMES}8, → 4 regions"
    assert samples == "Exhaustive: → 4 samples"


def test_what_is_no_method_is_refused(unchecked: None) -> None:
    with pytest.raises(
        TypeError, match=r"methods\[0\]: expected methods or explanations.*lime\(\)"
    ):
        plots.table_of_methods([methods.lime])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="methods: expected at least one, got none"):
        plots.table_of_methods([])


def test_plots_are_found_without_pyplot(tmp_path: Path) -> None:
    code = (
        "import sys, vexplain as vx\n"
        "row = {'method': 'm', 'step': 'inference', 'seconds': 1.0}\n"
        "vx.plots.seconds_per_step([row]).figure.savefig(sys.argv[1])\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    words = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "plot.png")]
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("scale", [5, (1, 2, 3), None])
@pytest.mark.usefixtures("unchecked")
def test_a_scale_is_two_numbers(scale: Any) -> None:
    with pytest.raises(ValueError, match="scale: expected"):
        plots.ratings(scores(), scale=scale)


# What is of another kind


BY_ROWS = {
    "areas": rows_of({"deletion AUC": [0.1]}),
    "minimal_keeps": rows_of({"minimal keep, deletion 80 %": [0.1]}),
    "ratings": [{"rater": "ann", "method": "RISE", "score": 4, "model": "net"}],
    "seconds_per_step": [{"method": "m", "model": "net", "step": "inference", "seconds": 1.0}],
}


@pytest.mark.parametrize("name", BY_ROWS)
@pytest.mark.parametrize(("rows", "got"), [
    (None, r": expected a list of dictionaries, or a data frame, got None\. Give "),
    ("rows.csv", r": expected a list of dictionaries, or a data frame, got 'rows.csv'\. Give "),
    ({"method": "m"}, r": expected a list of dictionaries, or a data frame, got dict\. Give "),
    ([3], r"\[0\]: expected a dictionary, got 3\. Give "),
])  # fmt: skip
@pytest.mark.usefixtures("unchecked")
def test_rows_of_another_kind_are_named(name: str, rows: Any, got: str) -> None:
    argument = "timed" if name == "seconds_per_step" else "rows"
    with pytest.raises(TypeError, match=f"^{argument}{got}"):
        getattr(plots, name)(rows)


@pytest.mark.parametrize("name", BY_ROWS)
@pytest.mark.usefixtures("unchecked")
def test_columns_and_axes_of_another_kind_are_named(name: str) -> None:
    draw, rows = getattr(plots, name), BY_ROWS[name]
    column = r"expected the name of a column, or two, got 3\. Leave it out to average"
    with pytest.raises(TypeError, match=f"^by: {column}"):
        draw(rows, by=3)
    with pytest.raises(TypeError, match=rf"^by\[1\]: {column}"):
        draw(rows, by=("model", 3))
    with pytest.raises(TypeError, match=r"^axes\[0\]: expected axes of matplotlib, got 1\. Leave"):
        draw(rows, by="model", axes=[1])
    with pytest.raises(TypeError, match=r"^axes\[0\]: expected axes of matplotlib, got 'top'"):
        draw(rows, by="model", axes="top")
    with pytest.raises(
        TypeError, match=r"^axes: expected one axes of matplotlib, got list\. Leave"
    ):
        draw(rows, axes=[1])


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_explanation_is_named(one: Explanation) -> None:
    wrong: Any
    for wrong, got in (("a", "'a'"), ([one], "list"), (None, "None")):
        message = rf"^explanation: expected an explanation, got {got}\. Give what vexplain.explain"
        with pytest.raises(TypeError, match=message):
            plots.relevance_over_time(wrong)
    wrong = 3
    with pytest.raises(TypeError, match=r"^axes: expected one axes of matplotlib, got 3\."):
        plots.relevance_over_time(one, axes=wrong)
    for draw, name in ((plots.seconds_per_step, "timed"), (plots.seconds_rows, "explanations")):
        wrong = [one, 3]
        with pytest.raises(
            TypeError, match=rf"^{name}\[1\]: expected an explanation or sev.*got 3"
        ):
            draw(wrong)
    for wrong in (None, "a", 3):
        with pytest.raises(TypeError, match=r"^explanations: expected an explanation or several"):
            plots.seconds_rows(wrong)
        with pytest.raises(TypeError, match=r"^methods: expected methods or expl.*lime\(\)"):
            plots.table_of_methods(wrong)


@pytest.mark.usefixtures("unchecked")
def test_curves_of_another_kind_are_named() -> None:
    wrong: Any = 3
    with pytest.raises(TypeError, match=r"^beside: expected a mapping, got 3\. Name every curve"):
        plots.curves(Line(X, X, 0.5), beside=wrong)
    with pytest.raises(TypeError, match=r"^beside\['a'\]: expected a curve with shares"):
        plots.curves(Line(X, X, 0.5), beside={"a": wrong})
    with pytest.raises(TypeError, match=r"^axes: expected one axes of matplotlib, got 3\."):
        plots.curves(Line(X, X, 0.5), axes=wrong)
