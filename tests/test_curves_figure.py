"""Deletion and insertion curves: what is drawn is what came in, and every text has its room."""

import subprocess
import sys
import warnings
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from vexplain.visualization import (
    CurvePanel,
    CurveRow,
    Line,
    draw_curves,
    draw_panel,
    faces,
    lettering,
)
from vexplain.visualization.curve_sheet import NAME
from vexplain.visualization.curves import COLORS

X = np.linspace(0, 1, 6)
FALLING = Line(X, (1 - X) ** 2, 0.34)
SLOW = Line(np.linspace(0, 1, 41), 1 - np.linspace(0, 1, 41), 0.5)
LONG = "RemovalEffectOfEverySlidingWindow of a_very_long_name_without_any_space " * 3


def panel(line: Line = FALLING, **changes: Any) -> CurvePanel:
    beside = {"random map": SLOW, "centre prior": Line(X, X * 0 + 0.25, 0.25)}
    plain = {"beside": beside, "title": "Deletion", "x_label": "voxels removed"}
    return CurvePanel(line, **(plain | {"kind": "deletion"} | changes))


def row(
    *panels: CurvePanel | None, shape: tuple[int, int] = (60, 80), name: str = "LIME"
) -> CurveRow:
    frame = np.zeros((*shape, 3), np.uint8)
    return CurveRow(name, "circles clockwise, P = 0.99", frame, frame + 90, panels)


def pair(**changes: Any) -> tuple[CurvePanel, CurvePanel]:
    other = {"kind": "insertion", "title": "Insertion", "x_label": "voxels inserted"}
    return panel(**changes), panel(
        Line(X, X**0.5, 0.66), **(other | changes | {"kind": "insertion"})
    )


def new_axes(width: float = 3, height: float = 2) -> Axes:
    return Figure(figsize=(width, height)).add_axes((0.2, 0.3, 0.7, 0.5))


def main_line(axes: Axes) -> Any:
    colors = set(COLORS.values())
    return next(line for line in axes.get_lines() if to_hex(line.get_color()) in colors)


def texts_of(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def legend_of(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def area_box(axes: Axes) -> Bbox:
    (text,) = (text for text in axes.texts if text.get_text().startswith("AUC"))
    return text.get_window_extent()


def check_texts(figure: Figure) -> None:
    """Lay the figure out; no text leaves the page or lies on another one."""
    figure.draw_without_rendering()
    shown = {id(t): t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_visible()}
    texts = [t for t in shown.values() if t.get_text().strip()]
    boxes = np.array([t.get_window_extent().extents for t in texts])
    low, high = boxes[:, :2], boxes[:, 2:]
    outside = (low < 0) | (high > figure.bbox.max)
    assert not [texts[i].get_text() for i, _ in np.argwhere(outside)]
    common = np.minimum(high, high[:, None]) - np.maximum(low, low[:, None])
    over = np.triu(common.min(axis=-1) > 2, k=1)  # pixels: the boxes are wider than the ink
    assert not [(texts[i].get_text(), texts[j].get_text()) for i, j in np.argwhere(over)]


def test_what_is_drawn_equals_the_arrays() -> None:
    marks = [(0.2, 0.5), (0.4, 0.1)]
    given = panel(marks=marks, marks_name="minimal keeps")
    axes = new_axes()
    assert draw_panel(axes, given, y_label="probability") is axes
    main, random, centre, dots = (line.get_xydata() for line in [main_line(axes), *others(axes)])
    for drawn, line in ((main, FALLING), (random, SLOW), (centre, given.beside["centre prior"])):
        np.testing.assert_array_equal(drawn, np.stack(line.points, axis=1))
    np.testing.assert_array_equal(dots, marks)
    assert texts_of(axes) == ["lower is better", "AUC 0.340"]
    entries = ["random map  AUC 0.500", "centre prior  AUC 0.250", "minimal keeps"]
    assert legend_of(axes) == entries
    assert axes.get_title(loc="left") == "Deletion"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("voxels removed", "probability")
    assert [text.get_text() for text in axes.get_xticklabels()][::2] == ["0%", "50%", "100%"]


def others(axes: Axes) -> list[Any]:
    return [line for line in axes.get_lines() if line is not main_line(axes)]


def test_the_kind_gives_colour_and_direction() -> None:
    (deletion, insertion) = (draw_panel(new_axes(), one) for one in pair())
    assert to_hex(main_line(deletion).get_color()) == COLORS["deletion"]
    assert to_hex(main_line(insertion).get_color()) == COLORS["insertion"]
    assert texts_of(insertion) == ["higher is better", "AUC 0.660"]


def test_few_points_are_marked_and_many_are_not() -> None:
    for n, marker in ((1, "o"), (12, "o"), (13, "")):
        x = np.linspace(0, 1, n)
        line = main_line(draw_panel(new_axes(), panel(Line(x, x, 0.5))))
        assert line.get_marker() == marker
        assert line.get_drawstyle() == "default"


def test_the_area_is_filled_between_curve_and_zero() -> None:
    line = Line(X, np.array([2.0, 1.0, 0.5, -1.0, -1.0, -2.0]), -0.1)
    axes = draw_panel(new_axes(), panel(line))
    (path,) = axes.collections[0].get_paths()
    corners = {(round(float(x), 6), float(y)) for x, y in np.asarray(path.vertices)}
    assert {(round(float(x), 6), float(y)) for x, y in zip(*line.points, strict=True)} <= corners
    assert {(round(float(x), 6), 0.0) for x in X} <= corners


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.2, 0.3], 0, 1),
        ([0.0, 0.0], 0, 1),
        ([0.0, 1 + 1e-7], 0, 1),
        ([1.0, 3.0], 0, 3.18),
        ([-2.0, 2.0], -2.24, 2.24),
        ([-5.0, -5.0], -5.3, 0),
        ([-0.5, 0.5], -0.56, 0.56),
    ],
)
def test_the_y_range(values: list[float], low: float, high: float) -> None:
    given = panel(Line(np.array([0.0, 1.0]), np.array(values), 0.1), beside={})
    axes = draw_panel(new_axes(), given)
    assert axes.get_ylim() == pytest.approx((low, high))
    zero = [line for line in others(axes) if list(line.get_ydata()) == [0, 0]]
    assert len(zero) == (low < 0)
    assert axes.get_xlim() == (0, 1)


def test_the_range_holds_other_curves_and_marks_and_is_one_for_all_panels() -> None:
    high = Line(X, X * 10, 5.0)
    assert draw_panel(new_axes(), panel(beside={"a": high})).get_ylim()[1] == pytest.approx(10.6)
    assert draw_panel(new_axes(), panel(marks=[(0, -1)])).get_ylim()[0] == pytest.approx(-1.12)
    assert draw_panel(new_axes(), panel(), y_range=(-3, 3)).get_ylim() == (-3, 3)
    figure = draw_curves([row(*pair()), row(panel(high))])
    drawn = [axes for axes in figure.axes if axes.get_lines()]
    assert len(drawn) == 3
    for axes in drawn:
        assert axes.get_ylim() == pytest.approx((0, 10.6))


def test_the_area_keeps_off_the_curves() -> None:
    x = np.linspace(0, 1, 60)
    shapes = (x, 1 - x, x**6, 1 - x**6, x * 0, x * 0 + 1, np.exp(-9 * x), 0.5 + 0.4 * np.sin(9 * x))
    for y in shapes:
        for kind in ("deletion", "insertion"):
            given = panel(Line(x, y, 0.5), kind=kind, marks=[(0.9, 0.9), (0.9, 0.1)])
            axes = draw_panel(new_axes(), given)
            box = area_box(axes)
            assert axes.bbox.containsx(box.x0)
            assert axes.bbox.containsx(box.x1)
            for line in given.lines:
                dense = np.linspace(0, 1, 2000)
                points = np.stack([dense, np.interp(dense, *line.points)], axis=1)
                assert not inside(axes, points, box)
            assert not inside(axes, given.dots, box)


def inside(axes: Axes, points: NDArray[np.float64], box: Bbox) -> bool:
    return bool(box.count_contains(axes.transData.transform(points)))


def test_where_no_place_is_free_the_area_is_still_there() -> None:
    x = np.linspace(0, 1, 80)
    axes = draw_panel(new_axes(), panel(Line(x, (np.arange(80) % 2) * 1.0, 0.5)))
    assert "AUC 0.500" in texts_of(axes)


@pytest.mark.parametrize("area", [-1.5, 12345.6, 0.0004])
def test_areas_are_written_with_a_real_minus_and_few_digits(area: float) -> None:
    written = texts_of(draw_panel(new_axes(), panel(Line(X, X, area))))[-1]
    assert written == {-1.5: "AUC −1.500", 12345.6: "AUC 1.235e+04", 0.0004: "AUC 0.000"}[area]  # noqa: RUF001


def test_tensors_lists_that_run_backwards_and_read_only_arrays_are_read() -> None:
    y = np.arange(6.0)
    y.flags.writeable = False
    for values in (y[::-1], torch.arange(5, -1, -1).float().requires_grad_()):
        shares, found = Line(torch.linspace(0, 1, 6), values, 0.5).points
        np.testing.assert_array_equal(found, [5, 4, 3, 2, 1, 0])
        assert shares.dtype == found.dtype == np.float64


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("shares", "values", "area", "message"),
    [
        ([0, 1], [0, np.nan], 0.5, "values: expected finite"),
        ([0, np.inf], [0, 1], 0.5, "shares: expected finite"),
        ([0, 1], [0, 1], np.nan, "area: expected a finite"),
        ([0, 1], [0, 1, 2], 0.5, "2 shares and 3 values"),
        ([], [], 0.5, "0 shares and 0 values"),
        ([[0, 1]], [0, 1], 0.5, "shares: expected a tensor with axes"),
        ([0, 1.1], [0, 1], 0.5, r"shares: expected shares in \[0, 1\]"),
        ([-0.1, 1], [0, 1], 0.5, r"shares: expected shares in \[0, 1\]"),
        ([0.5, 0.2], [0, 1], 0.5, "never fall"),
    ],
)
def test_lines_refuse(shares: Any, values: Any, area: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Line(np.array(shares, dtype=float), np.array(values, dtype=float), area)


@pytest.mark.usefixtures("unchecked")
def test_panels_rows_and_figures_refuse() -> None:
    with pytest.raises(ValueError, match="marks: expected a finite number"):
        panel(marks=[(0.1, float("nan"))])
    with pytest.raises(ValueError, match="kind: expected one of deletion, insertion"):
        panel(kind="deletions")
    good = np.zeros((4, 4, 3), np.uint8)
    for bad in (good[..., :2], good[0], good[:0], good / 255):
        with pytest.raises(ValueError, match="drawn: expected 8-bit pixels"):
            CurveRow("a", "b", good, bad, [])
    with pytest.raises(ValueError, match="at least one row"):
        draw_curves([])


def test_one_point_and_curves_of_nothing() -> None:
    for line in (Line(np.array([0.5]), np.array([0.2]), 0.0), Line(X, X * 0, 0.0)):
        check_texts(draw_curves([row(panel(line, beside={}, title="", x_label=""))]))


def test_panels_that_are_missing_say_so() -> None:
    deletion, insertion = pair()
    figure = draw_curves([row(deletion, insertion), row(), row(None, insertion), row(deletion)])
    said = [axes for axes in figure.axes if texts_of(axes) == ["not measured"]]
    assert len(said) == 4
    assert len(figure.axes) == 4 * 4
    check_texts(figure)
    assert [texts_of(axes) for axes in draw_curves([row()]).axes[2:]] == [["not measured"]]


def test_repeated_titles_and_labels_are_written_once() -> None:
    figure = draw_curves([row(*pair()) for _ in range(3)] + [row(panel(title="Other"))])
    deletions = figure.axes[2::4]
    assert [axes.get_title(loc="left") for axes in deletions] == ["Deletion", "", "", "Other"]
    assert [axes.get_xlabel() for axes in deletions] == ["", "", "", "voxels removed"]
    assert [axes.get_xlabel() for axes in figure.axes[3:12:4]] == ["", "", "voxels inserted"]
    assert [axes.get_ylabel() for axes in figure.axes[2:4]] == ["probability", ""]


@pytest.mark.parametrize("shape", [(60, 80), (160, 90), (20, 400), (400, 20)])
def test_frames_keep_their_proportions_and_their_pixels(shape: tuple[int, int]) -> None:
    given = row(*pair(), shape=shape)
    figure = draw_curves([given, row(shape=(50, 50))])
    for axes, pixels in zip(figure.axes[:2], (given.frame, given.drawn), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), pixels)
        assert axes.bbox.width / axes.bbox.height == pytest.approx(shape[1] / shape[0])
    panels = [axes.bbox for axes in figure.axes[2:4]]
    assert panels[0].height >= figure.axes[0].bbox.height - 1e-6
    assert panels[0].height == pytest.approx(panels[1].height)
    boxes = [axes.bbox for axes in figure.axes]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    check_texts(figure)


@pytest.mark.parametrize("n", [1, 3])
def test_texts_have_their_room_in_few_and_many_rows(n: int) -> None:
    marks: Any = {"marks": [(0.3, 0.4)], "marks_name": "minimal keeps"}
    check_texts(draw_curves([row(*pair(**marks)) for _ in range(n)], title="TimeSformer"))


def test_long_texts_are_wrapped_or_cut() -> None:
    many = {f"{LONG} {i}": SLOW for i in range(7)}
    long = pair(beside=many, title=LONG, x_label=LONG, marks=[(0, 1)], marks_name=LONG)
    frame = np.zeros((30, 30, 3), np.uint8)
    rows = [CurveRow(LONG, LONG, frame, frame, long)] * 2
    figure = draw_curves(rows, title=LONG * 9, y_label=LONG)
    check_texts(figure)
    entries = legend_of(figure.axes[2])
    assert all(entry.endswith("…  AUC 0.500") for entry in entries[:-1])
    assert len(entries) == 8
    left, right = figure.axes[0].bbox.x0, figure.bbox.x1
    for text in figure.texts:
        limit = left if text.get_fontsize() in (NAME, lettering.SMALL) else right
        assert text.get_window_extent().x1 < limit
    with_units = [Line(X, X * -1e9, -5e8), Line(X, X * 1e-9 - 3, -3.0)]
    for line in with_units:
        check_texts(draw_curves([row(panel(line), panel(line))], y_label=LONG))


def test_texts_are_shown_as_they_are() -> None:
    name = "_a_$b$ {c} \\frac %"
    figure = draw_curves([row(panel(beside={name: SLOW}, title=name), name=name)], title=name)
    assert legend_of(figure.axes[2]) == [f"{name}  AUC 0.500"]
    assert [text.get_text() for text in figure.texts].count(name) == 2
    assert not any(
        text.get_parse_math() for text in figure.findobj(Text) if name in text.get_text()
    )
    check_texts(figure)


@pytest.mark.parametrize("name", ["走路", "चलना", "🚶", "\x07\ud800", "a\n\tb", ""])
def test_characters_that_no_face_has_bring_no_warning(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given = panel(beside={name: SLOW}, title=name, x_label=name)
        check_texts(draw_curves([row(given, name=name)], title=name, y_label=name))
    assert lettering.readable("a\n\tb") == "a b"
    assert lettering.readable("\x07") == "□"


def test_a_face_that_has_the_characters_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "others", lambda: ("STIXGeneral",))
    faces.family_of.cache_clear()
    try:
        check_texts(draw_curves([row(*pair(), name="ⒶⒷ")], title="ⒶⒷ"))
        assert lettering.font(9.0, "ⒶⒷ")["fontfamily"] == ["DejaVu Sans", "STIXGeneral"]
        assert lettering.readable("Ⓐ走") == "Ⓐ□"
    finally:
        faces.family_of.cache_clear()


def test_folding() -> None:
    room = lettering.width_of("one two", 9)
    assert lettering.folded("one two", 9, room) == "one two"
    assert lettering.folded("one two three", 9, room, 3) == "one two\nthree"
    tied = lettering.folded("tying_shoe_laces", 9, lettering.width_of("tying_shoe", 9), 3)
    assert tied == "tying_\nshoe_\nlaces"
    assert lettering.folded("one two three", 9, room).endswith("…")
    assert lettering.folded("abc", 9, 0.0, 2) == "a\nb…"
    assert lettering.folded("", 9, room) == ""


def test_no_pyplot_and_no_settings_are_touched() -> None:
    code = (
        "import sys, numpy as np, vexplain.visualization as v\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from matplotlib import rcParams\n"
        "def settings(): return {k: rcParams[k] for k in rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "x = np.linspace(0, 1, 5); p = v.CurvePanel(v.Line(x, x, .5), {}, 't', 'x', 'insertion')\n"
        "f = np.zeros((4, 4, 3), np.uint8)\n"
        "v.draw_curves([v.CurveRow('a', 'b', f, f, [p])])\n"
        "assert settings() == before\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("False", "")


def test_a_panel_stands_in_a_users_own_figure() -> None:
    figure = Figure(figsize=(8, 4), layout="constrained")
    for axes, one in zip(figure.subplots(1, 2), pair(), strict=True):
        draw_panel(axes, one, y_label="probability")
    check_texts(figure)
    (inner,) = Figure(figsize=(5, 4)).subfigures(1, 1, squeeze=False).ravel()
    assert texts_of(draw_panel(inner.subplots(), panel()))[-1] == "AUC 0.340"
