from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import vexplain as vx
from vexplain.core import ClipSpec, ModelSpec
from vexplain.models import Model, MultiView
from vexplain.video import write_video


class Seen(nn.Module):
    """Logits of a clip (N, T, 3, H, W): its mean, its first voxel, and nothing."""

    def forward(self, clips: Tensor) -> Tensor:
        first = clips[:, 0, 0, 0, 0]
        return torch.stack([clips.mean((1, 2, 3, 4)), first, torch.zeros_like(first)], 1)


def single(sampling: str = "interval", interval: int | None = 2, size: int | None = 4) -> Model:
    clip = ClipSpec(frames=2, size=size, sampling=sampling, interval=interval)  # type: ignore[arg-type]
    return Model(Seen(), ModelSpec(clip=clip, outputs="logits"))


def clips(frames: int, height: int = 4, width: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, frames, 3, height, width, generator=generator)


def test_windows_at_an_interval_lie_one_behind_the_other() -> None:
    x, one = clips(6), single()
    views = MultiView(model=one, clips=3)
    parts = [one(x[:, start : start + 2]).softmax(1) for start in (0, 2, 4)]
    torch.testing.assert_close(views(x), torch.stack(parts).mean(0))
    assert views.outputs == "softmax"
    assert views.spec.clip == ClipSpec(frames=6, size=4, sampling="interval", interval=2)


def test_windows_overlap_in_a_shorter_clip() -> None:
    x, one = clips(4), single()
    parts = [one(x[:, start : start + 2]) for start in (0, 1, 2)]
    views = MultiView(model=one, clips=3, frames=4, average="scores")
    torch.testing.assert_close(views(x), torch.stack(parts).mean(0))
    assert views.outputs == "logits"


def test_views_of_a_model_that_sees_the_whole_file_are_interleaved() -> None:
    x, one = clips(6), single("uniform", None)
    views = MultiView(model=one, clips=3, average="scores")
    parts = [one(x[:, [j, j + 3]]) for j in range(3)]
    torch.testing.assert_close(views(x), torch.stack(parts).mean(0))


@pytest.mark.parametrize(("height", "width"), [(5, 9), (9, 5)])
def test_three_crops_lie_along_the_longer_side(height: int, width: int) -> None:
    x, one = clips(2, height, width), single()
    views = MultiView(model=one, crops=3, average="scores")
    cuts = [(0, 0), (0, 2), (0, 5)] if width > height else [(0, 0), (2, 0), (5, 0)]
    parts = [one(x[..., top : top + 4, left : left + 4]) for top, left in cuts]
    torch.testing.assert_close(views(x), torch.stack(parts).mean(0))
    assert views.spec.clip is not None
    assert (views.spec.clip.size, views.spec.clip.short_side) == (None, 4)


def test_crops_of_a_frame_that_is_scaled_whatever_its_aspect() -> None:
    clip = ClipSpec(frames=2, size=4, sampling="interval", interval=2, scaled=(5, 8))
    views = MultiView(model=Model(Seen(), ModelSpec(clip=clip, outputs="logits")), crops=3)
    assert views.spec.clip == replace(clip, size=None)


def test_one_view_is_the_model_itself() -> None:
    one = single()
    torch.testing.assert_close(MultiView(model=one, average="scores")(clips(2)), one(clips(2)))


def test_views_are_explained_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    pixels = torch.randint(256, (12, 16, 24, 3), generator=torch.Generator().manual_seed(0))
    write_video(path, [frame.numpy().astype("uint8") for frame in pixels], fps=10)
    views = MultiView(model=single(), clips=2, crops=3)
    method = replace(vx.methods.loco(), segmentation=vx.segmentation.Grid(t=2, h=1, w=2))
    found = vx.explain(path, views, method=method, progress=False)
    assert found.clip.shape == (4, 3, 4, 6)
    assert found.manifest["model"] == "model 2x3"
    assert found.ledger.kind == "softmax"


def test_a_wrong_number_of_views_is_named(unchecked: None) -> None:
    with pytest.raises(ValueError, match="crops: expected one of 1, 3, got '2'"):
        MultiView(model=single(), crops=2)
    with pytest.raises(ValueError, match="clips: expected a whole number from 1, got 0"):
        MultiView(model=single(), clips=0)
    with pytest.raises(ValueError, match="frames: expected 6, or from 2 where"):
        MultiView(model=single("uniform", None), clips=3, frames=5)
    with pytest.raises(ValueError, match="crops: 3 crops need a model with a size"):
        MultiView(model=single(size=None), crops=3)
    with pytest.raises(ValueError, match="expected one whose spec says frames and size"):
        MultiView(model=Model(Seen(), ModelSpec(outputs="logits")))
    with pytest.raises(ValueError, match="average: the model doesn't say whether"):
        MultiView(model=Model(Seen(), replace(single().spec, outputs="auto")))
    with pytest.raises(ValueError, match="wants 6 frames, got 5"):
        MultiView(model=single(), clips=3)(clips(5))
    with pytest.raises(ValueError, match="wants at least 4x4 pixels, got 3x9"):
        MultiView(model=single(), crops=3)(clips(2, 3, 9))
