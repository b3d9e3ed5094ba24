"""torchvision's classifiers: real networks with small random weights, and what their files say."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import vexplain as vx
from vexplain.core import ClipSpec, VideoClip
from vexplain.methods import loco
from vexplain.models import Model, Reference, as_classifier, load_model
from vexplain.models.torchvision_models import (
    FRAMES,
    check_frames,
    fitted,
    imported,
    published_weights,
    spec_of,
)

VIDEO_MEAN = (0.43216, 0.394666, 0.37645)
IMAGENET_MEAN = (0.485, 0.456, 0.406)


@pytest.fixture(scope="module")
def torchvision(torchvision_repaired: None) -> Any:
    return pytest.importorskip("torchvision")


def random_weights(torchvision: Any, file: Path, name: str, n_classes: int) -> nn.Module:
    """Save a network's random weights, and return it."""
    torch.manual_seed(0)
    network: nn.Module = torchvision.models.get_model(name, num_classes=n_classes).eval()
    if file.suffix == ".safetensors":
        save_file(network.state_dict(), file)
    else:
        torch.save(network.state_dict(), file)
    return network


def clips(n: int, frames: int, size: int) -> torch.Tensor:
    return torch.rand(n, frames, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "clip", "mean"),
    [
        ("r3d_18", (16, 2, 112, (128, 171)), VIDEO_MEAN),
        ("mc3_18", (16, 2, 112, (128, 171)), VIDEO_MEAN),
        ("r2plus1d_18", (16, 2, 112, (128, 171)), VIDEO_MEAN),
        ("s3d", (64, 2, 224, (256, 256)), VIDEO_MEAN),
        ("mvit_v1_b", (16, 4, 224, 256), (0.45, 0.45, 0.45)),
        ("mvit_v2_s", (16, 4, 224, 256), (0.45, 0.45, 0.45)),
        ("swin3d_t", (32, 2, 224, 256), IMAGENET_MEAN),
        ("swin3d_s", (32, 2, 224, 256), IMAGENET_MEAN),
        ("swin3d_b", (32, 2, 224, 256), IMAGENET_MEAN),
    ],
)
def test_every_video_classifier_says_what_it_wants(
    torchvision: Any, name: str, clip: tuple[int, int, int, Any], mean: tuple[float, ...]
) -> None:
    weights = published_weights(torchvision, name)["KINETICS400_V1"]
    spec = spec_of(name, weights, 400)
    assert spec.clip == ClipSpec(
        frames=clip[0],
        sampling="interval",
        interval=clip[1],
        size=clip[2],
        **{"scaled" if isinstance(clip[3], tuple) else "short_side": clip[3]},
        short="hold",
        antialias=False,
    )
    assert (spec.layout, spec.mean, spec.outputs) == ("CTHW", mean, "logits")
    assert spec.class_names[:2] == ("abseiling", "air drumming")
    assert len(spec.class_names) == 400
    assert spec_of(name, weights, 5).class_names == ()
    assert clip[0] >= weights.meta.get("min_temporal_size", 1)


def test_every_classifier_of_torchvision_has_a_spec(torchvision: Any) -> None:
    models = torchvision.models
    assert set(FRAMES) == set(models.list_models(module=models.video))
    for name in models.list_models(module=models):
        for weights in published_weights(torchvision, name).values():
            spec = spec_of(name, weights, 1000)
            assert spec.layout == "CHW"
            assert len(spec.class_names) == 1000


@pytest.mark.parametrize(("name", "shift"), [("swin3d_t", 0), ("r3d_18", 1)])
def test_the_transforms_of_torchvision_are_ours(
    torchvision: Any, assets: Path, name: str, shift: int
) -> None:
    """Where the crop can't be centred, theirs lies half a pixel to the right, ours to the left."""
    weights = published_weights(torchvision, name)["DEFAULT"]
    spec = spec_of(name, weights, 400)
    assert spec.clip is not None
    path = assets / "clips" / "archery.avi"
    ours = vx.models.prepared(vx.read_clip(path, spec.clip).frames[None], spec)
    source = vx.read_clip(path, replace(spec.clip, size=None, short_side=None, scaled=None)).frames
    theirs = weights.transforms()((source * 255).round().to(torch.uint8))[None]
    # Theirs rounds to whole grey levels after resizing, as ours does.
    ours, theirs = ours[..., shift:], theirs[..., : theirs.shape[-1] - shift]
    torch.testing.assert_close(ours, theirs, atol=1.01 / 255 / 0.216, rtol=0)
    assert float((ours - theirs).abs().mean()) < 1e-3


def test_a_file_with_other_classes_is_explained_from_end_to_end(
    torchvision: Any, tmp_path: Path
) -> None:
    network = random_weights(torchvision, tmp_path / "weights.safetensors", "mc3_18", 3)
    (tmp_path / "model.yaml").write_text(
        "model: torchvision:mc3_18@weights.safetensors\nclass_names: [run, sit, wave]\n"
        "clip: {frames: 4, size: 56, short_side: 56}\n"
    )
    model = load_model(tmp_path / "model.yaml")
    assert isinstance(model, Model)
    assert model.name == "mc3_18@weights.safetensors"
    frames = clips(1, 4, 56)
    given = (frames - torch.tensor(VIDEO_MEAN).reshape(3, 1, 1)) / torch.tensor(
        (0.22803, 0.22145, 0.216989)
    ).reshape(3, 1, 1)
    expected = network(given.transpose(1, 2))[0]
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=2, h=2, w=2))
    clip = VideoClip(frames[0], torch.arange(4) / 25)
    result = vx.explain(clip, model, method=method, target="wave", progress=False)
    torch.testing.assert_close(result.ledger.full.float(), expected, atol=1e-4, rtol=1e-4)
    assert result.attribution.map.shape == (4, 56, 56)
    assert float(result.attribution.scores.abs().max()) > 0


def test_an_image_classifier_is_asked_about_every_frame(torchvision: Any, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    network = random_weights(torchvision, file, "squeezenet1_1", 4)
    model = load_model(f"torchvision:squeezenet1_1@{file}")
    assert isinstance(model, Model)
    assert model.class_names is None
    assert model.spec.clip == ClipSpec(frames=16, size=224, sampling="centres", short_side=256)
    frames = clips(2, 3, 64)
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (IMAGENET_MEAN, (0.229, 0.224, 0.225)))
    expected = torch.stack([network((clip - mean) / std).mean(0) for clip in frames])
    torch.testing.assert_close(model(frames), expected)


def kept(torchvision: Any, monkeypatch: pytest.MonkeyPatch, folder: Path, content: object) -> Any:
    """Put squeezenet's published file at an address of this machine, named after its content."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder / "hub"))
    torch.save(content, folder / "file")
    content_hash = hashlib.sha256((folder / "file").read_bytes()).hexdigest()[:8]
    named = folder / f"squeezenet1_1-{content_hash}.pth"
    (folder / "file").rename(named)
    weights = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    monkeypatch.setattr(weights.value, "url", named.as_uri())
    return named


@pytest.mark.parametrize("name", ["squeezenet1_1", "squeezenet1_1@IMAGENET1K_V1"])
def test_published_weights_come_through_torch_hub(
    torchvision: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    network = random_weights(torchvision, tmp_path / "w.pt", "squeezenet1_1", 1000)
    kept(torchvision, monkeypatch, tmp_path, network.state_dict())
    model = load_model(f"torchvision:{name}")
    assert isinstance(model, Model)
    assert model.spec.class_names[0] == "tench"
    assert model(clips(1, 2, 64)).shape == (1, 1000)
    assert model.name.startswith("squeezenet1_1@")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code from a stranger ran",))


def test_published_weights_that_are_not_what_they_should_be_are_refused(
    torchvision: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = kept(torchvision, monkeypatch, tmp_path, {"x": Evil()})
    with pytest.raises(ValueError, match=r"weights: those of squeezenet1_1 can't be had from file"):
        load_model("torchvision:squeezenet1_1")
    assert "ran" not in capsys.readouterr().out
    (tmp_path / "hub" / "checkpoints" / file.name).unlink()
    file.write_bytes(b"another file")
    with pytest.raises(ValueError, match="invalid hash value") as error:
        load_model("torchvision:squeezenet1_1")
    assert "\n" not in str(error.value)
    file.unlink()
    with pytest.raises(ValueError, match=r"can't be had .* bring the file and name it after an @"):
        load_model("torchvision:squeezenet1_1")


def test_mistakes_are_named(torchvision: Any, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    random_weights(torchvision, file, "squeezenet1_1", 4)
    for name, message in (
        (
            "r3d_19",
            "torchvision has no classifier 'r3d_19'; expected r3d_18, .*Did you mean r3d_18",
        ),
        ("fcn_resnet50", "no classifier 'fcn_resnet50'"),
        (
            "s3d@KINETICS400_V2",
            "no file .*KINETICS400_V1, DEFAULT alone are published.*Did you mean K",
        ),
        ("vgg16@IMAGENET1K_FEATURES", "and IMAGENET1K_V1, DEFAULT alone are published"),
        (f"squeezenet1_0@{file}", "doesn't fit SqueezeNet"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            load_model(f"torchvision:{name}")
    yaml = tmp_path / "model.yaml"
    yaml.write_text("model: torchvision:squeezenet1_1@weights.pt\narguments: {depth: 3}\n")
    with pytest.raises(ValueError, match=r"can't be built with {'depth': 3} \(TypeError"):
        load_model(yaml)


def small_mvit(torchvision: Any, **arguments: Any) -> nn.Module:
    block = torchvision.models.video.mvit.MSBlockConfig(
        num_heads=1,
        input_channels=8,
        output_channels=8,
        kernel_q=[],
        kernel_kv=[],
        stride_q=[],
        stride_kv=[],
    )
    network: nn.Module = torchvision.models.video.MViT(
        spatial_size=(32, 32),
        temporal_size=4,
        block_setting=[block, block],
        residual_pool=False,
        residual_with_cls_embed=True,
        rel_pos_embed=False,
        proj_after_attn=False,
        **arguments,
    )
    return network


def small_swin(torchvision: Any, **arguments: Any) -> nn.Module:
    network: nn.Module = torchvision.models.video.SwinTransformer3d(
        patch_size=[2, 4, 4],
        embed_dim=8,
        depths=[1, 1],
        num_heads=[1, 2],
        window_size=[2, 4, 4],
        **arguments,
    )
    return network


@pytest.mark.parametrize(("name", "small"), [("mvit_v1_b", small_mvit), ("swin3d_t", small_swin)])
def test_small_video_transformers_answer_as_they_do_alone(
    torchvision: Any, tmp_path: Path, name: str, small: Any
) -> None:
    torch.manual_seed(0)
    network = small(torchvision, num_classes=3).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    reference = Reference(scheme="torchvision", name=name)
    build = partial(small, torchvision)
    found, n_classes = fitted(build, reference, "num_classes", tmp_path / "weights.pt")
    assert n_classes == 3
    spec = spec_of(name, published_weights(torchvision, name)["DEFAULT"], n_classes)
    x = clips(2, 4, 32)
    mean, std = (torch.tensor(v).reshape(3, 1, 1, 1) for v in (spec.mean, spec.std))
    expected = network((x.transpose(1, 2) - mean) / std)
    torch.testing.assert_close(as_classifier(found, spec)(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "frames", "message"),
    [
        ("mvit_v2_s", 32, "frames: mvit_v2_s takes 16 frames, got 32"),
        ("s3d", 13, "frames: s3d takes at least 14 frames, got 13"),
        ("r3d_18", 1, None),
    ],
)
def test_clips_that_a_network_cannot_take_are_refused(
    torchvision: Any, name: str, frames: int, message: str | None
) -> None:
    weights = published_weights(torchvision, name)["DEFAULT"]
    spec = replace(spec_of(name, weights, 400), clip=ClipSpec(frames=frames))
    least = weights.meta.get("min_temporal_size", 1)
    if message is None:
        check_frames(spec, name, least)
        return
    with pytest.raises(ValueError, match=message):
        check_frames(spec, name, least)


BROKEN = """
from vexplain.models import load_model
try:
    load_model("torchvision:r3d_18")
except ImportError as error:
    print(error)
"""


def test_a_torchvision_for_another_torch_is_explained(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('no operator nms\\nmore')\n")
    script = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{BROKEN}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.startswith(
        "model: torchvision can't be imported (RuntimeError: no operator nms). It needs a"
    )
    assert done.stdout.count("\n") == 1
    with pytest.raises(ImportError, match=r"no_such_module can't be imported \(ModuleNotFoundErr"):
        imported("no_such_module")
