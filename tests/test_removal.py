"""Step 4: laws for every fill, edge and kind of segmentation; closed forms; slow references."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from reference.removal import frozen, interpolated, region_mean
from vexplain import removal
from vexplain.core import Segmentation, VexplainWarning, VideoClip
from vexplain.core.archive import decode, encode
from vexplain.removal import (
    Blur,
    Blur3D,
    ClipMean,
    Constant,
    Edges,
    Feathered,
    Fill,
    FrameMean,
    FreezeLast,
    Hard,
    Inpaint,
    Interpolate,
    MedianBackground,
    NoisyLinear,
    OtherClip,
    Own,
    RegionMean,
    Remove,
    ShuffleFrames,
)

T, H, W = 5, 8, 6


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def clip_of(frames: Tensor) -> VideoClip:
    return VideoClip(frames, torch.arange(len(frames), dtype=torch.float64))


@dataclass(frozen=True, eq=False)
class Partition:
    """Regions by label; ``hidden`` is read under another name than the shortcut looks for."""

    hidden: Tensor

    @property
    def n_features(self) -> int:
        return int(self.hidden.max()) + 1

    def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
        return present[:, self.hidden].float()

    def paint(self, scores: Tensor) -> Tensor:
        return scores[self.hidden]


@dataclass(frozen=True, eq=False)
class Labelled(Partition):
    """The same, with the labels in the open."""

    @property
    def labels(self) -> Tensor:
        return self.hidden


@dataclass(frozen=True, eq=False)
class Weighted:
    """Cells (D, T, H, W) that fade into each other; they sum to 1 everywhere."""

    cells: Tensor

    @property
    def n_features(self) -> int:
        return len(self.cells)

    def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
        return torch.einsum("nd,dthw->nthw", present.float(), self.cells)

    def paint(self, scores: Tensor) -> Tensor:
        return torch.einsum("d,dthw->thw", scores, self.cells.to(scores))


@dataclass(frozen=True, eq=False)
class Windows:
    """Overlapping boxes (D, T, H, W); an absent one takes all of its voxels away."""

    boxes: Tensor

    @property
    def n_features(self) -> int:
        return len(self.boxes)

    def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
        return 1 - torch.einsum("nd,dthw->nthw", 1 - present.float(), self.boxes).clamp(max=1)

    def paint(self, scores: Tensor) -> Tensor:
        boxes = self.boxes.to(scores)
        return torch.einsum("d,dthw->thw", scores, boxes) / boxes.sum(0).clamp(min=1)


def blocks() -> Tensor:
    """Labels of a 2 × 2 × 2 grid."""
    t = torch.arange(T).view(-1, 1, 1) // 3
    y = torch.arange(H).view(1, -1, 1) // 4
    x = torch.arange(W).view(1, 1, -1) // 3
    return t * 4 + y * 2 + x


def fading() -> Weighted:
    # Shares in quarters, so that the cells sum to exactly 1.
    left = (torch.arange(W).clamp(max=4) / 4).expand(T, H, W)
    return Weighted(torch.stack([left, 1 - left]))


def windows(*, margin: int = 0) -> Windows:
    boxes = torch.zeros(3, T, H, W)
    boxes[0, :, :5, : W - margin] = 1
    boxes[1, :3, 3:] = 1
    boxes[2, 2:, 3:, : W - margin] = 1
    return Windows(boxes)


FRAMES = random(T, 3, H, W, seed=1)
CLIP = clip_of(FRAMES)

FILLS: list[Fill] = [
    Constant(),
    Constant(0.5),
    Constant((1.0, 0.25, 0.0)),
    RegionMean(),
    FrameMean(),
    ClipMean(),
    Blur(2.0),
    Blur3D(1.5, 0.8),
    Inpaint(2.0),
    NoisyLinear(),
    FreezeLast(),
    Interpolate(),
    ShuffleFrames(3),
    MedianBackground(),
    OtherClip(random(T, 3, H, W, seed=2)),
]
EDGES: list[Edges] = [Own(), Hard(), Feathered(0.7, sigma_time=1.2)]
SEGMENTATIONS: list[Segmentation] = [
    Partition(blocks()),
    Labelled(blocks()),
    fading(),
    windows(),
    windows(margin=1),
]


def name(part: Any) -> str:
    return type(part).__name__


def name_edges(edges: Edges) -> str:
    return repr(edges)


every_fill = pytest.mark.parametrize("fill", FILLS, ids=name)
every_edge = pytest.mark.parametrize("edges", EDGES, ids=name_edges)
every_segmentation = pytest.mark.parametrize("segmentation", SEGMENTATIONS, ids=name)


def keeps(segmentation: Segmentation, n: int = 4, seed: int = 0) -> Tensor:
    """Random coalitions, seen as keeps."""
    present = random(n, segmentation.n_features, seed=seed) > 0.5
    return segmentation.keep(present, torch.zeros(n, 3))


def fill_for(
    fill: Fill, segmentation: Segmentation, keep: Tensor, clip: VideoClip = CLIP
) -> Tensor:
    """The fill that some keeps get, at full size."""
    made = fill(clip, segmentation)
    return (made if isinstance(made, Tensor) else made(keep)).expand(len(keep), *clip.shape)


# ---------------------------------------------------------------- laws of fills and edges together


@every_segmentation
@every_edge
@every_fill
def test_all_present_is_the_clip_itself(
    fill: Fill, edges: Edges, segmentation: Segmentation
) -> None:
    present = torch.ones(2, segmentation.n_features, dtype=torch.bool)
    for opacity in (1.0, 0.3):
        removal = Remove(fill, edges, opacity)
        keep = removal.soften(segmentation.keep(present, torch.zeros(2, 3)))
        perturbed = removal(CLIP, segmentation)(keep)
        assert torch.equal(perturbed, FRAMES.expand(2, -1, -1, -1, -1))


@pytest.mark.parametrize("segmentation", SEGMENTATIONS[:4], ids=name)
@every_edge
@every_fill
def test_none_present_is_the_fill(fill: Fill, edges: Edges, segmentation: Segmentation) -> None:
    removal = Remove(fill, edges)
    absent = torch.zeros(1, segmentation.n_features, dtype=torch.bool)
    keep = removal.soften(segmentation.keep(absent, torch.zeros(1, 3)))
    assert torch.equal(keep, torch.zeros(1, T, H, W))
    perturbed = removal(CLIP, segmentation)(keep)
    assert torch.equal(perturbed, fill_for(fill, segmentation, keep))


@every_segmentation
@every_edge
@every_fill
def test_blend_is_the_formula_and_rows_are_independent(
    fill: Fill, edges: Edges, segmentation: Segmentation
) -> None:
    removal = Remove(fill, edges)
    keep = removal.soften(keeps(segmentation))
    remover = removal(CLIP, segmentation)
    perturbed = remover(keep)
    shares = keep.unsqueeze(2)
    expected = shares * FRAMES + (1 - shares) * fill_for(fill, segmentation, keep)
    torch.testing.assert_close(perturbed, expected, rtol=0, atol=2e-7)
    assert perturbed.dtype == torch.float32
    assert 0 <= perturbed.min() <= perturbed.max() <= 1
    alone = torch.cat([remover(row.unsqueeze(0)) for row in keep])
    assert torch.equal(alone, perturbed)
    one_by_one = torch.cat([removal.soften(row.unsqueeze(0)) for row in keeps(segmentation)])
    torch.testing.assert_close(one_by_one, keep, rtol=0, atol=1e-7)


@every_fill
def test_remover_leaves_its_inputs_alone(fill: Fill) -> None:
    segmentation = Partition(blocks())
    other = fill.frames.clone() if isinstance(fill, OtherClip) else None
    keep = keeps(segmentation)
    before, frames = keep.clone(), FRAMES.clone()
    remover = Remove(fill)(CLIP, segmentation)
    first = remover(keep).clone()
    assert torch.equal(remover(keep), first)
    assert torch.equal(keep, before)
    assert torch.equal(FRAMES, frames)
    if isinstance(fill, OtherClip):
        assert other is not None
        assert torch.equal(fill.frames, other)


@every_fill
def test_transparency_lies_between_the_clip_and_the_fill(fill: Fill) -> None:
    segmentation = Partition(blocks())
    keep = keeps(segmentation)
    opaque, clear = Remove(fill), Remove(fill, opacity=0.4)
    applied = clear.soften(keep)
    torch.testing.assert_close(applied, 0.6 + 0.4 * keep)
    # An absent voxel keeps 0.6 of itself, yet the fill must still know that it is absent.
    expected = 0.6 * FRAMES + 0.4 * opaque(CLIP, segmentation)(keep)
    torch.testing.assert_close(clear(CLIP, segmentation)(applied), expected, rtol=0, atol=3e-7)


@every_fill
def test_opacity_zero_removes_nothing(fill: Fill) -> None:
    segmentation = Partition(blocks())
    removal = Remove(fill, opacity=0.0)
    keep = removal.soften(keeps(segmentation))
    assert torch.equal(removal(CLIP, segmentation)(keep), FRAMES.expand(4, -1, -1, -1, -1))


@every_fill
def test_works_without_gradients_and_on_strided_frames(fill: Fill) -> None:
    segmentation = Partition(blocks())
    keep = keeps(segmentation)
    channels_last = FRAMES.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    with torch.inference_mode():
        perturbed = Remove(fill)(clip_of(channels_last), segmentation)(keep)
    expected = Remove(fill)(CLIP, segmentation)(keep)
    torch.testing.assert_close(perturbed, expected, rtol=0, atol=1e-6)


@every_fill
def test_parts_survive_the_archive(fill: Fill) -> None:
    part = Remove(fill, Feathered(2.0), 0.5)
    tensors: dict[str, Tensor] = {}
    tree = encode(part, "part", tensors)
    classes = {n: getattr(removal, n) for n in removal.__all__}
    back = decode(tree, tensors.__getitem__, classes)
    segmentation = Partition(blocks())
    keep = part.soften(keeps(segmentation))
    again = back(CLIP, segmentation)(back.soften(keeps(segmentation)))
    assert torch.equal(again, part(CLIP, segmentation)(keep))


def test_defaults_are_those_of_the_paper() -> None:
    assert Remove() == Remove(Constant(0.0), Own(), 1.0)
    segmentation = Partition(blocks())
    keep = keeps(segmentation)
    black = Remove()(CLIP, segmentation)(Remove().soften(keep))
    assert torch.equal(black, FRAMES * keep.unsqueeze(2))


# ------------------------------------------------------------------------------------------- edges


def test_own_edges_are_the_keep_itself() -> None:
    keep = random(2, T, H, W)
    assert Own()(keep) is keep


def test_hard_edges_cut_at_one_half() -> None:
    keep = torch.tensor([0.0, 0.49, 0.5, 0.51, 1.0]).view(1, 5, 1, 1)
    assert Hard()(keep).flatten().tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("sigma", "sigma_time"), [(0.8, 0.0), (2.0, 1.5), (15.0, 9.0)])
def test_feathered_edges_equal_scipy(sigma: float, sigma_time: float) -> None:
    keep = (random(2, T, H, W) > 0.6).float()
    expected = scipy.ndimage.gaussian_filter(keep.numpy(), (0, sigma_time, sigma, sigma))
    soft = Feathered(sigma, sigma_time=sigma_time)(keep)
    torch.testing.assert_close(soft, torch.from_numpy(expected), rtol=0, atol=2e-5)


def test_feathered_edges_of_a_half_plane_follow_the_normal_law() -> None:
    keep = torch.zeros(1, 1, 64, 64)
    keep[..., 32:] = 1
    soft = Feathered(4.0)(keep)[0, 0, 20]
    distance = torch.arange(64, dtype=torch.float64) - 31.5
    normal = 0.5 * (1 + torch.erf(distance / (4 * math.sqrt(2))))
    torch.testing.assert_close(soft.double(), normal, rtol=0, atol=1e-3)
    assert soft[:10].eq(0).all()  # far away nothing fades at all
    assert soft[54:].eq(1).all()


def test_feathered_edges_keep_the_share_that_stays() -> None:
    keep = (random(3, T, H, W) > 0.5).float()
    soft = Feathered(3.0, sigma_time=2.0)(keep)
    torch.testing.assert_close(soft.mean((1, 2, 3)), keep.mean((1, 2, 3)))


# --------------------------------------------------------------------------------- fills in space


def static(fill: Fill, clip: VideoClip, segmentation: Segmentation | None = None) -> Tensor:
    made = fill(clip, segmentation or Partition(blocks()))
    assert isinstance(made, Tensor)
    return made.expand(clip.shape)


def test_constant_colors() -> None:
    assert static(Constant(), CLIP).eq(0).all()
    assert static(Constant(0.5), CLIP).eq(0.5).all()
    color = static(Constant((0.1, 0.2, 0.3)), CLIP)
    torch.testing.assert_close(color[2, :, 4, 1], torch.tensor([0.1, 0.2, 0.3]))


def test_frame_mean_and_clip_mean() -> None:
    frames = FRAMES.numpy().astype(np.float64)
    per_frame = np.broadcast_to(frames.mean((2, 3), keepdims=True), frames.shape)
    np.testing.assert_allclose(static(FrameMean(), CLIP), per_frame, atol=1e-6)
    per_clip = np.broadcast_to(frames.mean((0, 2, 3), keepdims=True), frames.shape)
    np.testing.assert_allclose(static(ClipMean(), CLIP), per_clip, atol=1e-6)


@every_segmentation
def test_region_mean_equals_the_slow_version(segmentation: Segmentation) -> None:
    fast = static(RegionMean(), CLIP, segmentation)
    torch.testing.assert_close(fast, region_mean(FRAMES, segmentation), rtol=0, atol=1e-6)


def test_region_mean_streams_over_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vexplain.removal.fills.FOOTPRINT_VOXELS", 3 * T * H * W)
    rows: list[int] = []

    @dataclass(frozen=True, eq=False)
    class Counting(Partition):
        def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
            rows.append(len(present))
            assert jitter.eq(0.5).all()
            return super().keep(present, jitter)

    in_chunks = static(RegionMean(), CLIP, Counting(blocks()))
    assert rows == [3, 3, 2]
    torch.testing.assert_close(in_chunks, static(RegionMean(), CLIP, Labelled(blocks())))


def test_region_mean_keeps_the_mean_of_the_clip_and_of_flat_regions() -> None:
    labels = blocks()
    fill = static(RegionMean(), CLIP, Labelled(labels))
    torch.testing.assert_close(fill.mean((0, 2, 3)), FRAMES.mean((0, 2, 3)))
    flat = (labels / 8).unsqueeze(1).repeat(1, 3, 1, 1)
    torch.testing.assert_close(static(RegionMean(), clip_of(flat), Labelled(labels)), flat)


def test_region_mean_survives_gaps_in_the_labels() -> None:
    labels = blocks() * 2  # odd labels own no voxel
    labels[0, 0, 0] = -1  # nor is this one owned
    fill = RegionMean()(CLIP, Labelled(labels))
    assert isinstance(fill, Tensor)
    own = labels == 4
    torch.testing.assert_close(fill[:, 1][own], FRAMES[:, 1][own].mean().expand(int(own.sum())))


@pytest.mark.parametrize("segmentation", [Partition, Labelled])
def test_region_mean_of_a_large_region_is_not_lost_to_rounding(
    segmentation: type[Partition],
) -> None:
    frames = random(8, 3, 160, 160) * 0.01 + 0.99
    labels = torch.zeros(8, 160, 160, dtype=torch.int64)
    fill = static(RegionMean(), clip_of(frames), segmentation(labels))
    expected = frames.double().mean((0, 2, 3)).float()
    torch.testing.assert_close(fill[0, :, 0, 0], expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 3.0, 40.0])
def test_blur_equals_scipy(sigma: float) -> None:
    expected = scipy.ndimage.gaussian_filter(FRAMES.numpy(), (0, 0, sigma, sigma))
    np.testing.assert_allclose(static(Blur(sigma), CLIP), expected, atol=1e-6)


@pytest.mark.parametrize(("sigma_space", "sigma_time"), [(1.0, 0.5), (2.5, 1.0), (0.6, 12.0)])
def test_blur_3d_equals_scipy(sigma_space: float, sigma_time: float) -> None:
    sigmas = (sigma_time, 0, sigma_space, sigma_space)
    expected = scipy.ndimage.gaussian_filter(FRAMES.numpy(), sigmas)
    np.testing.assert_allclose(static(Blur3D(sigma_space, sigma_time), CLIP), expected, atol=1e-6)


def test_a_blur_wider_than_the_clip_is_its_mean() -> None:
    wide = static(Blur3D(500.0, 500.0), CLIP)
    torch.testing.assert_close(wide, static(ClipMean(), CLIP))


def inpainted(frames: Tensor, keep: Tensor) -> Tensor:
    return fill_for(Inpaint(3.0), Partition(blocks()), keep, clip_of(frames))


def test_inpaint_continues_what_surrounds_the_hole() -> None:
    column = torch.arange(32) / 40
    frames = column.view(1, 1, 1, -1).repeat(2, 3, 32, 1)
    frames[:, 1] = 0.6
    frames[:, :, 12:18, 12:18] = 0.0  # what is to be removed leaves no trace
    keep = torch.ones(1, 2, 32, 32)
    keep[0, 0, 12:18, 12:18] = 0
    fill = inpainted(frames, keep)[0]
    hole = fill[0, :, 12:18, 12:18]
    torch.testing.assert_close(hole[1], torch.full((6, 6), 0.6), rtol=0, atol=0.01)
    assert column[11] - 0.03 <= hole[0].min() <= hole[0].max() <= column[18] + 0.03
    assert hole[0, :, -1].min() > hole[0, :, 0].max()  # it still brightens to the right
    assert torch.equal(fill[1], frames[1])
    outside = keep[0, 0] == 1
    assert torch.equal(fill[0][:, outside], frames[0][:, outside])


def test_inpaint_of_a_whole_frame_is_the_mean_of_the_clip() -> None:
    keep = torch.ones(1, T, H, W)
    keep[0, 2] = 0.0
    fill = inpainted(FRAMES, keep)[0]
    assert torch.equal(fill[2], static(ClipMean(), CLIP)[2])
    assert torch.equal(fill[3], FRAMES[3])


def test_other_clip_says_how_to_fit() -> None:
    other = OtherClip(random(T, 3, H + 1, W))
    with pytest.raises(ValueError, match=r"shape \(T, C, H, W\) = \(5, 3, 8, 6\).*ClipSpec"):
        other(CLIP, Partition(blocks()))


# ---------------------------------------------------------------------------------- fills in time


@pytest.mark.parametrize(
    ("fill", "slow"), [(FreezeLast(), frozen), (Interpolate(), interpolated)], ids=name
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_fills_in_time_equal_the_slow_versions(
    fill: Fill, slow: Callable[[Tensor, Tensor], Tensor], data: st.DataObject
) -> None:
    n_frames = data.draw(st.integers(1, 7))
    places = n_frames * 4
    levels = st.lists(st.sampled_from([0.0, 0.49, 0.5, 1.0]), min_size=places, max_size=places)
    keep = torch.tensor(data.draw(levels)).view(1, n_frames, 2, 2)
    frames = random(n_frames, 3, 2, 2, seed=data.draw(st.integers(0, 99)))
    fast = fill_for(fill, Partition(blocks()), keep, clip_of(frames))
    torch.testing.assert_close(fast[0], slow(frames, keep[0]), rtol=0, atol=1e-6)


def in_time(fill: Fill, shown: str) -> list[float]:
    """One pixel that brightens by 0.1 a frame from 0, present where ``shown`` holds a 1."""
    n_frames = len(shown)
    ramp = (torch.arange(n_frames) / 10).view(-1, 1, 1, 1).repeat(1, 3, 1, 1)
    keep = torch.tensor([float(c) for c in shown]).view(1, -1, 1, 1)
    labels = torch.zeros(n_frames, 1, 1, dtype=torch.int64)
    remover = Remove(fill)(clip_of(ramp), Partition(labels))
    return [round(10 * float(v), 5) for v in remover(keep)[0, :, 0, 0, 0]]


def test_freeze_last_by_hand() -> None:
    assert in_time(FreezeLast(), "110010") == [0, 1, 1, 1, 4, 4]
    assert in_time(FreezeLast(), "001000") == [2, 2, 2, 2, 2, 2]
    assert in_time(FreezeLast(), "00000") == [2, 2, 2, 2, 2]  # the mean


def test_interpolate_by_hand() -> None:
    # On a ramp only the ends can show that something is missing.
    assert in_time(Interpolate(), "010001") == [1, 1, 2, 3, 4, 5]
    assert in_time(Interpolate(), "001000") == [2, 2, 2, 2, 2, 2]
    assert in_time(Interpolate(), "00000") == [2, 2, 2, 2, 2]


@given(n_frames=st.integers(2, 40), seed=st.integers(0, 10_000))
def test_shuffled_frames_all_leave_their_place(n_frames: int, seed: int) -> None:
    numbers = torch.arange(n_frames) / n_frames
    clip = clip_of(numbers.view(-1, 1, 1, 1).repeat(1, 3, 1, 1))
    state = torch.get_rng_state()
    shuffled = static(ShuffleFrames(seed), clip)[:, 0, 0, 0]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(shuffled.sort().values, numbers)
    assert (shuffled != numbers).all()
    assert torch.equal(static(ShuffleFrames(seed), clip)[:, 0, 0, 0], shuffled)


def test_shuffle_depends_on_the_seed() -> None:
    orders = {tuple(static(ShuffleFrames(s), CLIP)[:, 0, 0, 0].tolist()) for s in range(200)}
    assert len(orders) == 24  # (T − 1)! orders are one cycle


@pytest.mark.parametrize("n_frames", [2, 5, 8])
def test_median_background_equals_numpy(n_frames: int) -> None:
    frames = random(n_frames, 3, H, W)
    expected = np.broadcast_to(np.median(frames.numpy(), axis=0), frames.shape)
    np.testing.assert_allclose(static(MedianBackground(), clip_of(frames)), expected, atol=1e-7)


def test_median_background_removes_what_passes_by() -> None:
    scene = random(1, 3, H, W).repeat(T, 1, 1, 1)
    frames = scene.clone()
    for t in range(T):
        frames[t, :, :, t] = 1.0  # a white bar moves a column per frame
    assert torch.equal(static(MedianBackground(), clip_of(frames)), scene)


@pytest.mark.parametrize("fill", [ShuffleFrames(), MedianBackground()], ids=name)
def test_one_frame_has_no_other_moments(fill: Fill) -> None:
    clip = clip_of(FRAMES[:1])
    with pytest.warns(VexplainWarning, match="changes nothing in a clip of one frame"):
        assert torch.equal(static(fill, clip), clip.frames)


# -------------------------------------------------------------------------------------- validation

BAD: list[tuple[str, Callable[[], object]]] = [
    ("color", lambda: Constant(128.0)),
    ("color", lambda: Constant(math.nan)),
    ("color", lambda: Constant((0.1, -0.1, 0.2))),
    ("color", lambda: Constant((0.1, math.nan, 0.2))),
    ("sigma", lambda: Blur(0.0)),
    ("sigma", lambda: Blur(math.nan)),
    ("sigma", lambda: Blur(math.inf)),
    ("sigma_space", lambda: Blur3D(-1.0, 1.0)),
    ("sigma_time", lambda: Blur3D(1.0, 0.0)),
    ("radius", lambda: Inpaint(0.0)),
    ("radius", lambda: Inpaint(math.nan)),
    ("sigma", lambda: Feathered(0.0)),
    ("sigma_time", lambda: Feathered(1.0, sigma_time=-1.0)),
    ("sigma_time", lambda: Feathered(1.0, sigma_time=math.nan)),
    ("seed", lambda: ShuffleFrames(-1)),
    ("seed", lambda: ShuffleFrames(True)),
    ("opacity", lambda: Remove(opacity=1.1)),
    ("opacity", lambda: Remove(opacity=-0.1)),
    ("opacity", lambda: Remove(opacity=math.nan)),
    ("frames", lambda: OtherClip(torch.full((1, 3, 2, 2), 255.0))),
    ("frames", lambda: OtherClip(torch.full((1, 3, 2, 2), math.nan))),
]


@pytest.mark.parametrize(("argument", "build"), BAD)
def test_bad_values_are_named(argument: str, build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}: expected"):
        build()
