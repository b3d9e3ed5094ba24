"""What is written below an explanation, and films of odd shapes, told honestly."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from test_rendering import (
    GREY,
    array_clip,
    block,
    clip_of,
    decoded,
    explain,
    write_frames,
)
from test_video import make_file
from vexplain.core import Attribution, Explanation, Visualization
from vexplain.rendering import meaning_of, render, render_grid
from vexplain.rendering.captions import LEAST, UNSEEN, Caption, Line, text
from vexplain.rendering.words import scale_of
from vexplain.visualization import HeatMap, Highlight, Outlines, SignedMap

LOOKS: list[Visualization] = [
    HeatMap(),
    HeatMap(per_frame=True),
    SignedMap(),
    Outlines(),
    Highlight(),
]
KINDS = ["out.mp4", "out.webm", "out.gif"]


@dataclass(frozen=True)
class Spoilt:
    """A visualization of someone else's, with a number missing."""

    value: float = float("nan")

    def __call__(self, attribution: Attribution, segmentation: Any) -> Tensor:
        T, H, W = attribution.map.shape
        layer = torch.zeros(T, 4, H, W)
        layer[0, 3, 0, 0] = self.value
        return layer


def hot(height: int = 240, width: int = 320, T: int = 3, **options: Any) -> Explanation:
    labels = block((T, height, width), slice(0, height // 2), slice(None), slice(None))
    return explain(array_clip(T, height, width), labels, [0.0, 1.0], **options)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", KINDS)
def test_the_picture_above_the_strip_is_as_without(
    name: str, look: Visualization, tmp_path: Path
) -> None:
    explanation = hot()
    plain = decoded(render(explanation, tmp_path / f"plain-{name}", visualization=look))
    path = render(explanation, tmp_path / name, visualization=look, caption=True)
    for before, after in zip(plain, decoded(path), strict=True):
        assert after.shape[0] > 240 + 40
        assert np.abs(after[:232].astype(int) - before[:232]).mean() < 3
        strip = after[246:]
        assert strip[-4:].min() > 240  # white paper below the letters
        assert strip.min() < 80  # and there are letters


@pytest.mark.parametrize(
    ("height", "width"), [(300, 40), (300, 1), (240, 200), (200, 460), (16, 2000), (720, 1280)]
)
@pytest.mark.parametrize("look", LOOKS)
def test_the_strip_fits_every_width(height: int, width: int, look: Visualization) -> None:
    explanation = hot(
        height, width, T=1, name="A method whose name is " + "long " * 30, names=("é" * 300, "b")
    )
    strip = Caption.of(explanation, look, unseen=True).strip(height, max(width, LEAST))
    assert strip.shape[1] == max(width, LEAST)
    dark = strip.min(axis=(1, 2)) < 200
    margin = 5
    assert not dark[:margin].any()
    assert not dark[-margin:].any()
    assert strip[:, :margin].min() == strip[:, -margin:].min() == 255


def test_the_strip_says_what_the_colours_mean() -> None:
    def said(look: Visualization, scores: list[float]) -> list[str]:
        explanation = explain(
            array_clip(2, 8, 8), block((2, 8, 8), slice(4), *2 * [slice(None)]), scores
        )
        return meaning_of(explanation, look, scale_of(explanation, look))

    assert said(HeatMap(), [0.0, 1.0]) == ["score in part", "one scale for the whole clip"]
    assert said(SignedMap(per_frame=True), [0.0, 1.0]) == [
        "share of each frame's largest score",
        "each frame has its own scale",
    ]
    assert said(HeatMap(per_frame=True), [0.5, 1.0]) == [
        "in each frame 0 = lowest score shown, 1 = highest",
        "each frame has its own scale",
    ]
    assert said(HeatMap(), [-1.0, -2.0]) == ["nothing to show"]
    assert said(SignedMap(), [1.0, 1.0]) == ["nothing to show"]
    assert said(Highlight(), [0.0, 1.0]) == ["grey: what matters less"]
    assert said(Outlines(), [0.0, 1.0]) == ["blue supports, orange opposes"]
    assert said(Outlines(colors="green-red"), [0.0, 1.0]) == ["green supports, red opposes"]
    own = Outlines(colors=("magenta", "#00ffaa"))
    assert said(own, [0.0, 1.0]) == ["magenta supports, #00ffaa opposes"]


@pytest.mark.parametrize("look", [Outlines(), Highlight()])
@pytest.mark.parametrize("scores", [[1.0, 1.0], [0.0, 0.0]])
def test_looks_in_words_say_where_there_is_nothing_to_show(
    look: Visualization, scores: list[float]
) -> None:
    labels = block((2, 8, 8), slice(4), *2 * [slice(None)])
    assert meaning_of(explain(array_clip(2, 8, 8), labels, scores), look, None) == [
        "nothing to show"
    ]


def test_lines_do_not_overlap() -> None:
    from PIL import Image

    page = Image.new("RGB", (200, 300), "#fff")
    bottom = text(page, (0, 0), [Line("Egg " * 40, 13, lines=3), Line("Egg", 13)], 190, 1)
    rows = np.asarray(page).min(axis=(1, 2)) < 128
    starts = [i for i, (a, b) in enumerate(pairwise(rows)) if b and not a]
    assert len(starts) == 4
    assert not rows[bottom:].any()


@pytest.mark.parametrize(("index", "box", "unseen"), [
    ((0, 3), (0.0, 0.0, 200.0, 240.0), False),
    ((1, 2), (0.0, 0.0, 200.0, 240.0), False),
    ((2, 3), (0.0, 0.0, 200.0, 240.0), True),
    ((0, 3), (0.0, 20.0, 200.0, 220.0), True),
])  # fmt: skip
def test_darkness_is_explained_where_there_is_some(
    index: tuple[int, int],
    box: tuple[float, float, float, float],
    unseen: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    init = Line.__init__

    def heard(self: Line, text: str, *args: Any, **options: Any) -> None:
        said.append(text)
        init(self, text, *args, **options)

    monkeypatch.setattr(Line, "__init__", heard)
    folder = write_frames(tmp_path / "source", 4, 200, 240)
    clip = clip_of(folder, box, (50, 60), index, (4, 200, 240))
    labels = block((2, 50, 60), slice(0, 20), slice(None), slice(None))
    render(explain(clip, labels, [0.0, 1.0]), tmp_path / "out.gif", caption=True)
    assert (UNSEEN in said) is unseen


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("degrees", [90, 270])
def test_a_film_on_its_side_is_drawn_upright_above_its_strip(
    degrees: int, name: str, tmp_path: Path
) -> None:
    upright = np.full((240, 220, 3), GREY, np.uint8)
    upright[:20] = 250  # white above, black to the left
    upright[20:, :20] = 5
    lying = np.ascontiguousarray(np.rot90(upright, -degrees // 90))
    path = make_file(tmp_path / "source.mp4", [lying] * 4, rotation=degrees)
    clip = clip_of(path, (0.0, 0.0, 240.0, 220.0), (60, 55), (0, 3), (4, 240, 220))
    labels = block((2, 60, 55), slice(30, 50), slice(30, 50), slice(None))
    one = explain(clip, labels, [0.0, 1.0], look=HeatMap(colors="jet"))
    plain = explain(clip, labels, [0.0, 0.0])
    strip = Caption.of(one, HeatMap(colors="jet"), unseen=False).strip(240, 220)
    frame = decoded(render(one, tmp_path / name, caption=True))[2].astype(int)
    assert frame.shape[0] - 240 - len(strip) in (0, 1)  # even, where the codec wants it
    assert np.abs(frame[240 : 240 + len(strip)] - strip).mean() < 8
    assert frame[2:16, 24:200].min() > 225
    assert frame[40:230, 2:16].max() < 40
    red, _, blue = frame[150:170, 150:170].mean((0, 1))
    assert red > blue + 60
    assert np.abs(frame[40:100, 40:200] - GREY).max() < 25
    first = decoded(render(plain, tmp_path / f"plain-{name}"))[2]
    assert first.shape == (240, 220, 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_layer_with_a_missing_number_is_named(value: float, tmp_path: Path) -> None:
    explanation = hot(16, 16)
    message = r"visualization: .* got 1 NaN .* from Spoilt"
    with pytest.raises(ValueError, match=message):
        render(explanation, tmp_path / "a.mp4", visualization=Spoilt(value))
    with pytest.raises(ValueError, match=message):
        render_grid([[explanation]], tmp_path / "a.mp4", visualization=Spoilt(value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scores", [[0.0, 0.0], [0.5, 0.5], [-1.0, -2.0], [-1.0, -1.0]])
@pytest.mark.parametrize("look", [HeatMap(), HeatMap(per_frame=True), Highlight()])
def test_where_nothing_supports_the_target_the_clip_stays_as_it_is(
    scores: list[float], look: Visualization, tmp_path: Path
) -> None:
    labels = block((3, 32, 48), slice(0, 16), slice(None), slice(None))
    explanation = explain(array_clip(3, 32, 48), labels, scores)
    for frame in decoded(render(explanation, tmp_path / "out.mp4", visualization=look)):
        assert np.abs(frame.astype(int) - GREY).max() <= 2


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("shape", [(1, 16, 2000), (2, 2000, 16), (1, 1, 1), (2, 1, 300)])
def test_odd_shapes(shape: tuple[int, int, int], name: str, tmp_path: Path) -> None:
    T, H, W = shape
    folder = write_frames(tmp_path / "source", T, H, W)
    size = (min(H, 8), min(W, 8))
    clip = clip_of(folder, (0.0, 0.0, float(H), float(W)), size, tuple(range(T)), (T, H, W))
    labels = (torch.arange(T * size[0] * size[1]) % 2).reshape(T, *size)
    explanation = explain(clip, labels, [0.0, 1.0][: int(labels.max()) + 1], look=SignedMap())
    even = 1 if name == "out.gif" else 2
    frames = decoded(render(explanation, tmp_path / name))
    assert len(frames) == T
    assert frames[0].shape == (H + H % even, W + W % even, 3)
    captioned = decoded(render(explanation, tmp_path / name, caption=True))
    assert captioned[0].shape[0] > H
    assert captioned[0].shape[1] >= max(W, LEAST)
    grid = decoded(render_grid([[explanation]], tmp_path / name, cell_size=64))
    assert len(grid) == T


def test_three_thousand_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vexplain.rendering.films.SMALL", 16)
    labels = block((3000, 16, 16), slice(4, 12), slice(4, 12), slice(1500, None))
    explanation = explain(array_clip(3000, 16, 16), labels, [0.0, 1.0], look=HeatMap(colors="jet"))
    path = render(explanation, tmp_path / "out.mp4")
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 3000
        assert float((container.duration or 0) / av.time_base) == pytest.approx(300, abs=0.2)
    frames = decoded(path)
    assert np.abs(frames[1490][6:10, 6:10].astype(int) - GREY).max() < 12
    assert frames[1510][6:10, 6:10, 0].mean() > frames[1510][6:10, 6:10, 1].mean() + 40
