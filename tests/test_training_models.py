"""Which networks can be trained, what head they get, and that what is saved opens as it was."""

import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from test_training import _one_thread, colours, config  # noqa: F401  (a fixture of every test)
from vexplain.core import ClipSpec, ModelSpec
from vexplain.models import load_model
from vexplain.models.networks import TANet, TANetConfig, save
from vexplain.training import Config, Trainable, train, trainable
from vexplain.training.heads import Head, replaced
from vexplain.training.learning import optimizer_for

NAMES = ("red", "green", "blue")
PYTORCHVIDEO = "ignore:`torch.jit.script` is deprecated:DeprecationWarning"


def clips(spec: ClipSpec, n: int = 2) -> Tensor:
    height, width = spec.height_width or (32, 32)
    return torch.rand(n, spec.frames, 3, height, width, generator=torch.Generator().manual_seed(1))


def weight_of(found: Trainable, name: str) -> Tensor:
    weight: Tensor = found.whole.network.state_dict()[name]
    return weight


def check_saved(found: Trainable, stem: Path) -> None:
    """Check that what is saved answers as the network that was trained, and says the same."""
    for weight in found.whole.parameters():  # training changed something
        weight.data += 0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
    name = found.save(stem)
    model: Any = load_model(name)
    some = clips(found.clip)
    with torch.no_grad():
        answers = found.whole.eval()(some)
        scores = model(some)
    assert model.class_names == found.spec.class_names
    assert model.spec.clip == found.clip
    if model.outputs == "softmax":
        answers = answers.softmax(1)
    torch.testing.assert_close(scores, answers, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["tanet", "tpn", "timesformer"])
def test_the_networks_of_the_paper(model: str, tmp_path: Path) -> None:
    found = trainable(config(model), NAMES)
    check_saved(found, tmp_path / "best")
    file = str(tmp_path / "best.safetensors")
    again = trainable(Config(model=f"{model}:{file}", data="x"), NAMES)
    assert torch.equal(weight_of(again, "head.weight"), weight_of(found, "head.weight"))
    other = trainable(Config(model=f"{model}:{file}", data="x"), ("blue", "red", "green", "grey"))
    assert other.spec.class_names == ("blue", "red", "green", "grey")
    before, after = found.whole.state_dict(), other.whole.state_dict()
    kept = [name for name in before if ".head." not in name]
    assert all(torch.equal(before[name], after[name]) for name in kept)
    check_saved(other, tmp_path / "other")


def test_weights_to_start_from_are_found_beside_the_configuration(tmp_path: Path) -> None:
    network = TANet(TANetConfig(n_classes=3, frames=3, width=4, blocks=(1,)))
    save(network, ModelSpec(clip=ClipSpec(frames=3, size=32)), tmp_path / "start.safetensors")
    wanted = Config(model="tanet:small", data="x", weights="start.safetensors", folder=tmp_path)
    found = trainable(wanted, NAMES)
    assert torch.equal(weight_of(found, "stem.conv.weight"), network.stem.conv.weight)
    assert torch.equal(weight_of(found, "head.weight"), network.head.weight)
    assert found.clip == ClipSpec(frames=3, size=32)
    larger = trainable(replace(wanted, clip={"size": 48}), NAMES)
    assert larger.clip.size == 48


def test_weights_that_two_networks_share_are_taken_over(tmp_path: Path) -> None:
    theirs = TANet(TANetConfig(n_classes=3, frames=4, width=4, blocks=(1, 2)))
    save(theirs, ModelSpec(clip=ClipSpec(frames=4, size=32)), tmp_path / "tanet.safetensors")
    sizes = {"frames": 4, "size": 32, "width": 16, "depth": 1, "heads": 2, "hidden": 16}
    wanted = Config(
        model="timesformer:small",
        arguments={**sizes, "patch": 8, "trunk": [1, 1], "trunk_width": 4},
        data="x",
        shared_weights="tanet.safetensors",
        folder=tmp_path,
    )
    found = trainable(wanted, NAMES)
    ours, state = found.whole.network.state_dict(), theirs.state_dict()
    shared = {name for name in ours if name in state and not name.startswith("head.")}
    assert "stages.1.0.conv2.bn.running_var" in shared
    assert all(torch.equal(ours[name], state[name]) for name in shared)
    assert not ours["head.bias"].any()
    check_saved(found, tmp_path / "hybrid")


def test_weights_that_share_nothing_are_refused(tmp_path: Path) -> None:
    save_file({"other": torch.ones(3)}, tmp_path / "other.safetensors")
    wanted = Config(
        model="tanet:small", data="x", shared_weights="other.safetensors", folder=tmp_path
    )
    with pytest.raises(ValueError, match=r"shared_weights: .* this TANet has.*'other'"):
        trainable(wanted, NAMES)
    with pytest.raises(FileNotFoundError, match=r"there is no file .*gone\.pt"):
        trainable(replace(wanted, shared_weights="gone.pt"), NAMES)


FACTORY = """
import torch
from torch import nn

class Pooled(nn.Module):
    def __init__(self, n_classes, width):
        super().__init__()
        self.features = nn.Conv3d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm3d(width)
        self.head = nn.Linear(width, n_classes)
        self.probabilities = False
    def forward(self, clips):
        scores = self.head(self.norm(self.features(clips)).relu().mean((2, 3, 4)))
        return scores.softmax(1) if self.probabilities else scores

def make(n_classes=5, width=8):
    return Pooled(n_classes, width)

def make_softmax(n_classes):
    network = Pooled(n_classes, 8)
    network.probabilities = True
    return network

def make_five(width=8):
    return Pooled(5, width)

def make_sigmoid():
    return lambda clips: clips.mean((1, 2, 3, 4))
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Config]:
    (tmp_path / "mine.py").write_text(FACTORY)

    def described(factory: str, extra: str = "", **wishes: Any) -> Config:
        text = f"model: python:mine.py:{factory}\nlayout: CTHW\nmean: 0.45\nstd: 0.225\n{extra}"
        (tmp_path / "mine.yaml").write_text(text)
        usual: dict[str, Any] = {"clip": {"frames": 4, "size": 16}, "folder": tmp_path}
        return Config(**{**usual, "model": "mine.yaml", "data": "x", **wishes})

    return described


def test_a_network_of_the_users_own(written: Callable[..., Config], tmp_path: Path) -> None:
    found = trainable(written("make", arguments={"width": 6}), NAMES)
    assert found.spec.outputs == "logits"
    assert found.head == ""  # the factory built it for these classes
    (tmp_path / "out").mkdir()
    check_saved(found, tmp_path / "out" / "best")
    softmax = trainable(written("make_softmax"), NAMES)
    assert softmax.spec.outputs == "softmax"
    check_saved(softmax, tmp_path / "out" / "softmax")


def test_a_users_network_takes_over_all_but_its_head(
    written: Callable[..., Config], tmp_path: Path
) -> None:
    theirs = trainable(written("make"), NAMES)
    state = {f"module.{name}": w for name, w in theirs.whole.network.state_dict().items()}
    torch.save({**state, "epoch": 3}, tmp_path / "start.pt")
    found = trainable(written("make", shared_weights="start.pt"), NAMES)
    for name in ("features.weight", "norm.running_var"):
        assert torch.equal(weight_of(found, name), weight_of(theirs, name))
    assert not torch.equal(weight_of(found, "head.weight"), weight_of(theirs, "head.weight"))


def test_shared_weights_that_cannot_be_taken_over(
    written: Callable[..., Config], tmp_path: Path
) -> None:
    state = trainable(written("make"), NAMES).whole.network.state_dict()
    state["features.weight"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(
        ValueError, match=r"shared_weights: features\.weight in .*nan\.pt holds NaN"
    ):
        trainable(written("make", shared_weights="nan.pt"), NAMES)
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(ValueError, match=r"^shared_weights: .*text\.pt is no torch file"):
        trainable(written("make", shared_weights="text.pt"), NAMES)
    with pytest.raises(FileNotFoundError, match=r"^shared_weights: there is no file"):
        trainable(written("make", shared_weights="gone.pt"), NAMES)


def test_weights_for_other_classes_of_the_users_own(
    written: Callable[..., Config], tmp_path: Path
) -> None:
    five = trainable(written("make"), ("a", "b", "c", "d", "e"))
    five.save(tmp_path / "five")
    wanted = written("make", arguments={"n_classes": 5}, weights="five.safetensors")
    found = trainable(wanted, NAMES)
    assert found.head == "head"
    kept = "features.weight"
    assert torch.equal(weight_of(found, kept), weight_of(five, kept))
    (tmp_path / "out").mkdir()
    check_saved(found, tmp_path / "out" / "best")


def test_factories_that_cannot_be_trained(written: Callable[..., Config]) -> None:
    with pytest.raises(ValueError, match=r"make_five returns has 5 classes, the data 3\. Give"):
        trainable(written("make_five"), NAMES)
    with pytest.raises(ValueError, match="is no torch module"):
        trainable(written("make_sigmoid"), NAMES)
    with pytest.raises(ValueError, match=r"outputs: expected a network that .*outputs=sigmoid"):
        trainable(written("make", "outputs: sigmoid\n"), NAMES)
    with pytest.raises(ValueError, match="at least 2 classes"):
        trainable(written("make"), ("red",))


@pytest.mark.parametrize(
    "model", ["onnx:x.onnx", "tflite:x.tflite", "http://host/v2/models/x", "torch:x.pt2", "x.pt2"]
)
def test_models_that_only_answer(model: str) -> None:
    with pytest.raises(ValueError, match=r"answer but can't be trained\. Name a torch"):
        trainable(Config(model=model, data="x"), NAMES)


def test_a_network_of_transformers(torchvision_repaired: None, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"num_frames": 4, "image_size": 32, "patch_size": 16, "hidden_size": 16}
    sizes |= {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    labels = {k: f"action {k}" for k in range(5)}
    settings = transformers.TimesformerConfig(**sizes, id2label=labels)
    transformers.TimesformerForVideoClassification(settings).save_pretrained(tmp_path / "start")
    (tmp_path / "start" / "preprocessor_config.json").write_text(
        '{"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, '
        '"image_mean": [0.45, 0.45, 0.45], "image_std": [0.225, 0.225, 0.225]}'
    )
    wanted = Config(model="hf:start", data="x", folder=tmp_path)
    found = trainable(wanted, NAMES)
    assert found.head == "model.classifier"
    check_saved(found, tmp_path / "best")
    model = load_model(f"hf:{tmp_path / 'best'}")  # the folder alone says it too
    assert model.class_names == NAMES
    assert trainable(replace(wanted, model="hf:best"), NAMES).head == ""


@pytest.mark.parametrize(("name", "size"), [("r3d_18", 32), ("resnet18", 32)])
def test_a_network_of_torchvision(
    torchvision_repaired: None, name: str, size: int, tmp_path: Path
) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, num_classes=5)
    save_file(network.state_dict(), tmp_path / "start.safetensors")
    wanted = Config(
        model=f"torchvision:{name}@start.safetensors",
        data="x",
        folder=tmp_path,
        clip={"frames": 4, "size": size, "scaled": [size, size]},
    )
    found = trainable(wanted, NAMES)
    assert found.head == "fc"
    assert found.spec.per_frame == (name == "resnet18")
    check_saved(found, tmp_path / "best")


@pytest.mark.filterwarnings(PYTORCHVIDEO)
def test_a_network_with_two_pathways(torchvision_repaired: None, tmp_path: Path) -> None:
    hub = pytest.importorskip("pytorchvideo.models.hub")
    torch.manual_seed(0)
    sizes = {"stem_dim_outs": [8, 1], "head_pool_kernel_sizes": [[2, 1, 1], [8, 1, 1]]}
    network = hub.slowfast_r50(pretrained=False, **sizes, model_num_class=5)
    save_file(network.state_dict(), tmp_path / "start.safetensors")
    wanted = Config(
        model="pytorchvideo:slowfast_r50@start.safetensors",
        data="x",
        folder=tmp_path,
        arguments=sizes,
        clip={"frames": 8, "size": 32, "short_side": 32},
    )
    found = trainable(wanted, NAMES)
    assert found.head == "blocks.6.proj"
    check_saved(found, tmp_path / "best")


def test_a_users_network_is_trained_from_end_to_end(
    written: Callable[..., Config], tmp_path: Path
) -> None:
    wanted = written("make", folds=2, epochs=4, batch_size=4, workers=0, learning_rate=0.03)
    out = tmp_path / "out"
    found = train(wanted, dataset=colours(), out=out, device="cpu", progress=False)
    assert found.accuracy > 0.9
    model = load_model(out / "fold0" / found.folds[0].model)
    assert model.class_names == NAMES
    state = load_file(out / "fold0" / "last.safetensors")
    assert state["norm.num_batches_tracked"] == 4 * (found.folds[0].training // 4)


def test_a_convolution_can_be_the_head() -> None:
    network = nn.Sequential(nn.Conv3d(3, 7, 1), nn.Conv3d(7, 7, 3), nn.AdaptiveAvgPool3d(1))

    def answer() -> Tensor:
        answered: Tensor = network(torch.zeros(1, 3, 3, 3, 3))
        return answered

    head = Head.of(network, answer, 7)
    assert head.name == "0"
    with pytest.raises(ValueError, match="with 9 outputs at the end of Sequential, found none"):
        Head.of(network, answer, 9)
    changed = replaced(network, head, 2)
    assert changed.get_parameter("0.weight").shape == (2, 3, 1, 1, 1)


UNUSUAL = """
import random
import numpy as np
import torch
from torch import nn

class Backwards(nn.Module):
    "Its layers are listed in another order than they are used in."
    def __init__(self, n_classes):
        super().__init__()
        self.last = nn.Linear(5, n_classes)
        self.never = nn.Linear(5, n_classes)
        self.first = nn.Linear(3, 5)
        self.aside = nn.Linear(5, n_classes)
    def forward(self, clips):
        means = self.first(clips.mean((2, 3, 4)))
        self.aside(means)
        return self.last(means)

def make(n_classes=5):
    return Backwards(n_classes)

def make_half(n_classes):
    return Backwards(n_classes).half()

def make_partly_frozen(n_classes):
    network = Backwards(n_classes)
    network.first.requires_grad_(False)
    return network

def make_frozen(n_classes):
    return Backwards(n_classes).requires_grad_(False)

class Headless(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_classes, 3))
    def forward(self, clips):
        return clips.mean((2, 3, 4)) @ self.weight.T

def make_headless(n_classes):
    return Headless(n_classes)

def make_drawn(n_classes):
    network = Headless(n_classes)
    network.weight.data += random.random() + np.random.rand()
    return network
"""


@pytest.fixture
def unusual(tmp_path: Path) -> Callable[..., Config]:
    (tmp_path / "unusual.py").write_text(UNUSUAL)

    def described(factory: str, **wishes: Any) -> Config:
        text = f"model: python:unusual.py:{factory}\nlayout: CTHW\noutputs: logits\n"
        (tmp_path / "unusual.yaml").write_text(text)
        usual: dict[str, Any] = {"clip": {"frames": 4, "size": 16}, "folder": tmp_path}
        return Config(**{**usual, "model": "unusual.yaml", "data": "x", **wishes})

    return described


def test_the_head_is_the_layer_that_is_used_last(unusual: Callable[..., Config]) -> None:
    found = trainable(unusual("make", arguments={"n_classes": 5}, freeze="backbone"), NAMES)
    assert found.head == "last"
    assert weight_of(found, "last.weight").shape == (3, 5)
    assert weight_of(found, "never.weight").shape == (5, 5)


def test_a_network_without_a_head_is_trained_where_it_needs_no_other(
    unusual: Callable[..., Config],
) -> None:
    assert trainable(unusual("make_headless"), NAMES).head == ""
    with pytest.raises(ValueError, match="at the end of Headless, found none"):
        trainable(unusual("make_headless", freeze="backbone"), NAMES)


def test_what_the_user_froze_stays_frozen(unusual: Callable[..., Config]) -> None:
    found = trainable(unusual("make_partly_frozen"), NAMES)
    weights = found.whole.network.named_parameters()
    assert {name for name, one in weights if not one.requires_grad} == {
        "first.weight",
        "first.bias",
    }
    with pytest.raises(ValueError, match="all its weights are frozen"):
        optimizer_for(trainable(unusual("make_frozen"), NAMES).whole, config())


def test_weights_in_half_precision_are_refused(unusual: Callable[..., Config]) -> None:
    wanted = unusual("make_half")
    file = wanted.folder / "unusual.yaml"
    file.write_text(f"{file.read_text()}dtype: float16\n")
    with pytest.raises(ValueError, match=r"in float32, got .* in float16.*precision: bfloat16"):
        trainable(wanted, NAMES)


def test_a_factory_may_draw_from_python_and_numpy(
    unusual: Callable[..., Config], tmp_path: Path
) -> None:
    wanted = unusual("make_drawn", folds=2, only=(0,), epochs=1, workers=0)
    files = []
    for out in ("first", "second"):
        random.seed(out)
        np.random.seed(len(out))
        train(wanted, dataset=colours(), out=tmp_path / out, device="cpu", progress=False)
        files.append((tmp_path / out / "fold0" / "last.safetensors").read_bytes())
    assert files[0] == files[1]


def test_what_is_started_from_belongs_to_the_training(
    unusual: Callable[..., Config], tmp_path: Path
) -> None:
    wanted = unusual("make_headless", folds=2, only=(0,), epochs=1, workers=0)
    wanted = replace(wanted, weights="start.safetensors", arguments={"n_classes": 3})

    def run() -> str:
        train(wanted, dataset=colours(), out=tmp_path / "out", device="cpu", progress=False)
        return (tmp_path / "out" / "README.md").read_text()

    save_file({"weight": torch.ones(3, 3)}, tmp_path / "start.safetensors")
    start = sha256((tmp_path / "start.safetensors").read_bytes()).hexdigest()
    assert f"- `start.safetensors`, SHA-256 `{start}`" in run()
    run()
    text = (tmp_path / "unusual.yaml").read_text()
    (tmp_path / "unusual.yaml").write_text(f"{text}scale: 2\n")
    with pytest.raises(ValueError, match=r"another training \(origin was .*'scale': 2"):
        run()
    (tmp_path / "unusual.yaml").write_text(text)
    save_file({"weight": torch.zeros(3, 3)}, tmp_path / "start.safetensors")
    with pytest.raises(ValueError, match=r"another training \(origin was .*start\.safetensors"):
        run()
    wanted = replace(wanted, shared_weights="start.safetensors", only=(1,))
    with pytest.raises(ValueError, match=r"another training \(.*shared_weights"):
        run()


OPENED = """
import sys
import torch
from vexplain.models import load_model
torch.save(load_model(sys.argv[1])(torch.load(sys.argv[2])), sys.argv[3])
"""


@pytest.mark.parametrize(
    "place", ["flat_network:make", "net_package.inner.network:make", "flat_network.py:make"]
)
def test_it_opens_in_another_process_and_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.startswith(("flat_", "net_package"))]:
        monkeypatch.delitem(sys.modules, name)
    inner = tmp_path / "mine" / "net_package" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    (inner.parent / "sizes.py").write_text("WIDTH = 6\n")
    (inner / "network.py").write_text(f"from ..sizes import WIDTH\n{FACTORY}")
    (tmp_path / "mine" / "flat_sizes.py").write_text("WIDTH = 6\n")
    (tmp_path / "mine" / "flat_network.py").write_text(f"from flat_sizes import WIDTH\n{FACTORY}")
    text = f"model: python:{place}\nlayout: CTHW\noutputs: logits\n"
    (tmp_path / "mine" / "net.yaml").write_text(text)
    sizes = {"frames": 4, "size": 16}
    found = trainable(
        Config(model="net.yaml", data="x", clip=sizes, folder=tmp_path / "mine"), NAMES
    )
    (tmp_path / "out" / "fold0").mkdir(parents=True)
    name = found.save(tmp_path / "out" / "fold0" / "last")
    some = clips(found.clip)
    torch.save(some, tmp_path / "clips.pt")
    (tmp_path / "elsewhere").mkdir()
    files = [str(tmp_path / file) for file in ("clips.pt", "scores.pt")]
    command = [sys.executable, "-c", OPENED, name, *files]
    done = subprocess.run(
        command, cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        expected = found.whole.eval()(some)
    torch.testing.assert_close(torch.load(tmp_path / "scores.pt"), expected)
