"""PyTorchVideo's networks, and models with two pathways of any origin."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import vexplain as vx
from vexplain.core import ClipSpec, VideoClip
from vexplain.methods import loco
from vexplain.models import Model, load_model
from vexplain.models.pytorchvideo_models import VIEWS, spec_of

pytestmark = pytest.mark.filterwarnings(
    # PyTorchVideo scripts an activation when it is imported.
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)

NARROW = {
    "stem_dim_outs": [8, 1],
    "head_pool_kernel_sizes": [[2, 1, 1], [8, 1, 1]],
    "model_num_class": 3,
}
"""SlowFast-R50 with an eighth of its width: 0.5 million weights; its head sees 2 and 8 frames."""


@pytest.fixture(scope="module")
def hub(torchvision_repaired: None) -> Any:
    return pytest.importorskip("pytorchvideo.models.hub")


def clip(frames: int = 8, size: int = 32) -> VideoClip:
    pixels = torch.rand(frames, 3, size, size, generator=torch.Generator().manual_seed(1))
    return VideoClip(pixels, torch.arange(frames) / 25)


def narrow(hub: Any, **arguments: Any) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = hub.slowfast_r50(pretrained=False, **NARROW, **arguments)
    return network.eval()


def written(folder: Path, text: str) -> Path:
    lines = "".join(f"  {key}: {value}\n" for key, value in NARROW.items() if key[0] != "m")
    (folder / "model.yaml").write_text(
        f"{text}arguments:\n{lines}clip: {{frames: 8, size: 32, short_side: 32}}\n"
    )
    return folder / "model.yaml"


def explained(model: Any, target: str) -> vx.Explanation:
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=2, h=1, w=2))
    return vx.explain(clip(), model, method=method, target=target, progress=False)


def test_slowfast_is_explained_from_end_to_end(hub: Any, tmp_path: Path) -> None:
    network = narrow(hub)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    text = "model: pytorchvideo:slowfast_r50@weights.safetensors\nclass_names: [run, sit, wave]\n"
    model = load_model(written(tmp_path, text))
    assert isinstance(model, Model)
    assert model.name == "slowfast_r50@weights.safetensors"
    assert model.spec.pathways == (4, 1)
    result = explained(model, "sit")
    fast = ((clip().frames[None] - 0.45) / 0.225).transpose(1, 2)
    expected = network([fast[:, :, [0, 7]], fast])[0]
    torch.testing.assert_close(result.ledger.full.float(), expected, atol=1e-5, rtol=1e-5)
    assert float(result.attribution.scores.abs().max()) > 0


def test_what_is_absent_is_absent_from_both_pathways(hub: Any, tmp_path: Path) -> None:
    seen: list[list[Tensor]] = []
    network = narrow(hub)
    network.register_forward_pre_hook(lambda _, given: seen.append([*given[0]]))
    spec = replace(spec_of("slowfast_r50", network, 3), clip=ClipSpec(frames=8, size=32))
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=2, h=1, w=2))
    vx.explain(clip(), network, spec=spec, method=method, target=0, batch_size=1, progress=False)
    assert len(seen) == 6  # the whole clip, the empty one, and four with a region left out
    whole = seen[0][1]
    changed = 0
    for slow, fast in seen:
        assert (slow.shape[2], fast.shape[2]) == (2, 8)
        assert torch.equal(slow, fast[:, :, [0, 7]])
        changed += int(not torch.equal(slow, whole[:, :, [0, 7]]))
    assert changed == 5


def test_every_network_is_shown_what_it_was_tested_with() -> None:
    published = {  # frames, interval, side of the crop, short side
        "c2d_r50": (8, 8, 256, 256),
        "i3d_r50": (8, 8, 256, 256),
        "slow_r50": (8, 8, 256, 256),
        "slowfast_r50": (32, 2, 256, 256),
        "slowfast_r101": (32, 2, 256, 256),
        "slowfast_16x8_r101_50_50": (64, 2, 256, 256),
        "csn_r101": (32, 2, 256, 256),
        "r2plus1d_r50": (16, 4, 256, 256),
        "x3d_xs": (4, 12, 182, 182),
        "x3d_s": (13, 6, 182, 182),
        "x3d_m": (16, 5, 256, 256),
        "x3d_l": (16, 5, 356, 356),
        "mvit_base_16x4": (16, 4, 224, 256),
        "mvit_base_32x3": (32, 3, 224, 256),
    }
    shown = {n: (v.frames, v.interval, v.size, v.short_side) for n, v in VIEWS.items()}
    assert shown == published
    ways = {(v.sampling, v.start, v.short, v.resize, v.antialias) for v in VIEWS.values()}
    assert ways == {("interval", None, "hold", "crop", False)}


@pytest.mark.parametrize("name", VIEWS)
def test_every_network_of_the_zoo_takes_the_clips_that_its_spec_says(hub: Any, name: str) -> None:
    with torch.device("cpu" if name.startswith("mvit") else "meta"):
        network = getattr(hub, name)(pretrained=False).eval()
    spec = spec_of(name, network, 400)
    assert spec.clip is not None
    assert len(spec.class_names) == 400
    assert spec.outputs == ("softmax" if name.startswith(("x3d", "r2plus1d")) else "logits")
    side = spec.clip.height_width
    given = [
        torch.empty(1, 3, spec.clip.frames // times, *(side or ()), device="meta")
        for times in spec.pathways or (1,)
    ]
    scores = network.to("meta")(given if spec.pathways else given[0])
    assert scores.shape == (1, 400)


def test_x3d_answers_with_probabilities(hub: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = hub.x3d_xs(pretrained=False, model_num_class=5).eval()
    parallel = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"model_state": parallel, "epoch": 3}, tmp_path / "x3d.pt")  # as PySlowFast does
    model = load_model(f"pytorchvideo:x3d_xs@{tmp_path / 'x3d.pt'}")
    assert (model.outputs, model.class_names) == ("softmax", None)
    frames = clip(4, 182).frames[None]
    scores = model(frames)
    torch.testing.assert_close(scores, network(((frames - 0.45) / 0.225).transpose(1, 2)))
    assert float(scores.detach().sum()) == pytest.approx(1, abs=1e-5)


def test_mvit_takes_the_number_of_classes_of_its_file(hub: Any, tmp_path: Path) -> None:
    arguments = {"depth": 2, "spatial_size": 32, "temporal_size": 4, "patch_embed_dim": 8}
    others = {"embed_dim_mul": [[1, 2.0]], "atten_head_mul": [[1, 2.0]], "num_heads": 1}
    strides = {"pool_q_stride_size": [[1, 1, 2, 2]]}
    torch.manual_seed(0)
    network = hub.mvit_base_16x4(
        pretrained=False, head_num_classes=3, **arguments, **others, **strides
    ).eval()
    torch.save(network.state_dict(), tmp_path / "mvit.pt")
    lines = "".join(f"  {k}: {v}\n" for k, v in {**arguments, **others, **strides}.items())
    (tmp_path / "mvit.yaml").write_text(
        f"model: pytorchvideo:mvit_base_16x4@mvit.pt\narguments:\n{lines}"
        "clip: {frames: 4, size: 32}\n"
    )
    frames = clip(4, 32).frames[None]
    scores = load_model(tmp_path / "mvit.yaml")(frames)
    expected = network(((frames - 0.45) / 0.225).transpose(1, 2))
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-5)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code from a stranger ran",))


def test_published_weights_come_through_torch_hub_as_weights_only(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = hub.x3d.checkpoint_paths
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    torch.manual_seed(0)
    network = hub.x3d_xs(pretrained=False).eval()
    torch.save({"model_state": network.state_dict()}, tmp_path / "whole.pyth")
    monkeypatch.setitem(addresses, "x3d_xs", (tmp_path / "whole.pyth").as_uri())
    model = load_model("pytorchvideo:x3d_xs")
    assert isinstance(model, Model)
    assert model.spec.class_names[0] == "abseiling"
    frames = clip(4, 182).frames[None]
    expected = network(((frames - 0.45) / 0.225).transpose(1, 2))
    torch.testing.assert_close(model(frames), expected)
    torch.save({"model_state": Evil()}, tmp_path / "evil.pyth")
    for name in ("evil", "gone"):
        monkeypatch.setitem(addresses, "x3d_xs", (tmp_path / f"{name}.pyth").as_uri())
        with pytest.raises(ValueError, match="weights: those of x3d_xs can't be had from file"):
            load_model("pytorchvideo:x3d_xs")
    assert "ran" not in capsys.readouterr().out


def test_mistakes_are_named(hub: Any, tmp_path: Path) -> None:
    for name, message in (
        ("slowfast", "no video classifier 'slowfast'; expected c2d_r50, .*Did you mean slowfast_r"),
        ("x3d_s@gone.pt", "weights: there is no file gone.pt"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            load_model(f"pytorchvideo:{name}")
    torch.save(narrow(hub).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"doesn't fit Net: "):
        load_model(f"pytorchvideo:x3d_xs@{tmp_path / 'weights.pt'}")
    (tmp_path / "model.yaml").write_text(
        "model: pytorchvideo:slowfast_r50@weights.pt\narguments: {model_depth: 18}\n"
    )
    with pytest.raises(ValueError, match="arguments: the network can't be built with"):
        load_model(tmp_path / "model.yaml")
    (tmp_path / "model.yaml").write_text(
        "model: pytorchvideo:slowfast_r50\narguments: {model_num_class: 3}\n"
    )
    with pytest.raises(ValueError, match="the published weights of slowfast_r50 are for the netwo"):
        load_model(tmp_path / "model.yaml")


TWO_PATHWAYS = """
import torch
from torch import nn

class TwoPathways(nn.Module):
    def __init__(self, n_classes, width):
        super().__init__()
        self.slow = nn.Conv3d(3, width, (1, 5, 5), stride=(1, 2, 2))
        self.fast = nn.Conv3d(3, width // 2, (5, 5, 5), stride=(4, 2, 2), padding=(2, 0, 0))
        self.head = nn.Linear(width + width // 2, n_classes)

    def forward(self, pathways):
        slow, fast = pathways
        both = torch.cat([self.slow(slow), self.fast(fast)], 1)
        return self.head(both.relu().mean((2, 3, 4)))

def network(n_classes, width):
    torch.manual_seed(0)
    return TwoPathways(n_classes, width)
"""


def test_any_network_with_two_pathways_is_explained(tmp_path: Path) -> None:
    """The form that PySlowFast's networks have too: they take the list, slow pathway first."""
    (tmp_path / "net.py").write_text(TWO_PATHWAYS)
    (tmp_path / "net.yaml").write_text(
        "model: python:net.py:network\narguments: {n_classes: 2, width: 8}\n"
        "pathways: [4, 1]\nlayout: CTHW\nmean: 0.45\nstd: 0.225\noutputs: logits\n"
        "class_names: [run, sit]\nclip: {frames: 8, size: 32}\n"
    )
    model = load_model(tmp_path / "net.yaml")
    result = explained(model, "run")
    fast = ((clip().frames[None] - 0.45) / 0.225).transpose(1, 2)
    assert isinstance(model, Model)
    alone: Any = model.function
    expected = alone([fast[:, :, [0, 7]], fast])[0]
    torch.testing.assert_close(result.ledger.full.float(), expected, atol=1e-5, rtol=1e-5)
    assert float(result.attribution.scores.abs().max()) > 0
    (tmp_path / "net.yaml").write_text(
        "model: python:net.py:network\narguments: {n_classes: 2, width: 8}\n"
        "pathways: [4, 1]\nclip: {frames: 6}\n"
    )
    with pytest.raises(ValueError, match="pathways: 6 frames can't be reduced 4 times"):
        load_model(tmp_path / "net.yaml")
