"""The paper's three networks: against MMAction2's own answers, transformers, and slow formulas."""

import json
import math
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import vexplain as vx
from vexplain.core import ClipSpec, ModelSpec, VexplainWarning
from vexplain.methods import loco
from vexplain.models import Model, load_model
from vexplain.models.networks import (
    NETWORKS,
    TANetConfig,
    TimeSformer,
    TimeSformerConfig,
    TPNConfig,
    save,
)
from vexplain.models.networks.layers import DropPath
from vexplain.models.networks.opening import Network
from vexplain.models.networks.published import recognised
from vexplain.models.networks.tanet import TemporalAdaptiveModule
from vexplain.models.networks.timesformer import tubelets

SIDE = 32


def small(name: str, n_classes: int = 5, frames: int = 4) -> Network:
    """A small network in evaluation mode, with nothing in it that is zero."""
    torch.manual_seed(0)
    config = {
        "timesformer": TimeSformerConfig.small(n_classes, frames, SIDE),
        "tanet": TANetConfig.small(n_classes, frames),
        "tpn": TPNConfig.small(n_classes, frames),
    }[name]
    network = NETWORKS[name][0](config)
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif value.is_floating_point() and value.ndim != 1:
            value.add_(torch.randn_like(value) / math.sqrt(max(value[0].numel(), 1)))
        elif value.is_floating_point():
            value.add_(torch.randn_like(value) * 0.1)
    return network.eval()


def clips(n: int = 2, frames: int = 4) -> Tensor:
    return torch.randn(n, frames, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


THEIRS = {
    "timesformer": {
        r"^head": "cls_head.fc_cls",
        r"^patch": "backbone.patch_embed.projection",
        r"^first": "backbone.cls_token",
        r"^position": "backbone.pos_embed",
        r"^time$": "backbone.time_embed",
        r"^norm": "backbone.norm",
        r"^blocks": "backbone.transformer_layers.layers",
        r"\.time_out": ".attentions.0.temporal_fc",
        r"\.time\.": ".attentions.0.",
        r"\.space\.": ".attentions.1.",
        r"\.qkv\.": ".attn.in_proj_",
        r"\.out\.": ".attn.out_proj.",
        r"\.mlp\.norm": ".ffns.0.norm",
        r"\.mlp\.up": ".ffns.0.layers.0.0",
        r"\.mlp\.down": ".ffns.0.layers.1",
    },
    "tanet": {
        r"^head": "cls_head.fc_cls",
        r"^stem": "backbone.conv1",
        r"^stages\.0\.(\d)\.(conv|down)": r"backbone.layer1.\1.block.\2",
        r"^stages\.1\.(\d)\.(conv|down)": r"backbone.layer2.\1.block.\2",
        r"^stages\.2\.(\d)\.(conv|down)": r"backbone.layer3.\1.block.\2",
        r"^stages\.3\.(\d)\.(conv|down)": r"backbone.layer4.\1.block.\2",
        r"^stages\.0\.(\d)\.between": r"backbone.layer1.\1.tam",
        r"^stages\.1\.(\d)\.between": r"backbone.layer2.\1.tam",
        r"^stages\.2\.(\d)\.between": r"backbone.layer3.\1.tam",
        r"^stages\.3\.(\d)\.between": r"backbone.layer4.\1.tam",
        r"\.kernel\.": ".G.",
        r"\.gate\.": ".L.",
    },
    "tpn": {
        r"^head": "cls_head.fc_cls",
        r"^stem": "backbone.conv1",
        r"^stages\.0\.": "backbone.layer1.",
        r"^stages\.1\.": "backbone.layer2.",
        r"^stages\.2\.": "backbone.layer3.",
        r"^stages\.3\.": "backbone.layer4.",
        r"^pyramid\.spatial": "neck.spatial_modulation.spatial_modulation.0.0",
        r"^pyramid\.temporal\.(\d)": r"neck.temporal_modulation_ops.\1.conv.conv",
        r"^pyramid\.upwards": "neck.downsample_ops.0.conv.conv",
        r"^pyramid\.(top_down|bottom_up)\.levels\.(\d)": r"neck.\1.downsamples.\2.conv",
        r"^pyramid\.(top_down|bottom_up)\.join": r"neck.\1.fusion_conv",
        r"top_down": "level_fusion_1",
        r"bottom_up": "level_fusion_2",
        r"^pyramid\.join": "neck.pyramid_fusion",
    },
}
"""MMAction2's names of our weights, written down a second time and in the other direction."""


def their_key(name: str, key: str) -> str:
    for ours, theirs in THEIRS[name].items():
        key = re.sub(ours, theirs, key)
    return key


def theirs(name: str, network: Network) -> dict[str, Tensor]:
    """The network's weights as MMAction2 names them."""
    return {their_key(name, key): value for key, value in network.state_dict().items()}


# --- MMAction2's own answers -------------------------------------------------------------------


def parity_folder(assets: Path) -> Path:
    folder = assets.parent / "parity"
    if not folder.is_dir():
        pytest.skip("the answers of MMAction2 are not here (parity)")
    return folder


def shapes(folder: Path, name: str) -> dict[str, tuple[int, ...]]:
    lines = (folder / f"{name}_state_dict.txt").read_text().splitlines()
    pairs = (line.split("\t") for line in lines)
    return {key: tuple(int(size) for size in re.findall(r"\d+", shape)) for key, shape in pairs}


def parity_weight(key: str, shape: tuple[int, ...]) -> Tensor:
    """The weight that the page beside the answers defines for a key."""
    draw = np.random.default_rng(zlib.crc32(key.encode()))
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith("running_var"):
        return torch.from_numpy((0.5 + draw.random(shape)).astype(np.float32))
    z = draw.standard_normal(shape)
    if key.endswith("running_mean"):
        z = 0.1 * z
    elif len(shape) == 1:
        z = 1 + 0.1 * z if key.endswith("weight") else 0.05 * z
    elif "cls_token" in key or ("_embed" in key and "projection" not in key):
        z = 0.2 * z
    else:
        z = z / math.sqrt(math.prod(shape[1:]))
    return torch.from_numpy(z.astype(np.float32))


def parity_clips(height: int, width: int) -> Tensor:
    a = np.random.default_rng(7).integers(0, 256, (2, 8, 3, height, width), dtype=np.uint8)
    a[1] = a[1].astype(int) * (np.arange(8)[:, None, None, None] + 1) // 8
    a[1, :, :, : height // 2] = 0
    return torch.from_numpy(a.astype(np.float32) / 255)


def check_parity(folder: Path, tmp_path: Path, name: str, sizes: list[str], n: slice) -> None:
    state = {key: parity_weight(key, shape) for key, shape in shapes(folder, name).items()}
    save_file(state, tmp_path / "published.safetensors")
    del state
    model = load_model(f"{name}:{tmp_path}/published.safetensors")
    expected = np.load(folder / f"{name}.npz")
    for size in sizes:
        height, width = (int(side) for side in size.split("x"))
        logs = model(parity_clips(height, width)[n]).log_softmax(1)
        log_p, p = (torch.from_numpy(expected[f"{kind}_{size}"])[n] for kind in ANSWERS)
        torch.testing.assert_close(logs, log_p, atol=1e-4, rtol=0)
        torch.testing.assert_close(logs.exp(), p, atol=1e-6, rtol=0)


ANSWERS = ("log_probabilities", "probabilities")
BRIGHTENING = slice(1, 2)
"""The second of the two clips, in which time matters more."""


@pytest.mark.parametrize(
    ("name", "size"), [("timesformer", "224x224"), ("tanet", "160x192"), ("tpn", "160x192")]
)
def test_the_full_network_answers_as_mmaction2_does(
    assets: Path, tmp_path: Path, name: str, size: str
) -> None:
    check_parity(parity_folder(assets), tmp_path, name, [size], BRIGHTENING)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_full_network_answers_as_mmaction2_does_on_all_clips(
    assets: Path, tmp_path: Path, name: str
) -> None:
    sizes = ["224x224"] if name == "timesformer" else ["224x224", "160x192"]
    check_parity(parity_folder(assets), tmp_path, name, sizes, slice(None))


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_key_of_mmaction2_has_its_weight_and_every_weight_its_key(
    assets: Path, name: str
) -> None:
    keys = shapes(parity_folder(assets), name)
    state = {key: torch.empty(shape, device="meta") for key, shape in keys.items()}
    naming = recognised(state)
    assert naming is not None
    assert naming.network == name
    make, kind = NETWORKS[name]
    ours = naming.ours(state)
    assert kind.of(ours) == kind()
    with torch.device("meta"):
        network = make(kind())
    assert {key: value.shape for key, value in ours.items()} == {
        key: value.shape for key, value in network.state_dict().items()
    }
    unused = {key for key in keys if "aux_head" in key or "new_cls" in key}
    assert len(ours) == len(keys) - len(unused)
    assert {their_key(name, key) for key in ours} <= keys.keys()


# --- The networks themselves -------------------------------------------------------------------


@pytest.mark.parametrize("name", list(NETWORKS))
def test_an_answer_does_not_depend_on_the_other_clips(name: str) -> None:
    network = small(name)
    answers = network(clips(3))
    assert answers.shape == (3, 5)
    torch.testing.assert_close(answers[1:2], network(clips(3)[1:2]))
    assert not torch.allclose(answers[0], answers[1])


@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_order_of_the_frames_matters(name: str) -> None:
    network = small(name)
    assert not torch.allclose(network(clips()), network(clips().flip(1)), atol=1e-4)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_training_reaches_every_weight(name: str) -> None:
    network = small(name).train()
    torch.manual_seed(1)
    loss = nn.functional.cross_entropy(network(clips(4)), torch.tensor([0, 1, 2, 3]))
    loss.backward()  # type: ignore[no-untyped-call]
    for key, weight in network.named_parameters():
        assert weight.grad is not None, key
        assert float(weight.grad.abs().sum()) > 0, key


@pytest.mark.parametrize("name", list(NETWORKS))
def test_small_networks_are_small(name: str) -> None:
    config = NETWORKS[name][1].small(n_classes=12, frames=16)
    weights = sum(weight.numel() for weight in NETWORKS[name][0](config).parameters())
    assert 200_000 < weights < 800_000


def test_a_fresh_timesformer_knows_places_and_times_by_codes_that_are_nothing_on_average() -> None:
    network = TimeSformer(TimeSformerConfig.small(5, 4, SIDE)).eval()
    for codes in (network.time[0].detach(), network.position[0, 1:].detach()):
        distances = torch.cdist(codes, codes) + 9 * torch.eye(len(codes))
        assert float(distances.min()) > 0.3
        torch.testing.assert_close(codes.mean(0), torch.zeros(codes.shape[1]))
    assert not torch.allclose(network(clips()), network(clips().flip(1)))
    network.time.data.zero_()
    torch.testing.assert_close(network(clips()), network(clips().flip(1)))


def test_a_fresh_tanet_mixes_the_frames_before_and_after_unevenly() -> None:
    torch.manual_seed(0)
    kernels = TemporalAdaptiveModule(64, 8).kernel(torch.rand(64, 8))
    assert float((kernels[:, 0] - kernels[:, 2]).detach().abs().mean()) > 0.2


def hybrid() -> TimeSformer:
    sizes = TimeSformerConfig.small(5, 4, SIDE)
    torch.manual_seed(0)
    return TimeSformer(replace(sizes, trunk=(1, 2), trunk_width=4, patch=16, tubelet=3))


def test_a_trunk_replaces_the_pixels_that_patches_are_cut_from() -> None:
    network = hybrid().train()
    nn.functional.cross_entropy(network(clips()), torch.tensor([0, 1])).backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in network.parameters())
    network.eval()
    changed = clips()
    changed[0, 2, :, :8, :8] += 1
    assert not torch.allclose(network(changed)[0], network(clips())[0])
    torch.testing.assert_close(network(changed)[1], network(clips())[1])


def test_a_tubelet_mixes_a_patch_with_those_before_and_after_it() -> None:
    row = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    layer = tubelets(4, 3)
    kernel, bias = layer.weight, layer.bias
    assert bias is not None
    for t in range(6):
        around = [(k, t + k - 1) for k in range(3) if 0 <= t + k - 1 < 6]
        expected = bias + sum(row[:, :, s] @ kernel[:, :, k].T for k, s in around)
        torch.testing.assert_close(layer(row)[:, :, t], expected)
    assert float((kernel[:, :, 1] - torch.eye(4)).detach().abs().max()) < 0.3


def test_a_hybrid_is_opened_again_with_or_without_what_it_says_of_itself(tmp_path: Path) -> None:
    network = hybrid().eval()
    config = network.config
    told = TimeSformerConfig.of(network.state_dict())
    assert told == replace(config, heads=told.heads, drop_path=told.drop_path)
    spec = ModelSpec(clip=ClipSpec(frames=4, size=SIDE), outputs="logits")
    save(network, spec, tmp_path / "hybrid.safetensors")
    model = opened(f"timesformer:{tmp_path / 'hybrid.safetensors'}")
    expected = network(clips().mul(0.1).clamp(0, 1))
    torch.testing.assert_close(model(clips().mul(0.1).clamp(0, 1)), expected, rtol=1e-4, atol=1e-4)


def test_the_adaptive_module_is_a_convolution_over_time_with_each_clips_own_kernel() -> None:
    torch.manual_seed(0)
    module = TemporalAdaptiveModule(8, 5).eval()
    x = torch.randn(3 * 5, 8, 4, 6)
    y = torch.zeros(3, 5, 8, 4, 6)
    for n, clip in enumerate(x.reshape(3, 5, 8, 4, 6)):
        course = clip.mean((2, 3)).T
        kernel, gate = module.kernel(course), module.gate(course[None])[0]
        for c in range(8):
            gated = [clip[t, c] * gate[c, t] for t in range(5)]
            for t in range(5):
                for tap, source in enumerate((t - 1, t, t + 1)):
                    if 0 <= source < 5:
                        y[n, t, c] += kernel[c, tap] * gated[source]
    torch.testing.assert_close(module(x), y.flatten(0, 1))
    last = x.contiguous(memory_format=torch.channels_last)
    assert module(last).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(module(last), y.flatten(0, 1))


def test_stochastic_depth_drops_whole_rows_in_training_only() -> None:
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.ones(4000, 2, 3)
    assert drop.eval()(x) is x
    rows = drop.train()(x)
    assert set(rows.flatten(1).unique(dim=0).flatten().tolist()) == {
        0.0,
        torch.tensor(4 / 3).item(),
    }
    assert float((rows[:, 0, 0] == 0).float().mean()) == pytest.approx(0.25, abs=0.03)
    assert DropPath(0.0).train()(x) is x


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("timesformer", (8, SIDE, SIDE), "made for 4 frames of 32x32 pixels, got 8 of 32x32"),
        ("timesformer", (2, SIDE, SIDE), "made for 4 frames of 32x32 pixels, got 2 of 32x32"),
        ("timesformer", (4, SIDE, 2 * SIDE), "made for 4 frames of 32x32 .* got 4 of 32x64"),
        ("tanet", (8, SIDE, SIDE), "TANet's weights are made for 4 frames, got 8"),
        ("tpn", (3, SIDE, SIDE), "TPN is made for 4 frames or more, got 3"),
    ],
)
def test_clips_that_the_weights_are_not_made_for_are_refused(
    name: str, shape: tuple[int, int, int], message: str
) -> None:
    frames, height, width = shape
    with pytest.raises(ValueError, match=message):
        small(name)(torch.zeros(1, frames, 3, height, width))


@pytest.mark.parametrize("name", ["tanet", "tpn"])
def test_convolutional_networks_take_any_size(name: str) -> None:
    assert small(name)(torch.zeros(1, 4, 3, 40, 56)).shape == (1, 5)


@pytest.mark.parametrize(
    ("kind", "sizes", "message"),
    [
        (TANetConfig, {"frames": 2}, "frames: TANet needs at least 3 frames"),
        (TANetConfig, {"blocks": ()}, "blocks: expected one number per stage"),
        (TANetConfig, {"blocks": (1, 0)}, "blocks: expected a whole number from 1, got 0"),
        (TANetConfig, {"dropout": 2}, r"dropout: expected a share in \[0, 1\], got 2"),
        (TPNConfig, {"groups": 3}, "groups: expected a divisor of 1024 and 2048 channels, got 3"),
        (TPNConfig, {"blocks": (1,)}, "blocks: TPN needs at least two stages"),
        (TimeSformerConfig, {"n_classes": 0}, "n_classes: expected a whole number from 1, got 0"),
        (TimeSformerConfig, {"size": 30}, "patch: expected a size of whole patches"),
        (
            TimeSformerConfig,
            {"trunk": (1, 1), "patch": 14},
            "a multiple of the trunk's stride of 8",
        ),
        (TimeSformerConfig, {"tubelet": 2}, "tubelet: expected an odd number of frames, got 2"),
        (TimeSformerConfig, {"trunk": 8}, "trunk: expected one number per stage, got 8"),
        (TimeSformerConfig, {"trunk": (1, 0)}, "trunk: expected a whole number from 1, got 0"),
        (TimeSformerConfig, {"heads": 5}, "a width of whole heads, got 224 / 16 and 768 / 5"),
    ],
)
def test_sizes_that_no_network_can_have_are_refused(
    kind: Callable[..., Any], sizes: dict[str, Any], message: str, unchecked: None
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**sizes)


# --- Opening them ------------------------------------------------------------------------------


def write(folder: Path, name: str, network: Network, file: str = "published.pth") -> str:
    """Write weights as MMAction2 does, and return the model's name."""
    state = theirs(name, network)
    if name == "tpn":
        state["neck.aux_head.fc.weight"] = state["cls_head.new_cls.weight"] = torch.zeros(1)
    torch.save({"meta": {"epoch": np.float64(3)}, "state_dict": state}, folder / file)
    return f"{name}:{folder / file}"


def opened(name: str, **options: Any) -> Model:
    model = load_model(name, **options)
    assert isinstance(model, Model)
    return model


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("form", ["published", "prefixed", "half", "safetensors", "ours", "saved"])
def test_a_network_comes_back_from_every_form_of_file(tmp_path: Path, name: str, form: str) -> None:
    network = small(name)
    source = f"{name}:{tmp_path}/w.safetensors"
    spec = ModelSpec(clip=ClipSpec(frames=4, size=SIDE), mean=(0.5,), outputs="logits")
    if form == "published":
        source = write(tmp_path, name, network)
    elif form == "prefixed":
        state = {f"module.{key}": value for key, value in theirs(name, network).items()}
        torch.save(state, tmp_path / "w.pt")
        source = f"{name}:{tmp_path}/w.pt"
    elif form == "half":
        save_file(
            {k: v.half() for k, v in network.state_dict().items()}, tmp_path / "w.safetensors"
        )
    elif form == "safetensors":
        save_file(theirs(name, network), tmp_path / "w.safetensors")
    elif form == "ours":
        save_file(network.state_dict(), tmp_path / "w.safetensors")
    else:
        save(network, spec, tmp_path / "w.safetensors")
    if name == "tpn" and form != "saved":  # the weights of a TPN don't tell its frames
        (tmp_path / "m.yaml").write_text(f"model: {source}\narguments: {{frames: 4}}\n")
        source = str(tmp_path / "m.yaml")
    model = opened(source)
    x = torch.rand(2, 4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    mean, std = (torch.tensor(v).reshape(-1, 1, 1) for v in (model.spec.mean, model.spec.std))
    expected = network((x * model.spec.scale - mean) / std)
    tolerance = 0.05 if form == "half" else 1e-4
    torch.testing.assert_close(model(x), expected, atol=tolerance, rtol=tolerance)
    assert (model.spec == spec) == (form == "saved")


def test_the_networks_want_what_they_were_trained_with(tmp_path: Path) -> None:
    first = opened(write(tmp_path, "timesformer", small("timesformer", 400, 8))).spec
    assert first == ModelSpec(
        clip=ClipSpec(
            frames=8,
            size=SIDE,
            sampling="interval",
            interval=32,
            short="loop",
            short_side=36,
            antialias=False,
        ),
        scale=255,
        mean=(127.5,),
        std=(127.5,),
        outputs="logits",
        class_names=first.class_names,
    )
    assert len(first.class_names) == 400
    assert first.class_names[5] == "archery"
    second = opened(write(tmp_path, "tanet", small("tanet", 12, 8))).spec
    assert second.mean == (123.675, 116.28, 103.5)
    assert second.clip is not None
    assert (second.clip.size, second.clip.short_side, second.clip.interval) == (224, 256, 8)
    assert second.class_names == ()
    third = opened(write(tmp_path, "tpn", small("tpn", 12, 8))).spec
    assert third.mean == (123.675, 116.28, 103.53)
    assert third.std == second.std == (58.395, 57.12, 57.375)
    assert third.clip == second.clip


def test_what_the_user_states_wins(tmp_path: Path) -> None:
    source = write(tmp_path, "tanet", small("tanet", 3, 4))
    (tmp_path / "m.yaml").write_text(
        f"model: {source}\nmean: 100\nclass_names: [a, b, c]\n"
        "clip: {sampling: uniform, size: [48, 56]}\n"
    )
    spec = opened(str(tmp_path / "m.yaml")).spec
    assert spec.mean == (100.0,)
    assert spec.std == (58.395, 57.12, 57.375)
    assert spec.class_names == ("a", "b", "c")
    assert spec.clip is not None
    assert (spec.clip.sampling, spec.clip.interval) == ("uniform", None)
    assert (spec.clip.size, spec.clip.short_side, spec.clip.frames) == ((48, 56), 64, 4)


def test_the_something_something_checkpoint_spreads_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path, "tanet", small("tanet", 7, 4), "tanet_20240101-00000000.pth")
    digest = sha256((tmp_path / "tanet_20240101-00000000.pth").read_bytes()).hexdigest()[:8]
    named = source.replace("00000000", digest)
    (tmp_path / "tanet_20240101-00000000.pth").rename(named.removeprefix("tanet:"))
    clip = opened(named).spec.clip
    assert clip is not None
    assert (clip.sampling, clip.interval) == ("interval", 16)
    monkeypatch.setattr("vexplain.models.networks.published.SOMETHING", (digest,))
    clip = opened(named).spec.clip
    assert clip is not None
    assert (clip.sampling, clip.interval) == ("centres", None)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_folder_of_transformers_is_the_same_network(
    tmp_path: Path, torchvision_repaired: None, file: str
) -> None:
    import transformers

    config: Any = transformers.TimesformerConfig(
        image_size=SIDE,
        patch_size=8,
        num_frames=4,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=96,
        id2label={i: str(i) for i in range(6)},
    )
    torch.manual_seed(0)
    theirs: Any = transformers.TimesformerForVideoClassification(config)
    theirs.eval()
    for key, weight in theirs.named_parameters():
        if "temporal_dense" in key or "embeddings" in key:
            nn.init.normal_(weight, std=0.1)
    if file.endswith("bin"):
        torch.save(theirs.state_dict(), tmp_path / file)
    else:
        theirs.save_pretrained(tmp_path)
    model = opened(f"timesformer:{tmp_path / file}")
    assert (model.spec.mean, model.spec.std) == ((0.45 * 255,), (0.225 * 255,))
    x = torch.rand(2, 4, 3, SIDE, SIDE)
    with torch.inference_mode():
        torch.testing.assert_close(model(x), theirs((x - 0.45) / 0.225).logits)
        assert not torch.allclose(model(x), model(x.flip(1)), atol=1e-4)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_fresh_network_is_built_from_arguments_and_trained_weights_from_a_file(
    tmp_path: Path, name: str
) -> None:
    arguments = "n_classes: 5, frames: 4" + (f", size: {SIDE}" if name == "timesformer" else "")
    text = (
        f"model: {name}:small\narguments: {{{arguments}}}\nmean: 0\nstd: 1\nscale: 1\n"
        f"clip: {{size: {SIDE}}}\n"
    )
    (tmp_path / "m.yaml").write_text(text)
    with pytest.warns(VexplainWarning, match="fresh random weights, so its answers mean nothing"):
        fresh = opened(str(tmp_path / "m.yaml"))
    assert fresh.name == f"{name}:small with fresh weights"
    assert fresh(clips()).shape == (2, 5)
    assert fresh.spec.clip is not None
    assert (fresh.spec.clip.sampling, fresh.spec.clip.frames) == ("centres", 4)
    network = small(name)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "m.yaml").write_text(text + "weights: w.safetensors\n")
    trained = opened(str(tmp_path / "m.yaml"))
    torch.testing.assert_close(trained(clips()), network(clips()), atol=1e-5, rtol=1e-4)
    assert trained.name == f"{name} w.safetensors"


def test_what_cannot_be_stated_of_a_network_is_named(tmp_path: Path) -> None:
    source = write(tmp_path, "tanet", small("tanet", 3, 4))
    for text, message in (
        ("layout: CTHW", "layout: this network takes TCHW, got CTHW"),
        ("pathways: [4, 1]", r"pathways: this network takes \(\), got \(4, 1\)"),
        ("channels: grey\nmean: 0\nstd: 1", "channels: this network takes rgb or bgr, got grey"),
        ("dtype: float16", "dtype: this network takes float32, got float16"),
    ):
        (tmp_path / "m.yaml").write_text(f"model: {source}\n{text}\n")
        with pytest.raises(ValueError, match=message):
            opened(str(tmp_path / "m.yaml"))
    with pytest.raises(ValueError, match="is a folder; name the file of weights in it, or hf:FOLD"):
        opened(f"timesformer:{tmp_path}")


def test_secrets_in_an_address_are_not_shown() -> None:
    with pytest.raises(ConnectionError, match=r"http://127.0.0.1:1/x.pth can't be") as caught:
        opened("tanet:http://user:secret@127.0.0.1:1/x.pth?token=hidden")
    assert not {"secret", "hidden"} & set(re.split(r"\W", str(caught.value)))


def test_the_full_sizes_are_the_default(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "model: tanet:full\narguments: {n_classes: 3, blocks: [1, 1, 1, 1]}\n"
    )
    with pytest.warns(VexplainWarning, match="fresh random weights"):
        model = opened(str(tmp_path / "m.yaml"))
    assert model.spec.clip is not None
    assert (model.spec.clip.frames, model.spec.clip.size) == (8, 224)
    assert model(torch.rand(1, 8, 3, SIDE, SIDE)).shape == (1, 3)


def test_convolutions_keep_their_channels_last_unless_told_otherwise(tmp_path: Path) -> None:
    source = write(tmp_path, "tanet", small("tanet"))
    for stated, expected in ((None, True), (True, True), (False, False)):
        runner: Any = opened(source, channels_last=stated).function
        weight = runner.module.stages[0][0].conv2.conv.weight
        assert weight.is_contiguous(memory_format=torch.channels_last) == expected
    runner = opened(write(tmp_path, "timesformer", small("timesformer"))).function
    assert not runner.running.channels_last


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_saved_network_is_explained(tmp_path: Path, name: str) -> None:
    spec = ModelSpec(
        clip=ClipSpec(frames=4, size=SIDE),
        mean=(0.5,),
        outputs="logits",
        class_names=("a", "b", "c", "d", "e"),
    )
    save(small(name), spec, tmp_path / "trained.safetensors")
    model = opened(f"{name}:{tmp_path}/trained.safetensors")
    assert model.class_names == spec.class_names
    clip = vx.clip_from_array(np.random.default_rng(0).random((4, 3, SIDE, SIDE), np.float32))
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=2, h=2, w=2))
    explanation = vx.explain(clip, model, method=method, progress=False)
    scores = explanation.attribution.scores
    assert scores.shape == (8,)
    assert float(scores.abs().max()) > 0


# --- What goes wrong ---------------------------------------------------------------------------


def joint(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if "temporal_fc" not in k}


def space_only(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in joint(state).items() if "time_embed" not in k}


def shifting(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.replace(".conv1.conv.", ".conv1.conv.net."): v for k, v in state.items()}


@pytest.mark.parametrize(
    ("name", "other", "change", "message"),
    [
        ("tanet", "tpn", dict, "is one of MMAction2's TPN. Load it as tpn:FILE"),
        ("tpn", "tanet", dict, "is one of MMAction2's TANet. Load it as tanet:FILE"),
        ("tanet", "timesformer", dict, "one of MMAction2's TimeSformer. Load it as timesformer:"),
        ("timesformer", "timesformer", joint, "TimeSformer with joint space-time attention"),
        ("timesformer", "timesformer", space_only, "MMAction2's TimeSformer of space only"),
        ("tpn", "tpn", shifting, r"a 2D network that shifts frames \(TSM\), such as TPN on TSM"),
    ],
)
def test_a_checkpoint_of_another_network_is_named(
    tmp_path: Path, name: str, other: str, change: Callable[..., Any], message: str
) -> None:
    torch.save(change(theirs(other, small(other))), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=f"expected a checkpoint of {name}, but .*{message}"):
        load_model(f"{name}:{tmp_path}/w.pth")


def test_our_own_and_unknown_checkpoints_of_another_network_are_named(tmp_path: Path) -> None:
    save(small("tpn"), ModelSpec(), tmp_path / "tpn.safetensors")
    with pytest.raises(ValueError, match=r"vexplain's TPN. Load it as tpn:FILE"):
        load_model(f"tanet:{tmp_path}/tpn.safetensors")
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "w.pt")
    with pytest.raises(ValueError, match="one of another network, with 'weight' in it"):
        load_model(f"tanet:{tmp_path}/w.pt")
    save_file({}, tmp_path / "empty.safetensors")
    with pytest.raises(ValueError, match="one of another network, with nothing in it"):
        load_model(f"tanet:{tmp_path}/empty.safetensors")


def test_mistakes_are_named_in_one_sentence(tmp_path: Path) -> None:
    network = small("tanet")
    source = write(tmp_path, "tanet", network)

    def refused(text: str, message: str) -> None:
        (tmp_path / "m.yaml").write_text(text)
        with pytest.raises(ValueError, match=message):
            load_model(tmp_path / "m.yaml")

    refused(f"model: {source}\nclass_names: [a, b]\n", "class_names: expected 5, as many .* got 2")
    refused(f"model: {source}\nclip: {{frames: 8}}\n", "made for 4 frames, got 8")
    refused(f"model: {source}\narguments: {{n_classes: 7}}\n", "doesn't fit TANet: size mismatch")
    refused(
        f"model: {source}\narguments: {{frame: 7}}\n", "frame is no size .* Did you mean frames"
    )
    refused(f"model: {source}\nweights: w.pth\n", "names its weights itself; expected tanet:small")
    state = theirs("tanet", network)
    del state["cls_head.fc_cls.weight"]
    torch.save(state, tmp_path / "w.pth")
    refused("model: tanet:w.pth", "w.pth has no 'head.weight'; expected the weights of a whole")
    del state["backbone.conv1.bn.bias"]
    torch.save({**state, "cls_head.fc_cls.weight": torch.zeros(5, 384)}, tmp_path / "w.pth")
    refused("model: tanet:w.pth", r"doesn't fit TANet: Missing key\(s\).*stem.bn.bias")
    (tmp_path / "w.pth").write_bytes((tmp_path / "published.pth").read_bytes()[:-9])
    refused("model: tanet:w.pth", "w.pth is cut off; get it again")
    with pytest.raises(FileNotFoundError, match=r"no file .*gone.pth; expected a checkpoint or"):
        load_model(f"tanet:{tmp_path}/gone.pth")


@pytest.mark.parametrize("said", ["[", "{}", '{"network": "tanet", "config": {"eyes": 2}}'])
def test_a_file_that_says_something_else_of_itself_is_refused(tmp_path: Path, said: str) -> None:
    file = tmp_path / "w.safetensors"
    save_file(small("tanet").state_dict(), file, {"vexplain": said})
    with pytest.raises(ValueError, match=r"of itself can't be understood .* newer vexplain"):
        load_model(f"tanet:{file}")


def test_what_a_saved_file_says_of_itself_is_plain_json(tmp_path: Path) -> None:
    from safetensors import safe_open

    save(small("tanet"), ModelSpec(mean=(0.1, 0.2, 0.3)), tmp_path / "w.safetensors")
    with safe_open(tmp_path / "w.safetensors", "pt") as content:
        said = json.loads(content.metadata()["vexplain"])
    assert said["network"] == "tanet"
    assert said["config"]["blocks"] == [1, 1, 1, 1]
    assert opened(f"tanet:{tmp_path}/w.safetensors").spec == ModelSpec(mean=(0.1, 0.2, 0.3))


# --- Addresses and digests ---------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def send_header(self, keyword: str, value: str) -> None:
        longer = keyword == "Content-Length" and "cut" in self.path
        super().send_header(keyword, str(int(value) + 1) if longer else value)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which it is served; fetched files go into a cache."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("VEXPLAIN_CACHE", str(tmp_path / "cache" / "deep"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def published_name(file: Path) -> str:
    return f"tanet_r50_20220919-{sha256(file.read_bytes()).hexdigest()[:8]}.pth"


def cached(tmp_path: Path) -> list[str]:
    return [file.name for file in (tmp_path / "cache").rglob("*") if file.is_file()]


def test_a_published_address_is_fetched_once(tmp_path: Path, site: tuple[Path, str]) -> None:
    folder, address = site
    network = small("tanet")
    write(folder, "tanet", network)
    name = published_name(folder / "published.pth")
    (folder / "published.pth").rename(folder / name)
    model = opened(f"tanet:{address}/{name}")
    (folder / name).unlink()
    again = opened(f"tanet:{address}/{name}")
    x = torch.rand(1, 4, 3, SIDE, SIDE)
    assert torch.equal(model(x), again(x))
    assert cached(tmp_path) == [name]


def test_a_file_with_another_digest_is_refused_and_not_kept(
    tmp_path: Path, site: tuple[Path, str]
) -> None:
    folder, address = site
    name = "tanet_r50_20220919-a34346bc.pth"
    source = write(folder, "tanet", small("tanet"), name)
    message = f"{name} is damaged or another file: its sha256 begins with"
    for wrong in (source, f"tanet:{address}/{name}"):
        with pytest.raises(ValueError, match=message):
            load_model(wrong)
    assert cached(tmp_path) == []


def test_an_address_that_can_not_be_fetched_says_what_to_do(
    tmp_path: Path, site: tuple[Path, str]
) -> None:
    folder, address = site
    write(folder, "tanet", small("tanet"), "cut.pth")
    with pytest.raises(
        ConnectionError, match=r"gone.pth can't be fetched .*404.* Download it else"
    ):
        load_model(f"tanet:{address}/gone.pth")
    with pytest.raises(ConnectionError, match=r"cut.pth was cut off; try again"):
        load_model(f"tanet:{address}/cut.pth")
    with pytest.raises(ConnectionError, match=r"can't be fetched .*refused"):
        load_model("tanet:http://127.0.0.1:9/w.pth")
    assert cached(tmp_path) == []
