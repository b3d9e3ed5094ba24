import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import vexplain as vx
from vexplain import catalog
from vexplain.core import ClassScores, Explanation
from vexplain.core.archive import decode, encode
from vexplain.core.files import atomic_path, write_atomically


def bright(clips: Tensor) -> Tensor:
    seen = clips[..., :8].mean((1, 2, 3, 4))
    return torch.stack([4 * seen, -seen, seen * 0], 1)


@pytest.fixture(scope="module")
def clip() -> vx.VideoClip:
    frames = torch.randint(0, 256, (6, 3, 28, 30), generator=torch.Generator().manual_seed(0))
    return vx.clip_from_array(frames.to(torch.uint8))


def alike(a: Any, b: Any) -> bool:
    """Return whether two values are made of the same parts, numbers and tensors."""
    tensors: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    trees = [encode(value, "value", found) for value, found in zip((a, b), tensors, strict=True)]
    return trees[0] == trees[1] and all(
        torch.equal(tensor, tensors[1][name]) for name, tensor in tensors[0].items()
    )


@pytest.mark.parametrize("name", list(catalog.METHODS))
def test_every_method_survives_its_file(name: str, clip: vx.VideoClip, tmp_path: Path) -> None:
    found = vx.explain(clip, bright, method=name, progress=False)
    found.save(tmp_path / "a.vx")
    loaded = vx.load(tmp_path / "a.vx")
    assert alike(found, loaded)
    assert loaded.method == found.method
    assert torch.equal(loaded.clip.frames, clip.frames)
    again = vx.summarise(loaded, target=1, behavior=vx.behavior.LogOdds())
    direct = vx.explain(
        clip,
        bright,
        method=replace(found.method, behavior=vx.behavior.LogOdds()),
        target=1,
        progress=False,
    )
    torch.testing.assert_close(again.attribution.map, direct.attribution.map)


@pytest.mark.parametrize("kind", list(catalog.PARTS))
def test_every_part_of_the_catalog_survives_its_encoding(kind: str) -> None:
    needs: dict[str, dict[str, Any]] = {
        "labels": {"labels": torch.zeros(2, 2, 2).long()},
        "mix": {"laws": (vx.sampling.Binomial(), vx.sampling.AllButOne()), "weights": (1.0, 2.0)},
        "other-clip": {"frames": torch.zeros(2, 3, 2, 2)},
        "top-regions": {"n": 3},
        "threshold": {"value": 0.1},
        "accumulated": {"share": 0.5},
        "feathered": {"sigma": 2.0},
    }
    for name, part in catalog.PARTS[kind].items():
        made = part(**needs.get(name, {}))
        tensors: dict[str, Tensor] = {}
        tree = encode(made, "part", tensors)
        assert alike(made, decode(tree, tensors.__getitem__, catalog.registry())), name


@dataclass(frozen=True)
class Half:
    """A behavior of a user's own."""

    def __call__(self, answers: ClassScores, target: int) -> Tensor:
        return answers.values[:, target] / 2


def test_parts_of_ones_own_are_passed_when_loading(clip: vx.VideoClip, tmp_path: Path) -> None:
    method = vx.methods.loco(behavior=Half())
    vx.explain(clip, bright, method=method, progress=False).save(tmp_path / "a.vx")
    with pytest.raises(ValueError, match="a part named 'Half', which is not known here"):
        vx.load(tmp_path / "a.vx")
    assert vx.load(tmp_path / "a.vx", parts=[Half]).method == method


def test_files_that_are_no_explanations(clip: vx.VideoClip, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        vx.load(tmp_path / "gone.vx")
    (tmp_path / "text.vx").write_text("hello")
    with pytest.raises(ValueError, match="is not a whole explanation file"):
        vx.load(tmp_path / "text.vx")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.vx")
    with pytest.raises(ValueError, match="expected a file with 'vexplain explanation 1'"):
        vx.load(tmp_path / "other.vx")
    found = vx.explain(clip, bright, method="loco", progress=False)
    found.save(tmp_path / "whole.vx")
    content = (tmp_path / "whole.vx").read_bytes()
    (tmp_path / "cut.vx").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is not a whole explanation file"):
        vx.load(tmp_path / "cut.vx")


def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.vx", b"old")

    def fail() -> None:
        with atomic_path(tmp_path / "a.vx") as part:
            part.write_bytes(b"half of the new")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (tmp_path / "a.vx").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.vx"]


def test_a_place_that_can_not_be_written(clip: vx.VideoClip, tmp_path: Path) -> None:
    found = vx.explain(clip, bright, method="loco", progress=False)
    with pytest.raises(FileNotFoundError, match=r"the folder .* does not exist; make it first"):
        found.save(tmp_path / "no" / "a.vx")
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file"):
        found.save(tmp_path)


def test_eight_bit_frames_are_stored_as_bytes(clip: vx.VideoClip, tmp_path: Path) -> None:
    found = vx.explain(clip, bright, method="loco", progress=False)
    found.save(tmp_path / "a.vx")
    shifted: Explanation = replace(found, clip=vx.VideoClip(clip.frames * 0.999, clip.pts_seconds))
    shifted.save(tmp_path / "b.vx")
    sizes = [(tmp_path / name).stat().st_size for name in ("a.vx", "b.vx")]
    assert sizes[1] - sizes[0] > 2.5 * clip.frames.numel()
    assert np.array_equal(vx.load(tmp_path / "b.vx").clip.frames, shifted.clip.frames)
