import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

from reference.slow_segmentation import slic_labels, soft_keep, window_boxes
from vexplain import segmentation as step
from vexplain.core import Segmentation, Segmenter, VideoClip
from vexplain.core.archive import decode, encode
from vexplain.segmentation import (
    CompactWatershed,
    Felzenszwalb,
    Flow,
    FrameSegmenter,
    FromLabels,
    Grid,
    Grid2D,
    LabelRegions,
    PerFrame,
    Quickshift,
    Slic,
    Slic2D,
    SlidingWindow,
    SoftCells,
    SoftGrid,
    Windows,
    relabel,
)
from vexplain.segmentation.connect import components, connect
from vexplain.segmentation.flow import flow_between
from vexplain.segmentation.slic import cluster, lab_colours, seed_lattice, voxel_features
from vexplain.segmentation.windows import window_edges

SHAPES = [(1, 9, 14), (2, 16, 11), (5, 13, 17), (7, 24, 10)]

FRAME_SEGMENTERS: list[FrameSegmenter] = [
    Grid2D(2, 3),
    Slic2D(n_regions=6),
    Felzenszwalb(scale=10, smallest=8),
    Quickshift(kernel_size=2, max_distance=5),
    CompactWatershed(n_regions=6),
]

SEGMENTERS: list[Segmenter] = [
    Grid(1, 3, 2),
    Slic(n_regions=12),
    Slic(n_regions=20, compactness=1, time_spacing=1, iterations=2),
    SoftGrid(2, 3, 4),
    SoftGrid(shifted=False),
    SlidingWindow(),
    SlidingWindow(boxes=(2, 3, 3), stride=0.8),
    Flow(first=Grid2D(2, 3)),
    Flow(refresh=2, new_content=0.0, cut_threshold=0.9),
    *(PerFrame(part) for part in FRAME_SEGMENTERS),
    *(Flow(first=part) for part in FRAME_SEGMENTERS[1:]),
]


def make_clip(shape: tuple[int, int, int], seed: int = 0) -> VideoClip:
    """A smooth coloured texture that drifts, with a little noise."""
    n_frames, height, width = shape
    draw = np.random.default_rng(seed)
    canvas = cv2.GaussianBlur(draw.random((height, width + n_frames, 3)), (0, 0), 2)
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min())
    frames = np.stack([canvas[:, t : t + width] for t in range(n_frames)])
    frames = (frames + 0.02 * draw.random(frames.shape)).clip(0, 1)
    return clip_of(torch.from_numpy(frames).float().permute(0, 3, 1, 2))


def clip_of(frames: Tensor) -> VideoClip:
    return VideoClip(frames, torch.arange(len(frames)).double())


def no_jitter(n: int) -> Tensor:
    return torch.zeros(n, 3)


def labels_of(segmentation: Segmentation) -> Tensor:
    assert isinstance(segmentation, LabelRegions)
    return segmentation.labels


def random_rows(n: int, n_features: int) -> Tensor:
    return torch.rand(n, n_features, generator=torch.Generator().manual_seed(n)) < 0.5


# -- laws that hold for every kind --------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("segmenter", SEGMENTERS, ids=repr)
def test_laws(segmenter: Segmenter, shape: tuple[int, int, int]) -> None:
    clip = make_clip(shape)
    segmentation = segmenter(clip)
    n_features = segmentation.n_features
    present = torch.stack([torch.ones(n_features), torch.zeros(n_features)]).bool()
    jitter = torch.tensor([[0.0, 0.3, 0.99], [0.5, 0.7, 0.1]])
    keep = segmentation.keep(present, jitter)
    assert keep.shape == (2, *shape)
    assert keep.dtype == torch.float32
    torch.testing.assert_close(keep[0], torch.ones(shape))
    assert not keep[1].any()
    ones = segmentation.paint(torch.ones(n_features, dtype=torch.float64))
    torch.testing.assert_close(ones, torch.ones(shape, dtype=torch.float64))


@pytest.mark.parametrize("segmenter", SEGMENTERS, ids=repr)
def test_rows_are_in_range_repeatable_and_independent(segmenter: Segmenter) -> None:
    clip = make_clip((5, 13, 17))
    first, second = segmenter(clip), segmenter(clip)
    assert first.n_features == second.n_features
    present = random_rows(6, first.n_features)
    jitter = torch.rand(6, 3, generator=torch.Generator().manual_seed(0))
    keep = first.keep(present, jitter)
    assert keep.min() >= 0
    assert keep.max() <= 1
    assert torch.equal(keep, second.keep(present, jitter))
    one_by_one = [first.keep(present[i : i + 1], jitter[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(keep, torch.cat(one_by_one))
    assert keep.flatten(1).std(0).max() > 0


@pytest.mark.parametrize("segmenter", SEGMENTERS, ids=repr)
def test_every_feature_matters(segmenter: Segmenter) -> None:
    segmentation = segmenter(make_clip((5, 24, 17)))
    n_features = segmentation.n_features
    only_one_absent = ~torch.eye(n_features, dtype=torch.bool)
    keep = segmentation.keep(only_one_absent, no_jitter(n_features))
    assert bool((keep < 1).flatten(1).any(1).all())


@pytest.mark.parametrize("segmenter", SEGMENTERS, ids=repr)
def test_paint_is_linear_and_in_the_dtype_of_the_scores(segmenter: Segmenter) -> None:
    segmentation = segmenter(make_clip((5, 13, 17)))
    one, other = torch.randn(
        2, segmentation.n_features, generator=torch.Generator().manual_seed(1)
    ).double()
    total = segmentation.paint(2 * one + other)
    assert total.dtype == torch.float64
    torch.testing.assert_close(total, 2 * segmentation.paint(one) + segmentation.paint(other))


@pytest.mark.parametrize("segmenter", SEGMENTERS, ids=repr)
def test_segmenters_and_segmentations_are_rebuilt_from_their_fields(segmenter: Segmenter) -> None:
    segmentation = segmenter(make_clip((5, 13, 17)))
    registry = {name: getattr(step, name) for name in step.__all__}
    tensors: dict[str, Tensor] = {}
    tree = json.loads(json.dumps([encode(x, "x", tensors) for x in (segmenter, segmentation)]))
    part, regions = (decode(branch, tensors.__getitem__, registry) for branch in tree)
    assert part == segmenter
    present = random_rows(3, segmentation.n_features)
    jitter = torch.full((3, 3), 0.25)
    assert torch.equal(regions.keep(present, jitter), segmentation.keep(present, jitter))


# -- partitions ---------------------------------------------------------------------------------


def test_label_regions_follow_their_labels() -> None:
    labels = torch.tensor([[[0, 2], [1, 1]], [[2, 2], [0, 1]]])
    regions = LabelRegions(labels, 3)
    keep = regions.keep(torch.tensor([[True, False, True]]), no_jitter(1))
    assert torch.equal(keep[0], torch.tensor([[[1.0, 1], [0, 0]], [[1, 1], [1, 0]]]))
    painted = regions.paint(torch.tensor([0.5, -1.0, 3.0]))
    assert torch.equal(painted, torch.tensor([[[0.5, 3], [-1, -1]], [[3, 3], [0.5, -1]]]))


@pytest.mark.parametrize(
    ("labels", "n_features", "words"),
    [([[[0, 2]]], 3, "1 own none"), ([[[0, 3]]], 3, "got 0..3"), ([[[-1, 0]]], 1, "got -1..0")],
)
def test_label_regions_refuse_gaps(
    labels: list[list[list[int]]], n_features: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        LabelRegions(torch.tensor(labels), n_features)


def test_relabel_closes_gaps_in_order() -> None:
    labels = torch.tensor([[[7, 3, 7], [100, 3, 12]]])
    assert relabel(labels).tolist() == [[[1, 0, 1], [3, 0, 2]]]


@pytest.mark.parametrize("length", [7, 10, 16, 23])
def test_grid_cells_are_near_equal_boxes(length: int) -> None:
    regions = Grid(1, 7, 3)(make_clip((2, length, 8)))
    labels = labels_of(regions)
    assert regions.n_features == 21
    rows = np.unique(labels[0, :, 0], return_counts=True)[1].tolist()
    assert len(rows) == 7
    assert max(rows) - min(rows) <= 1
    assert torch.equal(labels[0], labels[1])
    assert bool((labels.diff(dim=1) >= 0).all())
    assert bool((labels.diff(dim=2) >= 0).all())


def test_grid_refuses_more_cells_than_voxels() -> None:
    with pytest.raises(ValueError, match="t: expected at most 2 cells"):
        Grid(4, 3, 3)(make_clip((2, 9, 9)))


def test_from_labels_takes_arrays_and_tensors_with_gaps() -> None:
    volume = np.array([5, 0, 5, 9] * 6).reshape(2, 3, 4)
    clip = make_clip((2, 3, 4))
    for labels in (volume.astype(np.uint16), torch.from_numpy(volume).int(), volume[:, ::-1]):
        regions = FromLabels(labels)(clip)
        assert regions.n_features == 3
        assert regions.labels[0, 0].tolist() == [1, 0, 1, 2]


def test_from_labels_keeps_a_copy() -> None:
    volume = np.zeros((1, 2, 2), dtype=np.int64)
    part = FromLabels(volume)
    volume[0, 0, 0] = 1
    assert part(make_clip((1, 2, 2))).n_features == 1


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (np.zeros((2, 3, 4)), TypeError, "whole numbers, got float64"),
        (torch.zeros(2, 3, 4), TypeError, "whole numbers, got torch.float32"),
        (torch.full((2, 3, 4), -2), ValueError, "from 0, got -2"),
        (torch.zeros(3, 4).long(), ValueError, r"axes \(T, H, W\)"),
    ],
)
def test_from_labels_refuses(
    labels: Tensor | np.ndarray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        FromLabels(labels)


def test_from_labels_must_fit_the_clip() -> None:
    with pytest.raises(ValueError, match=r"expected shape \(2, 3, 4\)"):
        FromLabels(torch.zeros(2, 4, 3).long())(make_clip((2, 3, 4)))


# -- SLIC ---------------------------------------------------------------------------------------


def n_parts(labels: Tensor) -> int:
    """The number of 6-connected parts of equal label."""
    return int(components(labels.numpy()).max()) + 1


@pytest.mark.parametrize(
    ("shape", "cells"), [((4, 9, 12), (2, 3, 4)), ((5, 7, 10), (2, 3, 3)), ((1, 12, 9), (1, 4, 2))]
)
def test_slic_clusters_as_the_slow_version_does(
    shape: tuple[int, int, int], cells: tuple[int, int, int]
) -> None:
    features = voxel_features(make_clip(shape).frames, cells, 10.0, 2.0)
    fast = cluster(features, shape, cells, 4).view(shape).numpy()
    slow = slic_labels(features.view(-1, *shape).numpy(), shape, cells, 4)
    assert len(np.unique(fast)) > 1
    np.testing.assert_array_equal(fast, slow)


def test_slic_colours_are_cie_lab() -> None:
    frames = make_clip((3, 16, 16)).frames
    frames[0, :, 0] = 0
    expected = rgb2lab(frames.permute(0, 2, 3, 1).double().numpy())
    ours = lab_colours(frames).permute(1, 2, 3, 0).numpy()
    np.testing.assert_allclose(ours, expected, atol=2e-3)


@pytest.mark.parametrize("compactness", [0.1, 10.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_slic_regions_are_connected(shape: tuple[int, int, int], compactness: float) -> None:
    regions = Slic(n_regions=15, compactness=compactness)(make_clip(shape))
    assert n_parts(regions.labels) == regions.n_features


def test_slic_finds_the_borders_of_coloured_blocks() -> None:
    blocks = torch.zeros(8, 3, 32, 32)
    blocks[:4, 0] = 1
    blocks[:, 1, :, 13:] = 0.8
    truth = labels_of(FromLabels((blocks[:, 0] + 2 * (blocks[:, 1] > 0)).long())(clip_of(blocks)))
    regions = Slic(n_regions=16, compactness=1)(clip_of(blocks))
    inside_one_block = [
        len(np.unique(truth[regions.labels == d])) == 1 for d in range(regions.n_features)
    ]
    assert all(inside_one_block)


def test_slic_of_a_flat_clip_is_the_lattice_of_its_seeds() -> None:
    shape = (8, 28, 28)
    regions = Slic(n_regions=196)(clip_of(torch.full((8, 3, 28, 28), 0.5)))
    assert torch.equal(regions.labels, labels_of(Grid(4, 7, 7)(make_clip(shape))))


@pytest.mark.parametrize(
    ("shape", "n_regions", "spacing", "lattice"),
    [
        ((16, 224, 224), 200, 8.0, (4, 7, 7)),
        ((8, 224, 224), 200, 16.0, (4, 7, 7)),
        ((16, 224, 224), 200, 1.0, (1, 14, 14)),
        ((16, 224, 224), 200, 1000.0, (16, 4, 3)),
        ((1, 100, 200), 50, 1.0, (1, 5, 10)),
    ],
)
def test_seeds_are_about_as_far_apart_in_time_as_in_space(
    shape: tuple[int, int, int], n_regions: int, spacing: float, lattice: tuple[int, int, int]
) -> None:
    assert seed_lattice(shape, n_regions, spacing) == lattice


def test_time_spacing_decides_between_tubes_and_slices() -> None:
    clip = make_clip((8, 32, 32))
    lasts = []
    for spacing in (0.5, 1000.0):
        labels = Slic(n_regions=32, time_spacing=spacing)(clip).labels
        frames = [len(set(torch.nonzero(labels == d)[:, 0].tolist())) for d in np.unique(labels)]
        lasts.append(float(np.median(frames)))
    assert lasts == [8.0, 1.0]


def test_slic_refuses_more_regions_than_voxels() -> None:
    with pytest.raises(ValueError, match="n_regions: expected at most one per voxel, got 200"):
        Slic()(make_clip((2, 2, 2)))


def test_connect_gives_stray_parts_to_the_region_they_touch_most() -> None:
    labels = np.array(
        [[[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 2], [3, 3, 0, 1, 1, 2]]]
    )
    expected = np.array(
        [[[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 2], [3, 3, 0, 1, 1, 2]]]
    )
    np.testing.assert_array_equal(connect(labels), expected)
    np.testing.assert_array_equal(connect(labels, smallest=1), labels)


def test_connect_weighs_faces_by_their_area() -> None:
    labels = np.repeat(np.arange(4), 25).reshape(4, 5, 5)
    labels[1, 1:4, 1:4] = 3  # 12 faces in its frame, 9 to each frame beside it
    for spacing, owner in ((0.7, 0), (0.8, 1)):
        connected = connect(labels, time_spacing=spacing)
        assert set(connected[1, 1:4, 1:4].flatten().tolist()) == {owner}


def test_connect_on_noise_leaves_one_part_per_label() -> None:
    noise = np.random.default_rng(0).integers(0, 6, (5, 20, 20))
    connected = connect(noise)
    assert set(np.unique(connected)) == set(range(6))
    assert n_parts(torch.from_numpy(connected)) == 6
    parts = components(noise)
    for label in range(6):
        sizes = np.bincount(parts[noise == label])
        assert (connected[parts == sizes.argmax()] == label).all()


# -- soft cells ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.3, 0.9, 0.62)])
@pytest.mark.parametrize(
    ("shape", "cells"), [((4, 9, 8), (2, 3, 4)), ((3, 7, 5), (1, 3, 5)), ((1, 6, 11), (1, 2, 7))]
)
def test_soft_cells_are_those_of_rise(
    shape: tuple[int, int, int], cells: tuple[int, int, int], shift: tuple[float, float, float]
) -> None:
    soft = SoftCells(shape, cells)
    present = random_rows(3, soft.n_features)
    keep = soft.keep(present, torch.tensor([shift] * 3))
    for row, values in zip(keep, present, strict=True):
        expected = soft_keep(values.view(cells).long().numpy(), shape, cells, shift)
        np.testing.assert_allclose(row.numpy(), expected, atol=1e-6)


def test_soft_cells_stay_in_the_middle_without_shift() -> None:
    present = random_rows(2, 24)
    still = SoftCells((5, 12, 13), (2, 3, 4), shifted=False)
    moving = SoftCells((5, 12, 13), (2, 3, 4))
    jitter = torch.rand(2, 3, generator=torch.Generator().manual_seed(0))
    middle = moving.keep(present, torch.full((2, 3), 0.5))
    assert torch.equal(still.keep(present, jitter), middle)
    assert not torch.allclose(moving.keep(present, jitter), middle)
    torch.testing.assert_close(moving.paint(present[0].float()), middle[0])


def test_soft_cells_are_symmetric_at_the_middle_shift() -> None:
    scores = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    soft = SoftCells((5, 12, 13), (2, 3, 4))
    mirrored = soft.paint(scores.flip(0, 1, 2).flatten())
    torch.testing.assert_close(mirrored, soft.paint(scores.flatten()).flip(0, 1, 2))


def test_soft_grid_takes_no_more_cells_than_voxels() -> None:
    assert SoftGrid()(make_clip((1, 9, 14))).cells == (1, 7, 7)


# -- windows ------------------------------------------------------------------------------------


def test_the_default_windows_are_the_1183_of_the_paper() -> None:
    windows = SlidingWindow()(clip_of(torch.zeros(16, 3, 224, 224)))
    assert windows.n_features == 1183
    assert set(windows.along_t.sum(0).tolist()) == {4}
    assert set(windows.along_w.sum(0).tolist()) == {32}


def test_windows_remove_and_paint_as_boxes_do() -> None:
    shape, boxes = (4, 12, 18), (2, 3, 3)
    windows = SlidingWindow(boxes=boxes)(make_clip(shape))
    slices = window_boxes(shape, boxes, 0.5)
    assert windows.n_features == len(slices)
    present = torch.rand(4, len(slices), generator=torch.Generator().manual_seed(0)) < 0.9
    keep = windows.keep(present, no_jitter(4))
    scores = torch.randn(len(slices), generator=torch.Generator().manual_seed(1)).double()
    total, count, expected = torch.zeros(shape).double(), torch.zeros(shape), torch.ones(4, *shape)
    for d, box in enumerate(slices):
        total[box] += scores[d]
        count[box] += 1
        for n in range(4):
            if not present[n, d]:
                expected[n][box] = 0
    assert torch.equal(keep, expected)
    torch.testing.assert_close(windows.paint(scores), total / count)


def test_a_voxel_under_no_window_stays_and_is_painted_zero() -> None:
    once = torch.tensor([[True], [False]])
    always = torch.tensor([[True], [True]])
    windows = Windows(always, always, once)
    keep = windows.keep(torch.tensor([[False]]), no_jitter(1))
    assert keep[0, :, :, 0].eq(0).all()
    assert keep[0, :, :, 1].eq(1).all()
    assert windows.paint(torch.tensor([2.0]))[0, 0].tolist() == [2.0, 0.0]


@pytest.mark.parametrize("stride", [0.25, 0.37, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("boxes", [1, 3, 4, 7])
@pytest.mark.parametrize("length", [1, 2, 5, 13, 16, 128])
def test_windows_cover_an_axis(length: int, boxes: int, stride: float) -> None:
    edges = window_edges(length, boxes, stride)
    assert len(set(edges)) == len(edges)
    assert edges[0][0] == 0
    assert edges[-1][1] == length
    assert all(low < high for low, high in edges)
    assert {i for low, high in edges for i in range(low, high)} == set(range(length))


# -- frame by frame, and along the flow ---------------------------------------------------------


@pytest.mark.parametrize("segmenter", FRAME_SEGMENTERS, ids=repr)
def test_per_frame_regions_never_leave_their_frame(segmenter: FrameSegmenter) -> None:
    labels = PerFrame(segmenter)(make_clip((4, 20, 24))).labels
    used = [set(frame.flatten().tolist()) for frame in labels]
    assert all(not one & other for i, one in enumerate(used) for other in used[:i])


@pytest.mark.parametrize("part", [Slic2D(n_regions=12), CompactWatershed(n_regions=12)], ids=repr)
def test_frame_segmenters_find_about_as_many_regions_as_asked(part: FrameSegmenter) -> None:
    frame = make_clip((1, 60, 80)).frames[0].permute(1, 2, 0).numpy()
    assert len(np.unique(part(frame))) == 12


def drifting(speed: float, n_frames: int = 8) -> VideoClip:
    """A textured square that moves right over a still texture, ``speed`` pixels per frame."""
    draw = np.random.default_rng(3)
    back, top = (cv2.GaussianBlur(draw.random((64, 64, 3)), (0, 0), 1.2) for _ in range(2))
    back, top = back * 0.6, 0.4 + top[:24, :24] * 0.6
    frames = []
    for t in range(n_frames):
        shift = np.array([[1, 0, 8 + speed * t], [0, 1, 20]], dtype=np.float32)
        layer = cv2.warpAffine(top, shift, (64, 64))
        cover = cv2.warpAffine(np.ones((24, 24)), shift, (64, 64))[..., None]
        frames.append(layer + (1 - cover) * back)
    return clip_of(torch.from_numpy(np.stack(frames)).float().clamp(0, 1).permute(0, 3, 1, 2))


def square(frame: np.ndarray) -> np.ndarray:
    labels = np.zeros(frame.shape[:2], dtype=np.int64)
    labels[20:44, 8:32] = 1
    return labels


@pytest.mark.parametrize("speed", [0.3, 1.0, 2.5])
def test_flow_carries_a_region_with_its_object(speed: float) -> None:
    regions = Flow(first=square)(drifting(speed))
    last = torch.nonzero(regions.labels[-1] == 1).float()
    middle = last.mean(0)
    assert abs(middle[1] - (8 + 11.5 + 7 * speed)) < 1.5
    assert abs(middle[0] - 31.5) < 1.5
    assert 0.8 * 24**2 < len(last) < 1.2 * 24**2


def test_flow_begins_new_regions_at_a_cut_only() -> None:
    one, other = make_clip((3, 48, 48), seed=1).frames, make_clip((3, 48, 48), seed=2).frames
    labels = Flow(first=Grid2D(3, 3))(clip_of(torch.cat([one, other]))).labels
    before, after = set(labels[:3].flatten().tolist()), set(labels[3:].flatten().tolist())
    assert before == set(range(9))
    assert after == set(range(9, 18))
    blind = Flow(first=Grid2D(3, 3), cut_threshold=1.0, new_content=1.0)
    assert blind(clip_of(torch.cat([one, other]))).n_features == 9


def test_flow_refreshes_every_given_number_of_frames() -> None:
    labels = Flow(first=Grid2D(2, 2), refresh=3)(make_clip((8, 32, 32))).labels
    starts = [0] + [t for t in range(1, 8) if labels[t].min() > labels[t - 1].max()]
    assert starts == [0, 3, 6]


def test_flow_seeds_what_enters_the_frame() -> None:
    draw = np.random.default_rng(5)
    canvas = cv2.GaussianBlur(draw.random((48, 96, 3)), (0, 0), 1.5)
    frames = np.stack([canvas[:, 4 * t : 4 * t + 48] for t in range(9)])
    clip = clip_of(torch.from_numpy(frames).float().permute(0, 3, 1, 2))
    with_seeds = Flow(first=Grid2D(3, 3), new_content=0.03)(clip).labels
    without = Flow(first=Grid2D(3, 3), new_content=1.0)(clip).labels
    assert int(without.max()) == 8
    entered = with_seeds[-1] > 8
    assert entered[:, 36:].float().mean() > 0.8
    assert entered[:, :12].float().mean() < 0.1


@pytest.mark.parametrize(
    ("height", "width"), [(8, 8), (9, 40), (12, 40), (15, 100), (100, 15), (16, 16), (31, 33)]
)
def test_flow_follows_small_frames(height: int, width: int) -> None:
    canvas = cv2.GaussianBlur(np.random.default_rng(3).random((height, width + 1)), (0, 0), 1.5)
    grey = cv2.normalize(canvas, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]
    one, other = np.ascontiguousarray(grey[:, 1:]), np.ascontiguousarray(grey[:, :-1])
    rows, columns = flow_between(one, other)
    assert rows.shape == (height, width)
    assert float(np.median(rows)) == pytest.approx(0, abs=0.2)
    assert float(np.median(columns)) == pytest.approx(1, abs=0.2)
    labels = Flow(first=Grid2D(2, 2))(make_clip((3, height, width))).labels
    assert labels.shape == (3, height, width)


def test_flow_needs_frames_that_a_patch_fits_in() -> None:
    with pytest.raises(ValueError, match="at least 8 x 8"):
        Flow()(make_clip((2, 7, 30)))


# -- what parts refuse --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: Grid(0, 1, 1), "t"),
        (lambda: Grid(1, 1, True), "w"),
        (lambda: SoftGrid(h=-1), "h"),
        (lambda: Slic(n_regions=0), "n_regions"),
        (lambda: Slic(compactness=0), "compactness"),
        (lambda: Slic(time_spacing=-1), "time_spacing"),
        (lambda: Slic(iterations=0), "iterations"),
        (lambda: SlidingWindow(stride=0), "stride"),
        (lambda: SlidingWindow(stride=1.5), "stride"),
        (lambda: SlidingWindow(boxes=(1, 0, 1)), "boxes"),
        (lambda: Flow(refresh=0), "refresh"),
        (lambda: Flow(new_content=2), "new_content"),
        (lambda: Flow(cut_threshold=-0.1), "cut_threshold"),
        (lambda: Grid2D(0, 1), "h"),
        (lambda: Slic2D(compactness=0), "compactness"),
        (lambda: Felzenszwalb(scale=0), "scale"),
        (lambda: Felzenszwalb(sigma=-1), "sigma"),
        (lambda: Quickshift(ratio=2), "ratio"),
        (lambda: CompactWatershed(compactness=-1), "compactness"),
    ],
)
def test_ranges_are_checked(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}: expected"):
        make()


# -- real clips ---------------------------------------------------------------------------------


def read(path: Path, n_frames: int, size: int) -> VideoClip:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (frame := capture.read())[0]:
        frames.append(cv2.resize(frame[1], (size, size), interpolation=cv2.INTER_AREA)[..., ::-1])
    chosen = np.stack(frames)[np.linspace(0, len(frames) - 1, n_frames).round().astype(int)]
    return clip_of(torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 255)


@pytest.mark.parametrize("name", ["biking.avi", "car-shadow.mp4"])
def test_slic_on_real_clips_has_the_regions_asked_for_and_says_when(
    assets: Path, name: str
) -> None:
    clip = read(assets / "clips" / name, 16, 112)
    regions = Slic(n_regions=200)(clip)
    assert 170 <= regions.n_features <= 230
    assert n_parts(regions.labels) == regions.n_features
    frames = torch.stack(
        [regions.labels[t].flatten().bincount(minlength=regions.n_features) for t in range(16)]
    )
    lasts = (frames > 0).sum(0)
    assert lasts.float().median() <= 8
    colours = lab_colours(clip.frames).flatten(1).double()
    means = torch.stack([regions.labels.flatten().bincount(c, regions.n_features) for c in colours])
    means = means / regions.labels.flatten().bincount()
    within = (colours - means[:, regions.labels.flatten()]).square().sum()
    total = (colours - colours.mean(1, keepdim=True)).square().sum()
    assert 1 - within / total > 0.7
