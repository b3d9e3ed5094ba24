"""Several clips and methods in one film: the right picture at the right place and time."""

import re
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vexplain as vx
from test_rendering import GREY, array_clip, block, clip_of, decoded, explain, rate_of, write_frames
from vexplain.core import Explanation, VexplainWarning, VideoClip
from vexplain.rendering import grids, reels, render_grid
from vexplain.rendering.grid_pages import BELOW, GAP, MARGIN, SIDE, GridPage
from vexplain.rendering.placing import Cover
from vexplain.video import source_frames, write_video
from vexplain.visualization import HeatMap, Outlines, SignedMap

JET = HeatMap(colors="jet")
DARK_RED = np.array([127.5, 0, 0])
CELL = 120


def film(path: Path, n: int, fps: float, height: int = 96, width: int = 128) -> Path:
    """A film whose every frame is 10 brighter than the one before, from 20 on."""
    frames = [np.full((height, width, 3), 20 + 10 * i, np.uint8) for i in range(n)]
    write_video(path, frames, fps=fps, crf=1)
    return path


def of_film(
    path: Path, n: int, name: str, names: tuple[str, ...] = ("Biking", "Diving")
) -> Explanation:
    """An explanation of the whole of a film, whose left half is hot."""
    size = next(source_frames(path)).pixels.shape
    height, width = size[:2]
    box = (0.0, 0.0, float(height), float(width))
    clip = clip_of(path, box, (24, 32), (0, n - 1), (n, height, width))
    labels = block((2, 24, 32), slice(None), slice(0, 16), slice(None))
    return explain(clip, labels, [0.0, 1.0], look=JET, name=name, names=names)


def spots(
    page: np.ndarray, rows: int, columns: int, height: int = 90
) -> tuple[list[int], list[int]]:
    """Tops and lefts of the cells; the tops are found by the paper above them."""
    lefts = [MARGIN + SIDE + i * (CELL + GAP) for i in range(columns)]
    edge = page[:, lefts[0] + 1].astype(float).mean(axis=1)
    tops = [
        top
        for top in range(1, len(edge) - height)
        if edge[top - 1] > 246 and edge[top : top + height].max() < 246
    ]
    assert len(tops) == rows
    return tops, lefts


def levels(frames: list[np.ndarray], top: int, left: int) -> list[float]:
    """The level in the middle of the cell."""
    middle = slice(top + CELL // 2 - 5, top + CELL // 2 + 5)
    return [float(frame[middle, left + 80 : left + 110].mean()) for frame in frames]


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif"])
def test_every_clip_runs_at_its_own_speed(name: str, tmp_path: Path) -> None:
    slow = film(tmp_path / "slow.mp4", 5, 5)
    fast = film(tmp_path / "fast.mp4", 10, 20)
    rows = [
        [of_film(slow, 5, "3D LIME"), of_film(slow, 5, "3D RISE")],
        [of_film(fast, 10, "3D LIME"), of_film(fast, 10, "3D RISE")],
    ]
    frames = decoded(render_grid(rows, tmp_path / name, cell_size=CELL))
    assert len(frames) == 20  # one second of 20 frames: the slow clip is the longer one
    tops, lefts = spots(frames[0], 2, 3)
    expected_slow = [20 + 10 * (i // 4) for i in range(20)]
    expected_fast = [20 + 10 * min(i, 9) for i in range(20)]
    near = 6 if name == "out.gif" else 4
    for left in lefts:
        assert levels(frames, tops[0], left) == pytest.approx(expected_slow, abs=near)
        assert levels(frames, tops[1], left) == pytest.approx(expected_fast, abs=near)
    if name != "out.gif":
        assert rate_of(tmp_path / name) == pytest.approx(20)


def test_colours_are_where_the_maps_are_hot(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 4, 10)
    frames = decoded(render_grid([[of_film(path, 4, "A")]], tmp_path / "out.mp4", cell_size=CELL))
    (top,), (plain, drawn) = spots(frames[0], 1, 2)
    for i, page in enumerate(frames):
        frame = page.astype(int)
        middle = slice(top + 40, top + 70)
        level = 20 + 10 * i
        assert np.abs(frame[middle, plain + 10 : plain + 50] - level).max() < 8
        hot = frame[middle, drawn + 10 : drawn + 50]
        assert np.abs(hot - (0.4 * level + 0.6 * DARK_RED)).max() < 10
        assert np.abs(frame[middle, drawn + 74 : drawn + 110] - level).max() < 10


def test_clips_of_all_proportions_share_one_size(tmp_path: Path) -> None:
    wide, tall = (
        film(tmp_path / "wide.mp4", 3, 10, 32, 128),
        film(tmp_path / "tall.mp4", 3, 10, 128, 32),
    )
    inner = explain(
        array_clip(3, 8, 8), block((3, 8, 8), slice(4), slice(None), slice(None)), [0, 1.0]
    )
    rows = {"wide": [of_film(wide, 3, "A")], "tall": [of_film(tall, 3, "A")], "memory": [inner]}
    path = render_grid(rows, tmp_path / "out.mp4", cell_size=CELL)
    frame = decoded(path)[0].astype(int)
    tops, lefts = spots(frame, 3, 3, CELL)
    middle = CELL // 2
    for top, (inside, outside) in zip(tops, [
        ((middle, 10), (10, middle)), ((10, middle), (middle, 10)), ((10, 10), (10, -5)),
    ], strict=True):  # fmt: skip
        level = GREY if top == tops[2] else 20
        at = frame[top + inside[0] - 3 : top + inside[0] + 3, lefts[0] + inside[1] + 2]
        assert np.abs(at - level).max() < 12
        beyond = frame[top + outside[0], lefts[0] + outside[1]]
        assert beyond.min() > 225


def test_methods_have_columns_and_targets_too(tmp_path: Path) -> None:
    def headings(
        rows: Mapping[str, list[Explanation]], transposed: bool = False
    ) -> list[list[str]]:
        draws = {name: grids.looks(row, None) for name, row in rows.items()}
        seen: list[list[str]] = []

        def caught(tops, sides, cells, notes):  # type: ignore[no-untyped-def]
            seen.append([one.name for one in tops])
            seen.append([one.name for one in sides])
            seen.append([str(cell.place) for cell in cells])
            return GridPage(np.zeros((1, 1, 3), np.uint8), [], (0, 0))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(grids, "draw_page", caught)
            grids.page_of(
                rows, draws, [reels.Reel(row, draws[n], 32) for n, row in rows.items()], transposed
            )
        return seen

    labels = block((2, 8, 8), slice(4), slice(None), slice(None))

    def one(name: str, target: int = 0) -> Explanation:
        return replace(explain(array_clip(2, 8, 8), labels, [0.0, 1.0], name=name), target=target)

    rows = {"a": [one("A"), one("B")], "b": [one("B"), one("C")]}
    assert headings(rows) == [
        ["Clip", "A", "B", "C"],
        ["a", "b"],
        ["(0, 0)", "(0, 1)", "(0, 2)", "(1, 0)", "(1, 2)", "(1, 3)"],
    ]
    assert headings(rows, transposed=True) == [
        ["a", "b"],
        ["Clip", "A", "B", "C"],
        ["(0, 0)", "(1, 0)", "(2, 0)", "(0, 1)", "(2, 1)", "(3, 1)"],
    ]
    several = {"a": [one("A"), one("A", 1)], "b": [one("A"), one("A")]}
    assert headings(several)[0] == ["Clip", "A, Biking", "A, Diving", "A", "A (2)"]


def test_transposed_pages_show_clips_in_columns(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 2, 10)
    rows = [[of_film(path, 2, "A"), of_film(path, 2, "B")]]
    shapes = [
        decoded(render_grid(rows, tmp_path / "out.mp4", cell_size=CELL, transposed=turned))[0].shape
        for turned in (False, True)
    ]
    assert shapes[0][1] > shapes[1][1] + CELL
    assert shapes[0][0] < shapes[1][0] - CELL - BELOW


def test_one_frame_per_clip_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_frames(tmp_path / "source", 60, 32, 32)
    clip = clip_of(folder, (0.0, 0.0, 32.0, 32.0), (32, 32), (0, 59), (60, 32, 32))
    drawn: list[weakref.ref[np.ndarray]] = []
    alive: list[int] = []
    over = Cover.over

    def watched(cover: Cover, pixels: np.ndarray, back: np.ndarray | None) -> np.ndarray:
        frame = over(cover, pixels, back)
        drawn.append(weakref.ref(frame))
        alive.append(sum(reference() is not None for reference in drawn))
        return frame

    monkeypatch.setattr(Cover, "over", watched)
    both = [explain(clip, torch.zeros(2, 32, 32).long(), [1.0], name=name) for name in "AB"]
    render_grid([both], tmp_path / "out.mp4", cell_size=32)
    assert len(alive) == 120
    assert max(alive) <= 6


def test_a_rate_can_be_given(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 10, 20)
    frames = decoded(
        render_grid([[of_film(path, 10, "A")]], tmp_path / "o.mp4", cell_size=CELL, fps=10)
    )
    assert len(frames) == 5
    tops, lefts = spots(frames[0], 1, 2)
    assert levels(frames, tops[0], lefts[0]) == pytest.approx([20, 40, 60, 80, 100], abs=4)


def test_looks_of_all_kinds_and_one_for_all(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 2, 10)
    one = of_film(path, 2, "A")
    row = [
        replace(one, method=replace(one.method, visualization=look))
        for look in (SignedMap(), Outlines(), JET)
    ]
    assert decoded(vx.render_grid([row], tmp_path / "a.gif", cell_size=CELL))
    assert decoded(
        vx.render_grid([row], tmp_path / "b.gif", visualization=Outlines(), cell_size=CELL)
    )


def test_a_lost_source_is_told_once(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "source", 3, 32, 32)
    clip = clip_of(folder, (0.0, 0.0, 32.0, 32.0), (32, 32), (0, 2), (3, 32, 32))
    row = [explain(clip, torch.zeros(2, 32, 32).long(), [1.0], name=name) for name in "AB"]
    folder.rename(tmp_path / "elsewhere")
    with pytest.warns(VexplainWarning, match="can't be read") as told:
        frames = decoded(render_grid([row], tmp_path / "out.mp4", cell_size=32))
    assert len(told) == 1
    assert len(frames) == 2


def test_wrong_grids_are_named(tmp_path: Path) -> None:
    labels = torch.zeros(3, 8, 8).long()
    one = explain(array_clip(3, 8, 8), labels, [1.0])
    other = explain(
        VideoClip(torch.zeros(3, 3, 8, 9), torch.arange(3).double()),
        torch.zeros(3, 8, 9).long(),
        [1.0],
    )
    out = tmp_path / "out.mp4"
    empty: list[Any] = [[], [[]], [[one], []], {"a": []}]
    for nothing in empty:
        with pytest.raises(ValueError, match="explanations: expected at least one"):
            render_grid(nothing, out)
    with pytest.raises(
        ValueError, match="explanations: expected explanations of one clip in row 0"
    ):
        render_grid([[one, other]], out)
    with pytest.raises(ValueError, match="cell_size: "):
        render_grid([[one]], out, cell_size=2)
    with pytest.raises(ValueError, match="fps: "):
        render_grid([[one]], out, fps=0)
    with pytest.raises(ValueError, match="path: expected a name"):
        render_grid([[one]], tmp_path / "out.txt")
    path = film(tmp_path / "a.mp4", 2, 10)
    with pytest.raises(ValueError, match="path: expected another file than the source"):
        render_grid([[of_film(path, 2, "A")]], path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_no_source_of_any_explanation_is_drawn_over(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 2, 8)
    copy = tmp_path / "b.mp4"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="path: expected another file than the source"):
        render_grid([[of_film(path, 2, "A"), of_film(copy, 2, "B")]], copy)
    assert copy.read_bytes() == path.read_bytes()


def test_a_lost_source_leaves_an_older_grid_to_be_replaced(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 4, 8)
    explanation = of_film(path, 4, "3D RISE")
    path.unlink()
    (tmp_path / "out.mp4").write_bytes(b"older")
    with pytest.warns(VexplainWarning, match="can't be read"):
        assert decoded(render_grid([[explanation]], tmp_path / "out.mp4", cell_size=CELL))


def test_without_a_source_maps_are_never_drawn_on_other_frames(tmp_path: Path) -> None:
    labels = block((2, 16, 16), slice(None), slice(0, 8), slice(None))
    one = explain(array_clip(2, 16, 16), labels, [0.0, 1.0])
    clip = VideoClip(1 - one.clip.frames, one.clip.pts_seconds)
    with pytest.raises(ValueError, match="expected explanations of the same frames"):
        render_grid([[one, replace(one, clip=clip)]], tmp_path / "out.mp4")


@pytest.mark.usefixtures("unchecked")
def test_rows_that_are_no_lists_are_named(tmp_path: Path) -> None:
    labels = block((2, 16, 16), slice(None), slice(0, 8), slice(None))
    one = explain(array_clip(2, 16, 16), labels, [0.0, 1.0])
    per_clip = "a list of explanations per clip"
    row = "explanations[0]: expected a list of explanations, got Explanation. Write [[one, another"
    wrong: list[tuple[Any, str]] = [
        (one, f"explanations: expected {per_clip}, got Explanation. Write [[one, another]]"),
        (None, f"explanations: expected {per_clip}, got None. Write [[one, another]]"),
        ([one, one], row),
        ({"a": one}, row),
        ([[one], [None]], "explanations[1][0]: expected an explanation or several, got None. Give"),
    ]
    for rows, message in wrong:
        with pytest.raises(TypeError, match="^" + re.escape(message)):
            render_grid(rows, tmp_path / "out.mp4")
