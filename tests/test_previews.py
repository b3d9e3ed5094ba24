"""Previews: the rows and clips of the explanation to come, and regions as they are."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner, Result

import vexplain as vx
from vexplain import methods, previews
from vexplain.cli import app
from vexplain.core import Method, Segmentation, Segmenter, VideoClip
from vexplain.previews import cuts, rehearsals
from vexplain.previews.measures import extent_of
from vexplain.removal import Blur, Constant, Feathered, FreezeLast, Remove
from vexplain.sampling import MonteCarlo
from vexplain.segmentation import FromLabels, Grid, LabelRegions, SlidingWindow, SoftGrid
from vexplain.video import write_video
from vexplain.visualization import Sheet

GRID = Grid(t=2, h=3, w=3)
WINDOWS = SlidingWindow(boxes=(2, 2, 2))


def clip_of(T: int = 4, H: int = 16, W: int = 20) -> VideoClip:
    frames = torch.rand(T, 3, H, W, generator=torch.Generator().manual_seed(1))
    return VideoClip(frames, torch.arange(T).double() / 4)


@dataclass
class Watched:
    """A model that keeps every clip it is asked about."""

    seen: list[Tensor]

    def __call__(self, clips: Tensor) -> Tensor:
        self.seen.append(clips.clone())
        means = clips.mean((1, 2, 3, 4))
        return torch.stack([means, 1 - means], 1)


@dataclass(frozen=True)
class Counted:
    """A removal that counts the clips it makes."""

    made: list[int]

    def soften(self, keep: Tensor) -> Tensor:
        return keep

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Any:
        def remove(keep: Tensor) -> Tensor:
            self.made.append(len(keep))
            return clip.frames * keep[:, :, None]

        return remove


@dataclass(frozen=True, eq=False)
class Unknown:
    """Regions of which nothing is known but what a segmentation promises."""

    inner: Segmentation

    @property
    def n_features(self) -> int:
        return self.inner.n_features

    def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
        return self.inner.keep(present, jitter)

    def paint(self, scores: Tensor) -> Tensor:
        return self.inner.paint(scores)


SOFT = Remove(fill=Blur(sigma=2), edges=Feathered(sigma=1.5), opacity=0.8)
CHOICES = {
    "lime": methods.lime(segmentation=GRID, n_samples=20, removal=SOFT),
    "shap": methods.kernel_shap(segmentation=GRID, n_samples=60),
    "rise": methods.rise(segmentation=SoftGrid(t=2, h=3, w=3), n_samples=15),
    "loco": methods.loco(segmentation=GRID, removal=Remove(fill=FreezeLast())),
    "univariate": methods.univariate_predictors(segmentation=GRID),
    "sos": methods.sampled_occlusion(segmentation=WINDOWS),
}


@pytest.mark.filterwarnings("ignore::vexplain.VexplainWarning")
@pytest.mark.parametrize("name", CHOICES)
def test_what_is_shown_is_what_the_explanation_asks(name: str) -> None:
    clip, method, model = clip_of(), CHOICES[name], Watched([])
    explanation = vx.explain(
        clip, model, method=method, seed=7, target=0, batch_size=4, progress=False
    )
    asked = torch.cat(model.seen)[2:]  # after the whole and the empty clip
    (found,) = previews.rehearse(clip, {name: method}, samples=5, seed=7)
    then = explanation.ledger.coalitions
    assert torch.equal(found.coalitions.present, then.present)
    assert torch.equal(found.coalitions.jitter, then.jitter)
    assert found.shown == tuple(round(i * (len(then) - 1) / 4) for i in range(5))
    for number, _, frames in found.perturbed():
        assert torch.allclose(frames, asked[number], atol=1e-6)
    (other,) = previews.rehearse(clip, {name: method}, samples=5, seed=8)
    if isinstance(method.samples, MonteCarlo):
        assert not torch.equal(other.coalitions.present, then.present)


def sheets(monkeypatch: pytest.MonkeyPatch, module: Any) -> list[Sheet]:
    """Keep the sheets that a module draws."""
    kept: list[Sheet] = []
    draw = module.draw_sheet

    def drawn(sheet: Sheet) -> Image.Image:
        kept.append(sheet)
        return draw(sheet)  # type: ignore[no-any-return]

    monkeypatch.setattr(module, "draw_sheet", drawn)
    return kept


def test_the_sheet_shows_the_perturbed_frames_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = sheets(monkeypatch, rehearsals)
    clip = clip_of(T=6)
    chosen = {"one": CHOICES["lime"], "two": CHOICES["loco"]}
    path = vx.perturbation_sheet(clip, chosen, tmp_path / "a.png", samples=3, n_frames=2, seed=3)
    with Image.open(path) as image:
        assert image.size[0] > 2 * 160
    (sheet,) = kept
    assert [row.name for row in sheet.rows] == ["Clip", "one", "", "", "two", "", ""]
    assert sheet.moments == ["0.00 s", "1.25 s"]
    found = previews.rehearse(clip, chosen, samples=3, seed=3)
    rows = iter(sheet.rows[1:])
    for rehearsal in found:
        for number, _, frames in rehearsal.perturbed():
            row = next(rows)
            present = int(rehearsal.coalitions.present[number].sum())
            assert row.notes[0] == f"sample {number + 1} of {len(rehearsal.coalitions)}"
            assert row.notes[1] == f"{present} of 18 regions present"
            for tile, frame in zip(row.tiles, frames[[0, 5]], strict=True):
                middle = tile[5::10, 5::10].transpose(2, 0, 1) / 255  # 10 pixels to a voxel
                assert np.abs(middle - frame.numpy()).max() < 0.003


def test_only_the_rows_shown_are_made(tmp_path: Path) -> None:
    made: list[int] = []
    method = replace(CHOICES["lime"], removal=Counted(made), samples=MonteCarlo(5000))
    vx.perturbation_sheet(clip_of(), {"lime": method}, tmp_path / "a.png", samples=3)
    assert made == [1, 1, 1]


def test_methods_with_equal_segmenters_share_the_regions() -> None:
    class Counting(Grid):
        calls = 0

        def __call__(self, clip: VideoClip) -> LabelRegions:
            Counting.calls += 1
            return super().__call__(clip)

    chosen = {
        "a": methods.lime(segmentation=Counting(t=2, h=2, w=2), n_samples=5),
        "b": methods.loco(segmentation=Counting(t=2, h=2, w=2)),
        "c": methods.loco(segmentation=Counting(t=1, h=2, w=2)),
    }
    found = previews.rehearse(clip_of(), chosen)
    assert Counting.calls == 2
    assert [one.coalitions.n_features for one in found] == [8, 8, 4]
    labels = FromLabels(torch.arange(4 * 16 * 20).reshape(4, 16, 20) % 3)
    (own,) = previews.rehearse(clip_of(), {"own": methods.loco(segmentation=labels)})
    assert own.shown == (0, 1, 2)


@pytest.mark.parametrize("segmenter", [GRID, WINDOWS, Grid(t=1, h=4, w=3), SoftGrid(t=2, h=2, w=2)])
def test_extents_are_what_goes_with_a_region(segmenter: Any) -> None:
    clip = clip_of()
    regions = segmenter(clip)
    found, slow = extent_of(regions), extent_of(Unknown(regions))
    assert torch.equal(found.voxels, slow.voxels)
    assert torch.equal(found.lasting, slow.lasting)
    assert (found.shape, found.fades) == (slow.shape, slow.fades)
    assert found.overlaps == isinstance(segmenter, SlidingWindow)
    assert found.fades == isinstance(segmenter, SoftGrid)


def test_numbers_of_regions_that_can_be_counted_by_hand() -> None:
    labels = torch.zeros(4, 16, 20, dtype=torch.int64)
    labels[1, :2, :3] = 1
    labels[:, 10:, :] = 2
    (cut,) = previews.cut_clip(clip_of(), {"own:of=mine": FromLabels(labels)})
    assert cut.extent.voxels.tolist() == [4 * 16 * 20 - 6 - 480, 6, 480]
    assert cut.extent.lasting.tolist() == [4, 1, 4]
    assert cut.extent.smallest_median_largest == (6, 480, 794)
    assert cut.short_name == "own"
    assert cut.notes == [
        "of=mine",
        "3 regions",
        "median 480 voxels",
        "6 to 794",
        "67% span all 4 frames",
    ]
    assert cut.cautions == ["most regions can't say when"]


def test_a_sheet_of_segmentations_outlines_every_border_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = sheets(monkeypatch, cuts)
    clip = clip_of()
    clip = replace(clip, frames=torch.full_like(clip.frames, 0.5))
    segmenters: dict[str, Segmenter] = {
        "grid": GRID,
        "tubes": Grid(t=1, h=1, w=2),
        "windows": WINDOWS,
    }
    vx.segmentation_sheet(clip, segmenters, tmp_path / "a.png", n_frames=3)
    (sheet,) = kept
    names = ["Clip", "grid", "", "tubes", "", "windows", ""]
    assert [row.name for row in sheet.rows] == names
    assert sheet.rows[4].notes == ["most regions can't say when"]
    assert sheet.rows[6].notes[0] == "regions overlap"
    outlined, coloured = sheet.rows[3].tiles[0], sheet.rows[4].tiles[0]
    yellow = (outlined == [255, 235, 0]).all(-1)
    assert yellow[:, 99].all()  # of 200 pixels to 20 voxels, the border is after the tenth
    assert not yellow[:, :99].any()
    assert not yellow[:, 100:].any()
    assert len(np.unique(coloured.reshape(-1, 3), axis=0)) == 3  # two regions and the line
    assert not (coloured[0, 0] == coloured[0, -1]).all()


def test_a_region_keeps_its_colour_in_every_frame_and_film(tmp_path: Path) -> None:
    clip = clip_of(T=5)
    path = vx.segmentation_sheet(clip, {"grid": Grid(t=1, h=2, w=2)}, tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        frames = [one.to_ndarray(format="rgb24") for one in container.decode(video=0)]
    assert len(frames) == 5
    assert vx.segmentation_sheet(clip, {"grid": GRID}, tmp_path / "a.gif").stat().st_size > 0
    colors = cuts.distinct_colors(300)
    assert len(torch.unique(colors, dim=0)) == 300
    for step in (1, 7, 49):
        assert float((colors[step:] - colors[:-step]).abs().amax(1).min()) > 0.1


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 37, 51), (2, 9, 200), (3, 225, 30)])
def test_nothing_odd_makes_it_fail(shape: tuple[int, int, int], tmp_path: Path) -> None:
    clip = clip_of(*shape)
    one: dict[str, Segmenter] = {
        "one": Grid(t=1, h=1, w=1),
        "soft": SoftGrid(),
        "windows": SlidingWindow(),
    }
    vx.segmentation_sheet(clip, one, tmp_path / "a.png", n_frames=1)
    (cut, *_) = previews.cut_clip(clip, one)
    assert cut.notes[0] == "1 region"
    assert len(cut.cautions) == (shape[0] > 1)
    chosen = {"rise": methods.rise(n_samples=2), "sos": methods.sampled_occlusion()}
    vx.perturbation_sheet(clip, chosen, tmp_path / "b.png", samples=9)


def test_wrong_arguments_are_named(tmp_path: Path, unchecked: None) -> None:
    clip, loco = clip_of(), methods.loco(segmentation=GRID)
    wrong: Any = Grid
    with pytest.raises(ValueError, match=r"path: .*\.png, \.mp4, \.webm or \.gif"):
        vx.segmentation_sheet(clip, {"grid": GRID}, tmp_path / "a.txt")
    with pytest.raises(ValueError, match="segmenters: expected at least one"):
        vx.segmentation_sheet(clip, {}, tmp_path / "a.png")
    with pytest.raises(TypeError, match="segmenters: expected a Segmenter for 'grid'"):
        vx.segmentation_sheet(clip, {"grid": wrong}, tmp_path / "a.png")
    with pytest.raises(ValueError, match="n_frames: "):
        vx.segmentation_sheet(clip, {"grid": GRID}, tmp_path / "a.png", n_frames=0)
    with pytest.raises(ValueError, match=r"path: .*\.png"):
        vx.perturbation_sheet(clip, {"loco": loco}, tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="samples: "):
        vx.perturbation_sheet(clip, {"loco": loco}, tmp_path / "a.png", samples=0)
    with pytest.raises(ValueError, match="seed: "):
        vx.perturbation_sheet(clip, {"loco": loco}, tmp_path / "a.png", seed=-1)
    names: Any = ["loco"]
    with pytest.raises(TypeError, match="methods: expected a mapping of names"):
        vx.perturbation_sheet(clip, names, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def shell(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def demo() -> Path:
    return Path(vx.__file__).parent / "assets" / "demo.mp4"


def test_segment_just_works(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = shell("segment", demo, "-m", "demo")
    assert result.exit_code == 0, result.output
    for word in ("grid", "flow", "slic", "196", "demo-segmentation.png"):
        assert word in result.output
    with Image.open("demo-segmentation.png") as image:
        assert image.size[1] > 7 * 160
    words = ["--segmentation", "grid:t=1,h=2,w=2", "--frames", "4", "--size", "32"]
    result = shell("segment", demo, *words, "-o", "new/film.gif")
    assert result.exit_code == 0, result.output
    assert "100%" in result.output
    assert Path("new/film.gif").is_file()


def test_perturb_just_works(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = sheets(monkeypatch, rehearsals)
    result = shell("perturb", demo, "-m", "demo", "--samples-shown", "1", "--frames-shown", "3")
    assert result.exit_code == 0, result.output
    assert Path("demo-perturbed.png").is_file()
    for words in ("3D RISE 196 1,002", "LV LOCO 196 198", "Sensitivity 1,183 1,185"):
        assert words in " ".join(result.output.split())
    assert len(kept[0].rows) == 7
    assert len(kept[0].moments) == 3


def test_perturb_takes_the_options_of_explain(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Method]] = []
    rehearse = previews.rehearse

    def watched(clip: VideoClip, chosen: dict[str, Method], **options: int) -> Any:
        seen.append(chosen)
        assert options == {"samples": 4, "seed": 5}
        assert clip.shape == (4, 3, 24, 24)
        return rehearse(clip, chosen, **options)

    monkeypatch.setattr(previews, "rehearse", watched)
    words = ["--method", "lime", "--segmentation", "grid:t=2,h=2,w=2", "--sizes", "binomial:p=0.7"]
    words += ["--fill", "grey", "--edges", "feathered:sigma=2", "--opacity", "0.5", "--seed", "5"]
    words += ["--frames", "4", "--size", "24", "--samples", "30", "-o", str(tmp_path / "a.png")]
    result = shell("perturb", demo, *words)
    assert result.exit_code == 0, result.output
    (method,) = seen[0].values()
    assert method.segmentation == Grid(t=2, h=2, w=2)
    assert method.sizes == vx.sampling.Binomial(0.7)
    assert method.samples == MonteCarlo(30)
    assert method.removal == Remove(Constant(0.5), Feathered(sigma=2), opacity=0.5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["segment", "gone.mp4"], "there is no file or folder gone.mp4"),
        (["segment", "CLIP", "--segmentation", "slick"], "Did you mean slic"),
        (["segment", "CLIP", "-m", "demo", "--segmentation", "grid:t=99"], "t: expected at most 8"),
        (["segment", "CLIP", "-o", "a.txt"], "ends in .png, .mp4, .webm or .gif"),
        (["segment", "CLIP", "--frames", "4", "-o", "CLIP/a.png"], "--out: can't write into"),
        (["perturb", "CLIP", "-o", "a.mp4"], "ends in .png"),
        (["perturb", "CLIP", "--method", "lyme"], "Did you mean lime"),
        (["perturb", "CLIP", "--method", "loco", "--samples", "3"], "--samples: LV LOCO has no"),
        (["perturb", "CLIP", "-m", "gone.yaml"], "there is no file gone.yaml"),
        (["perturb", "CLIP", "--frames", "80"], "ClipSpec(short='hold')"),
    ],
)
def test_mistakes_end_in_one_sentence(
    words: list[str],
    message: str,
    demo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unchecked: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = shell(*[word.replace("CLIP", str(demo)) for word in words])
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert said.startswith("error:"), said
    assert message in said


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    write_video(video, [np.zeros((16, 16, 3), np.uint8)] * 4, fps=4)
    before = video.read_bytes()
    grid = ["--segmentation", "grid:t=1,h=2,w=2", "--frames", "2"]
    result = CliRunner().invoke(app, ["segment", str(video), "-o", str(video), *grid])
    assert result.exit_code == 2
    assert "expected another file than the source video" in " ".join(result.output.split())
    assert video.read_bytes() == before


@pytest.mark.parametrize("command", ["segment", "perturb"])
def test_no_picture_is_put_among_the_frames_of_the_source(command: str, tmp_path: Path) -> None:
    for number in range(4):
        Image.new("RGB", (16, 16)).save(tmp_path / f"{number}.png")
    out = str(tmp_path / "out.png")
    options = ["--segmentation", "grid:t=1,h=2,w=2", "--frames", "2", "-o", out]
    result = CliRunner().invoke(app, [command, str(tmp_path), *options])
    assert result.exit_code == 2
    assert "would be read as one of them" in " ".join(result.output.split())
    assert len(list(tmp_path.iterdir())) == 4
