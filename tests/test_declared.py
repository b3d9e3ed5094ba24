"""What a model of any kind is declared to want is what its function is given."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import vexplain as vx
from networks import FrameMobileNet, mobilenet_spec
from vexplain.core import ClipSpec, ModelSpec
from vexplain.models import Model, Reference, as_classifier, load_model


def clips(n: int = 2, frames: int = 4) -> Tensor:
    return torch.rand(n, frames, 3, 5, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layout", ["".join(axes) for axes in permutations("TCHW")])
@pytest.mark.parametrize("array", ["torch", "numpy"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_every_layout_reaches_the_function(
    layout: str, array: Any, batched: bool, dtype: Any
) -> None:
    given: list[Any] = []

    def function(x: Any) -> Any:
        given.append(x)
        return np.zeros((len(x), 3) if batched else 3)

    spec = ModelSpec(
        layout=layout, array=array, batched=batched, dtype=dtype, scale=255, outputs="logits"
    )
    scores = as_classifier(function, spec)(clips())
    assert scores.shape == (2, 3)
    assert isinstance(given[0], np.ndarray if array == "numpy" else Tensor)
    whole = (clips() * 255).round() if dtype == "uint8" else clips() * 255
    expected = whole.permute(0, *("TCHW".index(axis) + 1 for axis in layout)).numpy()
    found = np.asarray(given[0] if batched else np.stack([np.asarray(x) for x in given]))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_frame_classifier_is_averaged_over_time() -> None:
    def of_frames(x: Tensor) -> Tensor:
        assert x.shape[1:] == (5, 6, 3)
        return x.mean((1, 2)) * 4

    x = clips()
    spec = ModelSpec(layout="HWC", outputs="logits")
    logits = x.mean((3, 4)) * 4
    torch.testing.assert_close(as_classifier(of_frames, spec)(x), logits.mean(1))
    shares = as_classifier(of_frames, replace(spec, over_time="probabilities"))
    torch.testing.assert_close(shares(x), logits.softmax(2).mean(1))
    assert (shares.outputs, as_classifier(of_frames, spec).outputs) == ("softmax", "logits")
    one_by_one = as_classifier(lambda frame: frame.mean((0, 1)) * 4, replace(spec, batched=False))
    torch.testing.assert_close(one_by_one(x), logits.mean(1))


def test_a_frame_classifier_must_answer_once_per_frame() -> None:
    model = as_classifier(lambda x: x.mean((1, 2))[:3], ModelSpec(layout="HWC", outputs="logits"))
    with pytest.raises(ValueError, match=r"one row of class scores per frame \(2 clips of 4"):
        model(clips())


def test_the_real_frame_classifier_by_its_layout_is_its_rebuild_over_clips(assets: Path) -> None:
    network = FrameMobileNet(assets / "models" / "mobilenet_v2_1.0_224_imagenet_u8.npz")
    spec = mobilenet_spec(assets)
    frames = replace(spec, layout="CHW", clip=ClipSpec(frames=3, size=224))
    x = vx.read_clip(assets / "clips" / "archery.avi", ClipSpec(frames=3, size=224)).frames[None]
    by_frame = Model(lambda images: network(images[:, None]), frames)
    torch.testing.assert_close(by_frame(x), as_classifier(network, spec)(x), rtol=1e-4, atol=1e-4)


def test_both_pathways_come_from_the_same_clip() -> None:
    given: list[Any] = []

    def slow_fast(x: Any) -> Tensor:
        given.append(x)
        slow, fast = x
        return torch.stack([slow.mean((1, 2, 3, 4)), fast.mean((1, 2, 3, 4))], 1)

    x = clips(frames=8)
    spec = ModelSpec(layout="CTHW", pathways=(4, 1), outputs="logits")
    as_classifier(slow_fast, spec)(x)
    slow, fast = given[0]
    torch.testing.assert_close(fast, x.transpose(1, 2))
    torch.testing.assert_close(slow, x.transpose(1, 2)[:, :, [0, 7]])
    as_classifier(lambda pair: slow_fast([p[None] for p in pair])[0], replace(spec, batched=False))(
        x
    )
    torch.testing.assert_close(given[-1][0][0], slow[1])


def test_pathways_in_yaml_are_explained(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "def two():\n"
        "    def answer(pair):\n"
        "        slow, fast = pair\n"
        "        assert slow.shape[2] * 4 == fast.shape[2] == 8\n"
        "        return fast.mean((2, 3, 4)) * 3 + slow.mean((2, 3, 4))\n"
        "    return answer\n"
    )
    (tmp_path / "net.yaml").write_text(
        "model: python:net.py:two\nlayout: CTHW\npathways: [4, 1]\noutputs: logits\n"
        "clip: {frames: 8, size: 6}\n"
    )
    frames = torch.zeros(8, 3, 6, 6)
    frames[7, 0, :3] = 1
    clip = vx.clip_from_array(frames)
    method = replace(vx.methods.loco(), segmentation=vx.segmentation.Grid(t=8, h=2, w=1))
    found = vx.explain(clip, load_model(tmp_path / "net.yaml"), method=method, progress=False)
    assert int(found.attribution.scores.argmax()) == 14


def test_what_the_user_states_takes_back_what_belongs_to_another_way() -> None:
    found = ModelSpec(
        clip=ClipSpec(frames=8, size=4, sampling="interval", interval=2, scaled=(5, 6)),
        mean=(0.5,),
    )
    stated = Reference(scheme="x", name="y", clip={"sampling": "uniform"}, wants={"std": (2.0,)})
    spec = stated.completed(found)
    assert spec.clip == ClipSpec(frames=8, size=4, scaled=(5, 6))
    assert (spec.mean, spec.std) == ((0.5,), (2.0,))
    resized = Reference(scheme="x", name="y", clip={"size": 8}).completed(found).clip
    assert resized is not None
    assert (resized.size, resized.scaled, resized.interval) == (8, (10, 12), 2)
    sized = Reference(scheme="x", name="y", clip={"short_side": 7}).completed(found).clip
    assert sized is not None
    assert (sized.short_side, sized.scaled, sized.interval) == (7, None, 2)


def test_a_spec_states_what_it_was_made_with() -> None:
    found = ModelSpec(clip=ClipSpec(frames=8, size=4), mean=(0.5,), std=(0.2,))
    reference = Reference(scheme="x", name="y")
    stated = reference.saying(ModelSpec(mean=(0.0,), clip=ClipSpec(sampling="uniform", frames=16)))
    spec = stated.completed(found)
    assert (spec.mean, spec.std) == ((0.0,), (0.2,))
    assert spec.clip == ClipSpec(frames=16, size=4)
    assert reference.saying(ModelSpec()).completed(found) == found


def test_numbers_that_only_fit_another_scale_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mean: 123\.7 lies beyond white, which is scale=1 here"):
        ModelSpec(mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4))
    with pytest.raises(ValueError, match="scale: uint8 numbers need scale=255 and neither mean"):
        ModelSpec(dtype="uint8")


def test_a_runtime_error_of_the_model_is_one_sentence() -> None:
    def fails(x: Tensor) -> Tensor:
        return x.reshape(len(x), 7)

    with pytest.raises(ValueError, match=r"model: fails failed on an input of shape \(2, 4, 3, 5"):
        as_classifier(fails)(clips())

    def full(x: Tensor) -> Tensor:
        raise RuntimeError("can't allocate memory: you tried")

    with pytest.raises(RuntimeError, match="allocate memory"):
        as_classifier(full)(clips())


def test_contradictions_are_named(unchecked: None) -> None:
    for wrong, message in (
        ({"layout": "CTH"}, "layout: expected T, C, H, W in the order of the model, or C, H, W"),
        ({"pathways": (4, 1), "layout": "CHW"}, "pathways: expected a tuple such as"),
        ({"pathways": (0,)}, "pathways: expected a whole number from 1, got 0"),
        ({"pathways": (4, 1), "clip": ClipSpec(frames=6)}, "6 frames can't be reduced 4 times"),
        ({"array": "numpy", "dtype": "bfloat16"}, "dtype: NumPy has no bfloat16"),
        ({"over_time": "probabilities"}, "outputs: expected logits, softmax or sigmoid where"),
        ({"array": "jax"}, "array: expected one of torch, numpy"),
    ):
        with pytest.raises(ValueError, match=message):
            ModelSpec(**wrong)
    for scaled in ({"short_side": 9}, {"resize": "stretch"}, {"scaled": (9,)}):
        with pytest.raises(ValueError, match=r"scaled: expected \(height, width\)"):
            ClipSpec(**{"size": 4, "scaled": (5, 6)} | scaled)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scaled: expected a whole number from 4, got 3"):
        ClipSpec(size=4, scaled=(3, 6))
