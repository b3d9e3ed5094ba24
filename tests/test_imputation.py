"""Step 4, noisy linear imputation: the direct solve, closed forms, noise, batches and borders."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from reference.imputation import CLIP_WEIGHTS, FRAME_WEIGHTS, Offset, imputed
from vexplain import catalog
from vexplain.core import VexplainWarning, VideoClip
from vexplain.removal import NoisyLinear, Remove
from vexplain.removal.fills import mean_color
from vexplain.removal.imputation import spread
from vexplain.segmentation import FromLabels

EXACT = 1e-3
"""How near the direct solve the documentation promises to be."""


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def clip_of(frames: Tensor) -> VideoClip:
    return VideoClip(frames, torch.arange(len(frames), dtype=torch.float64))


def fill_of(part: NoisyLinear, frames: Tensor, keep: Tensor) -> Tensor:
    """The fill for some keeps; nothing in it looks at the regions."""
    labels = torch.zeros(keep.shape[1:], dtype=torch.int64)
    clip = clip_of(frames)
    fill = part(clip, FromLabels(labels)(clip))
    assert not isinstance(fill, Tensor)
    return fill(keep)


def holes(*shape: int, seed: int = 0) -> Tensor:
    """Keeps (6, T, H, W): boxes at corner, side and centre, scattered voxels, nearly all, one."""
    keep = torch.ones(6, *shape)
    t, y, x = shape
    keep[0, : t // 2 + 1, :4, :3] = 0
    keep[0, t // 2 :, y // 2 :, x // 2 :] = 0
    keep[1, :, 2:-2, 2:-2] = 0
    for row, share in ((2, 0.1), (3, 0.5), (4, 0.97)):
        keep[row] = (random(*shape, seed=seed + row) >= share).float()
    keep[5] = 0
    keep[5, t // 2, 1, 1] = 1
    return keep


@pytest.mark.parametrize(
    ("shape", "weights"),
    [
        ((1, 13, 10), FRAME_WEIGHTS),
        ((1, 1, 9), {(0, 0, -1): 0.5, (0, 0, 1): 0.5}),
        ((2, 7, 5), CLIP_WEIGHTS),
        ((6, 12, 9), CLIP_WEIGHTS),
        ((8, 24, 20), CLIP_WEIGHTS),
    ],
)
def test_equals_the_direct_solve(
    shape: tuple[int, int, int], weights: Mapping[Offset, float]
) -> None:
    frames = random(shape[0], 3, *shape[1:], seed=1)
    keep = holes(*shape) if shape[1] > 1 else (random(4, *shape) > 0.6).float()
    fill = fill_of(NoisyLinear(noise=0), frames, keep)
    slow = torch.stack([imputed(frames, row, weights) for row in keep])
    torch.testing.assert_close(fill, slow, rtol=0, atol=EXACT)


def test_one_frame_of_26_neighbours_is_roads_picture() -> None:
    frames, keep = random(1, 3, 11, 14), holes(1, 11, 14)
    for row in keep:
        slow, flat = imputed(frames, row, CLIP_WEIGHTS), imputed(frames, row, FRAME_WEIGHTS)
        torch.testing.assert_close(slow, flat, rtol=0, atol=1e-6)


def test_weights_of_the_neighbours() -> None:
    impulse = torch.zeros(1, 1, 3, 3, 3)
    impulse[0, 0, 1, 1, 1] = 1
    around = spread(impulse)[0, 0]
    for (t, y, x), weight in CLIP_WEIGHTS.items():
        assert around[1 + t, 1 + y, 1 + x] == pytest.approx(7 * weight)
    flat = spread(impulse[:, :, 1:2])[0, 0]
    for (_, y, x), weight in FRAME_WEIGHTS.items():
        assert flat[0, 1 + y, 1 + x] == pytest.approx(3 * weight)


@pytest.mark.parametrize("axis", [0, 2, 3])
def test_a_ramp_goes_on_through_a_hole(axis: int) -> None:
    line = torch.linspace(0.1, 0.9, 12)
    shape = [1, 1, 1, 1]
    shape[axis] = 12
    frames = line.view(shape).expand(12, 3, 12, 12).clone()
    keep = torch.ones(1, 12, 12, 12)
    keep[:, 3:9, 2:10, 4:8] = 0
    hidden = frames.clone()
    hidden[3:9, :, 2:10, 4:8] = 0  # what is to be removed leaves no trace
    fill = fill_of(NoisyLinear(noise=0), hidden, keep)[0]
    torch.testing.assert_close(fill, frames, rtol=0, atol=EXACT)


def test_wide_holes_converge() -> None:
    shape = (8, 64, 64)
    frames = random(8, 3, 64, 64, seed=2)
    keep = torch.zeros(3, *shape)
    keep[0, 0, 0, 0] = 1
    keep[1, :, :, 0] = 1
    keep[2] = (random(*shape) > 0.998).float()
    fill = fill_of(NoisyLinear(noise=0), frames, keep)
    around = spread(fill.transpose(1, 2)) / spread(torch.ones(1, 1, *shape))
    off = (around - fill.transpose(1, 2)).abs().mul(1 - keep.unsqueeze(1))
    assert off.max() < 1e-4  # every absent voxel is the mean of what stands around it
    torch.testing.assert_close(
        fill[0], frames[0, :, 0, 0].view(1, 3, 1, 1).expand(8, 3, 64, 64), rtol=0, atol=EXACT
    )


def test_stopping_early_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vexplain.removal.imputation.ROUNDS", 1)
    with pytest.warns(VexplainWarning, match="NoisyLinear stopped after 1 rounds"):
        fill_of(NoisyLinear(), random(6, 3, 13, 10), holes(6, 13, 10))


def test_nothing_leaks_out_of_what_is_absent() -> None:
    frames, keep = random(5, 3, 9, 8), holes(5, 9, 8)[:5]
    other = torch.where((keep[3] < 0.5).unsqueeze(1), 1 - frames, frames)
    part = NoisyLinear(noise=0)
    # The mean colour is subtracted and added again: the same up to what the solver leaves.
    fills = [
        fill_of(part, clip, keep[3:4]).mul(keep[3:4].unsqueeze(2) < 0.5) for clip in (frames, other)
    ]
    torch.testing.assert_close(*fills, rtol=0, atol=EXACT)


def test_present_voxels_stay_exactly() -> None:
    frames, keep = random(5, 3, 9, 8), holes(5, 9, 8)
    clip = clip_of(frames)
    segmentation = FromLabels(torch.zeros(5, 9, 8, dtype=torch.int64))(clip)
    perturbed = Remove(NoisyLinear(noise=0.2))(clip, segmentation)(keep)
    present = (keep == 1).unsqueeze(2).expand_as(perturbed)
    assert torch.equal(perturbed[present], frames.expand_as(perturbed)[present])
    assert 0 <= perturbed.min() <= perturbed.max() <= 1


def test_a_keep_of_one_half_is_present() -> None:
    frames = random(3, 3, 6, 6)
    keep = torch.ones(2, 3, 6, 6)
    keep[0, 1, 2:4, 2:4] = 0.5
    keep[1, 1, 2:4, 2:4] = 0.49
    fill = fill_of(NoisyLinear(), frames, keep)
    assert torch.equal(fill[0], frames)
    assert not torch.equal(fill[1], frames)


def test_all_absent_is_the_mean_colour_and_nothing_absent_the_clip() -> None:
    frames = random(4, 3, 7, 6)
    keep = torch.stack([torch.zeros(4, 7, 6), torch.ones(4, 7, 6)])
    bare = fill_of(NoisyLinear(noise=0), frames, keep)
    torch.testing.assert_close(bare[0], mean_color(frames).expand(4, 3, 7, 6))
    assert torch.equal(bare[1], frames)
    assert torch.equal(fill_of(NoisyLinear(), frames, keep)[1], frames)


def test_constant_clips_stay_constant() -> None:
    frames = torch.full((4, 3, 7, 6), 0.3)
    fill = fill_of(NoisyLinear(noise=0), frames, holes(4, 7, 6))
    torch.testing.assert_close(fill, frames.expand_as(fill), rtol=0, atol=1e-6)


def test_the_seed_fixes_the_noise() -> None:
    frames, keep = random(4, 3, 7, 6), holes(4, 7, 6)
    first = fill_of(NoisyLinear(seed=5), frames, keep)
    assert torch.equal(fill_of(NoisyLinear(seed=5), frames, keep), first)
    assert not torch.equal(fill_of(NoisyLinear(seed=6), frames, keep), first)
    # Twice the noise is the same one, twice as strong, over the same means.
    middle = frames / 4 + 0.4
    fills = [fill_of(NoisyLinear(noise=noise), middle, keep) for noise in (0.0, 0.01, 0.02)]
    torch.testing.assert_close(fills[2] - fills[0], 2 * (fills[1] - fills[0]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_noise_has_its_deviation_for_every_voxel_and_channel(noise: float) -> None:
    frames = torch.full((8, 3, 32, 32), 0.5)
    added = fill_of(NoisyLinear(noise=noise), frames, torch.zeros(1, 8, 32, 32))[0] - 0.5
    assert added.std().item() == pytest.approx(noise, rel=0.03)
    assert added.mean().abs() < noise / 30
    channels = torch.corrcoef(added.transpose(0, 1).flatten(1))
    frames_apart = torch.corrcoef(added.flatten(1))
    assert (channels - torch.eye(3)).abs().max() < 0.05
    assert (frames_apart - torch.eye(8)).abs().max() < 0.1


def test_strong_noise_stays_in_range() -> None:
    fill = fill_of(NoisyLinear(noise=3.0), random(4, 3, 7, 6), torch.zeros(1, 4, 7, 6))
    assert fill.min() == 0
    assert fill.max() == 1


def test_rows_do_not_depend_on_each_other() -> None:
    frames, keep = random(6, 3, 13, 10), holes(6, 13, 10)
    together = fill_of(NoisyLinear(), frames, keep)
    alone = torch.cat([fill_of(NoisyLinear(), frames, row.unsqueeze(0)) for row in keep])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-6)
    backwards = fill_of(NoisyLinear(), frames, keep.flip(0)).flip(0)
    torch.testing.assert_close(backwards, together, rtol=0, atol=1e-6)


def test_few_rows_at_once_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, keep = random(6, 3, 13, 10), holes(6, 13, 10)
    together = fill_of(NoisyLinear(), frames, keep)
    for values in (1, 4 * frames.numel()):
        monkeypatch.setattr("vexplain.removal.imputation.VALUES", values)
        parted = fill_of(NoisyLinear(), frames, keep)
        torch.testing.assert_close(parted, together, rtol=0, atol=1e-6)


def test_the_fill_is_fresh() -> None:
    frames, keep = random(4, 3, 7, 6), holes(4, 7, 6)
    before = frames.clone()
    fill = fill_of(NoisyLinear(), frames, keep)
    assert fill.shape == (6, 4, 3, 7, 6)
    assert fill.dtype == torch.float32
    fill.zero_()
    assert torch.equal(frames, before)


def test_is_in_the_catalog() -> None:
    assert catalog.part("fill", "noisy-linear:noise=0.02,seed=3") == NoisyLinear(noise=0.02, seed=3)


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf"), True])
def test_bad_noise_is_refused(noise: float) -> None:
    with pytest.raises(ValueError, match=r"^noise: expected"):
        NoisyLinear(noise=noise)


@pytest.mark.parametrize("seed", [-1, True])
def test_bad_seeds_are_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=r"^seed: expected"):
        NoisyLinear(seed=seed)
