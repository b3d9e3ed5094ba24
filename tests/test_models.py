from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import vexplain as vx
from networks import FrameMobileNet, mobilenet_spec
from vexplain.core import ClipSpec, ModelSpec
from vexplain.models import Model, as_classifier, describe, load_model, prepared


@pytest.mark.parametrize(
    ("clip", "answer", "probability"),
    [
        ("car-shadow.mp4", "minivan", None),
        ("archery.avi", "bow", 0.785),
        ("swing_baseball.mp4", "ballplayer", 0.657),
        ("rowing.mp4", "paddle", 0.312),
    ],
)
def test_the_known_answers_of_the_frame_classifier_come_out(
    assets: Path, clip: str, answer: str, probability: float | None
) -> None:
    model = as_classifier(
        FrameMobileNet(assets / "models" / "mobilenet_v2_1.0_224_imagenet_u8.npz"),
        mobilenet_spec(assets),
    )
    assert model.class_names is not None
    resize = "stretch" if clip.startswith("car") else "crop"
    spec = ClipSpec(frames=16, size=224, resize=resize)  # type: ignore[arg-type]
    scores = model(vx.read_clip(assets / "clips" / clip, spec).frames[None]).softmax(1)[0]
    assert model.class_names[int(scores.argmax())].startswith(answer)
    if probability is not None:
        assert float(scores.max()) == pytest.approx(probability, abs=0.06)


def clips(n: int = 2) -> Tensor:
    return torch.rand(n, 4, 3, 5, 6, generator=torch.Generator().manual_seed(1))


def test_what_a_model_is_given_has_its_closed_form() -> None:
    x = clips()
    spec = ModelSpec(
        layout="CTHW", channels="bgr", scale=255, mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0)
    )
    given = prepared(x, spec)
    assert given.shape == (2, 3, 4, 5, 6)
    torch.testing.assert_close(given[:, 0], (x[:, :, 2] * 255 - 1) / 4)
    torch.testing.assert_close(given[:, 2], (x[:, :, 0] * 255 - 3) / 6)
    eight_bit = prepared(x, ModelSpec(layout="THWC", dtype="uint8", scale=255))
    assert eight_bit.dtype == torch.uint8
    assert torch.equal(eight_bit.permute(0, 1, 4, 2, 3), (x * 255).round().to(torch.uint8))
    grey = prepared(x, ModelSpec(channels="grey", dtype="float16"))
    assert grey.shape == (2, 4, 1, 5, 6)
    luma = 0.299 * x[:, :, :1] + 0.587 * x[:, :, 1:2] + 0.114 * x[:, :, 2:]
    torch.testing.assert_close(grey.float(), luma, atol=1e-3, rtol=1e-3)


def means(x: Tensor) -> Tensor:
    return x.flatten(1)[:, :3]


def test_any_callable_on_a_batch_or_on_single_clips() -> None:
    x = clips()
    expected = means(x)
    assert torch.equal(as_classifier(means)(x), expected)
    assert torch.equal(as_classifier(lambda v: means(v).numpy())(x), expected)
    assert torch.equal(as_classifier(lambda v: {"logits": means(v)})(x), expected)
    assert torch.equal(as_classifier(lambda v: (means(v), "features"))(x), expected)
    single = as_classifier(lambda v: v.flatten()[:3], ModelSpec(batched=False))
    assert torch.equal(single(x), expected)
    with pytest.raises(TypeError, match="tensor or an array of real numbers, got str"):
        as_classifier(lambda v: "biking")(x)
    with pytest.raises(TypeError, match="model: expected a torch module, a callable"):
        as_classifier(3)


def test_a_module_is_put_into_evaluation_mode() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(360, 3)).train()
    model = as_classifier(module)
    assert torch.equal(model(clips()), model(clips()))


FACTORY = """
from torch import nn

def linear(n_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(360, n_classes))
"""


def test_a_python_factory_with_weights(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FACTORY)
    module = nn.Sequential(nn.Flatten(), nn.Linear(360, 2))
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    (tmp_path / "names.txt").write_text("jumping\nsitting\n")
    text = (
        "model: python:net.py:linear\narguments: {n_classes: 2}\nweights: net.safetensors\n"
        "class_names: names.txt\nmean: 0.5\nclip: {frames: 4, size: [5, 6]}\n"
    )
    (tmp_path / "net.yaml").write_text(text)
    model = load_model(tmp_path / "net.yaml")
    assert model.class_names == ("jumping", "sitting")
    torch.testing.assert_close(model(clips()), module(clips() - 0.5))
    assert describe(tmp_path / "net.yaml").completed().clip == ClipSpec(frames=4, size=(5, 6))
    torch.save(module.state_dict(), tmp_path / "net.pt")
    (tmp_path / "net.yaml").write_text(text.replace("safetensors", "pt"))
    torch.testing.assert_close(load_model(tmp_path / "net.yaml")(clips()), module(clips() - 0.5))


def test_the_yaml_file_beside_a_model_can_only_describe_that_model(
    assets: Path, tmp_path: Path
) -> None:
    file = tmp_path / "net.onnx"
    file.symlink_to(assets / "models" / "ucf50_5class_lrcn_128.onnx")
    ran = tmp_path / "ran"
    (tmp_path / "payload.py").write_text(f"open({str(ran)!r}, 'w')\ndef f(): return print")
    (tmp_path / "net.yaml").write_text("model: python:payload.py:f")
    with pytest.raises(ValueError, match=r"net\.yaml lies beside .* but speaks of python:payload"):
        load_model(file)
    assert not ran.exists()
    (tmp_path / "net.yaml").write_text("nc: 80")
    with pytest.raises(ValueError, match="It was read because it lies beside"):
        load_model(file)
    (tmp_path / "net.yaml").write_text("model: net.onnx\nchannels: bgr")
    model = load_model(file)
    assert isinstance(model, Model)
    assert model.spec.channels == "bgr"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code from a stranger ran",))


def test_weights_that_do_not_fit_or_are_a_pickle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(FACTORY)
    text = "model: python:net.py:linear\narguments: {n_classes: 2}\nweights: "
    other = nn.Sequential(nn.Flatten(), nn.Linear(360, 3))
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"1234")
    torch.save({"x": Evil()}, tmp_path / "evil.pt")
    for name, message in (
        ("other.safetensors", "doesn't fit Sequential: size mismatch"),
        ("cut.safetensors", "is not a whole safetensors file"),
        ("evil.pt", "can't be read as weights only"),
        ("gone.pt", "there is no file"),
    ):
        (tmp_path / "net.yaml").write_text(text + name)
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            load_model(tmp_path / "net.yaml")
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "expected keys with 'model' among them"),
        ("model: [", "is not a YAML file"),
        ("model: demo.zip", "expected one of .* before the colon"),
        ("model: onnx:m.onnx\nlayuot: TCHW", "layuot: not a known key.*Did you mean layout"),
        ("model: onnx:m.onnx\nclip: {frame: 3}", "frame: not a known key.*Did you mean frames"),
        ("model: onnx:m.onnx\nclip: {frames: 0}", "frames: expected a whole number from 1, got 0"),
        ("model: onnx:m.onnx\nlayout: TCHX", "layout: expected T, C, H, W"),
        ("model: onnx:m.onnx\nchannels: gbr", "channels: expected one of rgb, bgr, grey"),
        ("model: onnx:m.onnx\nmean: [1, 2]", "mean: expected 1 or 3 numbers"),
        ("model: onnx:m.onnx\nmean: often", "mean: expected a number or a list"),
        ("model: onnx:m.onnx\nstd: 0", "std: expected a number above 0"),
        ("model: onnx:m.onnx\nclass_names: [a, a]", "class_names: expected different names"),
        ("model: onnx:m.onnx\nclass_names: gone.txt", "class_names: expected a list or a text"),
        ("model: onnx:m.onnx\noutputs: votes", "outputs: expected one of"),
        (
            "model: python:vexplain.models:lode_model",
            "has no 'lode_model'. Did you mean load_model",
        ),
        ("model: python:no_such_module:f", "can't import no_such_module"),
        ("model: python:gone.py:f", "there is no file"),
    ],
)
def test_mistakes_in_the_yaml_file_are_named(
    tmp_path: Path, text: str, message: str, unchecked: None
) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_model(tmp_path / "m.yaml")


def test_the_demo_network_is_loaded_by_its_name() -> None:
    model = load_model("demo")
    assert model.class_names is not None
    assert len(model.class_names) == 14
    frames = torch.from_numpy(np.zeros((1, 8, 3, 64, 64), dtype=np.float32))
    assert model(frames).shape == (1, 14)
