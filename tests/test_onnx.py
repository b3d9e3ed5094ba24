"""ONNX graphs: the real ones beside the repository, and small ones made here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

import vexplain as vx
from networks import UCF50, UCF50_CLIPS, UCF50_SPEC, ConvLstm
from vexplain.core import ClipSpec
from vexplain.models import Model, as_classifier, load_model
from vexplain.models.onnx_file import CUDA, providers

Axis = int | str | None
SIZES: Mapping[str, Axis] = {"N": "n", "T": 4, "C": 3, "H": 5, "W": 6}
WEIGHT = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
QUARTERS = vx.methods.loco(segmentation=vx.segmentation.Grid(t=1, h=2, w=2))
UCF50_YAML = """
model: onnx:{folder}/models/ucf50_5class_{kind}_128.onnx
clip: {{frames: 20, sampling: every, size: 128, resize: stretch, antialias: false}}
channels: bgr
outputs: softmax
class_names: [Biking, Diving, GolfSwing, Punch, Rowing]
"""


@pytest.mark.parametrize(
    ("clip", "kind", "answer", "probability"),
    [
        ("biking.avi", "convlstm", "Biking", 0.985),
        ("rowing.mp4", "convlstm", "Rowing", 1.000),
        ("boxing.mp4", "convlstm", "Punch", 0.937),
        ("biking.avi", "lrcn", "Biking", 0.925),
        ("rowing.mp4", "lrcn", "Rowing", 0.883),
        ("boxing.mp4", "lrcn", "Punch", 0.994),
    ],
)
def test_the_known_answers_of_the_ucf50_networks_come_out(
    assets: Path, tmp_path: Path, clip: str, kind: str, answer: str, probability: float
) -> None:
    yaml = tmp_path / "model.yaml"
    yaml.write_text(UCF50_YAML.format(folder=assets.resolve(), kind=kind))
    model = load_model(yaml)
    assert isinstance(model, Model)
    assert model.spec.clip is not None
    frames = vx.read_clip(assets / "clips" / clip, model.spec.clip).frames
    scores = model(frames[None])[0]
    assert UCF50[int(scores.argmax())] == answer
    assert float(scores.max()) == pytest.approx(probability, abs=0.005)


def test_onnx_and_its_torch_twin_agree(assets: Path) -> None:
    models = assets / "models"
    clip = vx.read_clip(assets / "clips" / "biking.avi", UCF50_CLIPS).frames[None]
    clip = clip.repeat(2, 1, 1, 1, 1)
    clip[1] *= torch.rand(20, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    graph = load_model(models / "ucf50_5class_convlstm_128.onnx", spec=UCF50_SPEC)
    twin = as_classifier(ConvLstm(models / "ucf50_5class_convlstm_128.npz"), UCF50_SPEC)
    torch.testing.assert_close(graph(clip), twin(clip), atol=2e-6, rtol=1e-4)


def graph(
    path: Path,
    layout: str = "NTCHW",
    dtype: int = TensorProto.FLOAT,
    sizes: Mapping[str, Axis] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A graph whose scores are the mean colour times WEIGHT; its second output is their softmax."""
    known = {**SIZES, **(sizes or {})}
    shape = [known[axis] for axis in layout]
    rows: list[Any] = [known["N"]] if "N" in layout else []
    axes = [number for number, axis in enumerate(layout) if axis not in "NC"]
    nodes = [
        helper.make_node("Cast", ["clip"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["colours"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["colours", "weight"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"]),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("clip", dtype, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [*rows, 5])
            for name in ("scores", "shares")
        ],
        [numpy_helper.from_array(WEIGHT, "weight")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, str(path))
    return path


def loaded(path: Path, text: str = "") -> Model:
    path.with_suffix(".yaml").write_text(f"model: onnx:{path.name}\n{text}")
    model = load_model(path)
    assert isinstance(model, Model)
    return model


def clips(n: int = 2) -> Tensor:
    return torch.rand(n, 4, 3, 5, 6, generator=torch.Generator().manual_seed(1))


def scores_of(clips: Tensor) -> Tensor:
    return clips.mean((1, 3, 4)) @ torch.from_numpy(WEIGHT)


@pytest.mark.parametrize("batch", ["n", None, 1, 2, 8])
@pytest.mark.parametrize("layout", ["NTCHW", "NCTHW", "NTHWC"])
def test_the_shape_of_an_onnx_input_tells_the_spec(
    tmp_path: Path, layout: str, batch: Axis
) -> None:
    model = load_model(graph(tmp_path / "m.onnx", layout, sizes={"N": batch}))
    assert isinstance(model, Model)
    assert model.spec.layout == layout[1:]
    assert model.spec.clip == ClipSpec(frames=4, size=(5, 6))
    for n in (1, 3):
        torch.testing.assert_close(model(clips(n)), scores_of(clips(n)))


@pytest.mark.parametrize("layout", ["TCHW", "CTHW", "THWC"])
def test_an_onnx_graph_without_a_batch_axis(tmp_path: Path, layout: str) -> None:
    model = loaded(graph(tmp_path / "m.onnx", layout))
    assert model.spec.layout == layout
    torch.testing.assert_close(model(clips()), scores_of(clips()))


@pytest.mark.parametrize(("layout", "batch"), [("NCHW", "n"), ("NHWC", 1), ("NCHW", 3)])
def test_an_onnx_model_of_single_frames_is_averaged_over_time(
    tmp_path: Path, layout: str, batch: Axis
) -> None:
    stated = f"layout: {layout[1:]}\nclip: {{frames: 4}}"
    model = loaded(graph(tmp_path / "m.onnx", layout, sizes={"N": batch}), stated)
    assert model.spec.per_frame
    assert model.spec.clip == ClipSpec(frames=4, size=(5, 6), sampling="centres")
    torch.testing.assert_close(model(clips()), scores_of(clips()))


def test_open_axes_are_as_the_user_states(tmp_path: Path) -> None:
    text = "clip: {frames: 4, size: [5, 6]}"
    file = graph(tmp_path / "m.onnx", sizes={"T": "t", "H": None, "W": "w"})
    assert loaded(file, text).spec.clip == ClipSpec(frames=4, size=(5, 6))
    torch.testing.assert_close(loaded(file, text)(clips()), scores_of(clips()))


@pytest.mark.parametrize(
    ("dtype", "scale", "less"),
    [("DOUBLE", 1, 0), ("FLOAT16", 1, 0), ("UINT8", 255, 0), ("INT8", 255, 128)],
)
def test_onnx_inputs_get_their_own_numbers(
    tmp_path: Path, dtype: str, scale: int, less: int
) -> None:
    model = loaded(graph(tmp_path / "m.onnx", dtype=getattr(TensorProto, dtype)))
    values = clips() * scale
    values = values if scale == 1 else values.round() - less
    torch.testing.assert_close(model(clips()), scores_of(values), atol=2e-3, rtol=1e-5)


def test_a_small_onnx_graph_is_explained(tmp_path: Path) -> None:
    metadata = {"names": "{0: 'run', 1: 'sit', 2: 'fall', 3: 'lie', 4: 'sit'}"}
    model = loaded(graph(tmp_path / "m.onnx", metadata=metadata), "mean: 0.5\nstd: 0.25")
    clip = vx.clip_from_array(clips()[0].numpy(), layout="TCHW")
    found = vx.explain(clip, model, method=QUARTERS, target="sit (4)", progress=False)
    expected = scores_of((clips()[:1] - 0.5) / 0.25)[0]
    torch.testing.assert_close(found.ledger.full.float(), expected)
    assert found.ledger.kind == "logits"
    assert found.ledger.class_names == ("run", "sit (1)", "fall", "lie", "sit (4)")
    assert float(found.attribution.scores.abs().max()) > 0


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("names", "{1: 'b', 0: 'a', 2: 'c', 3: 'd', 4: 'e'}", "abcde"),
        ("id2label", '{"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}', "abcde"),
        ("labels", '["a", "b", "c", "d", "e"]', "abcde"),
        ("classes", "a\nb\nc\nd\ne\n", "abcde"),
        ("names", "['a', 'b']", None),
        ("names", "{0: 'a', 7: 'b', 2: 'c', 3: 'd', 4: 'e'}", None),
        ("names", "[1, 2, 3, 4, 5]", None),
        ("names", "__import__('os').getcwd()", None),
        ("names", "{'a': 1}", None),
        ("names", "[" * 5000, None),
        ("author", "['a', 'b', 'c', 'd', 'e']", None),
    ],
)
def test_class_names_in_the_metadata_are_read_where_they_can_be_right(
    tmp_path: Path, key: str, text: str, expected: str | None
) -> None:
    model = loaded(graph(tmp_path / "m.onnx", metadata={key: text}))
    assert model.class_names == (tuple(expected) if expected else None)


def test_another_onnx_output_can_be_named(tmp_path: Path) -> None:
    file = graph(tmp_path / "m.onnx")
    model = loaded(file, "arguments: {output: shares}")
    torch.testing.assert_close(model(clips()), scores_of(clips()).softmax(1))
    with pytest.raises(ValueError, match=r"output is one of scores, shares .* Did you mean shares"):
        loaded(file, "arguments: {output: share}")
    with pytest.raises(ValueError, match="takes 'output' only, got 'n_classes'"):
        loaded(file, "arguments: {n_classes: 5}")


def test_weights_outside_the_onnx_file_are_found(tmp_path: Path) -> None:
    model = onnx.load(str(graph(tmp_path / "small.onnx")))
    file = tmp_path / "big.onnx"
    onnx.save(
        model, str(file), save_as_external_data=True, location="big.onnx.data", size_threshold=0
    )
    assert (tmp_path / "big.onnx.data").stat().st_size == WEIGHT.nbytes
    torch.testing.assert_close(loaded(file)(clips()), scores_of(clips()))
    (tmp_path / "big.onnx.data").unlink()
    with pytest.raises(ValueError, match="can't be opened as an ONNX graph"):
        loaded(file)


def test_files_that_are_no_onnx_graph(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_model(tmp_path / "missing.onnx")
    whole = graph(tmp_path / "m.onnx").read_bytes()
    for content in (b"", b"not a graph", whole[: len(whole) // 2]):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(ValueError, match="can't be opened as an ONNX graph"):
            load_model(tmp_path / "broken.onnx")
    with pytest.raises(ValueError, match=r"TensorFlow Lite graph .* An ONNX graph is named onnx:"):
        load_model(f"tflite:{tmp_path / 'm.onnx'}")


def test_onnx_graphs_that_do_not_take_one_clip(tmp_path: Path) -> None:
    made = onnx.load(str(graph(tmp_path / "m.onnx")))
    made.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["n"]))
    onnx.save(made, str(tmp_path / "two.onnx"))
    with pytest.raises(ValueError, match=r"got clip: tensor\(float\), mask: tensor\(float\)"):
        load_model(tmp_path / "two.onnx")
    with pytest.raises(ValueError, match=r"expected one input of .* got clip: tensor\(int64\)"):
        load_model(graph(tmp_path / "whole.onnx", dtype=TensorProto.INT64))


@pytest.mark.parametrize(
    ("sizes", "text", "message"),
    [
        ({"T": "t"}, "", r"leaves frames open\. State them"),
        ({"H": "h"}, "", r"has the shape \(\?, 4, 3, \?, 6\), which leaves size open"),
        ({"T": 3}, "", r"which doesn't tell its layout\. State it"),
        ({}, "layout: CTHW", "has 4 channels as CTHW, expected 3 or 1"),
        ({}, "layout: HWC", "which doesn't tell its layout"),
        ({}, "dtype: float16", r"dtype: m.onnx tells this itself \(float32\), got float16\. Leave"),
        ({}, "pathways: [4, 1]", "pathways: m.onnx tells this itself"),
    ],
)
def test_statements_that_the_onnx_file_contradicts_or_needs(
    tmp_path: Path, sizes: dict[str, Axis], text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        loaded(graph(tmp_path / "m.onnx", sizes=sizes), text)


def test_clips_and_class_names_that_do_not_fit_the_onnx_graph(tmp_path: Path) -> None:
    file = graph(tmp_path / "m.onnx", sizes={"T": 8})
    with pytest.raises(ValueError, match=r"wants an input of shape .* got \(2, 4, 3, 5, 6\)"):
        loaded(file)(clips())
    clip = vx.clip_from_array(clips()[0].numpy(), layout="TCHW")
    with pytest.raises(ValueError, match="the model wants 8 frames of 5x6 pixels, got 4 of 5x6"):
        vx.explain(clip, loaded(file), method=QUARTERS, progress=False)
    model = loaded(graph(tmp_path / "m.onnx"), "class_names: [a, b]")
    with pytest.raises(ValueError, match="got 2 names for a model that answers with 5 scores"):
        vx.explain(clip, model, method=QUARTERS, progress=False)


def test_an_onnx_graph_that_fails_or_answers_without_rows(tmp_path: Path) -> None:
    made = onnx.load(str(graph(tmp_path / "m.onnx")))
    made.graph.node[1].attribute[0].ints[:] = [0, 1, 3, 4]
    del made.graph.output[0].type.tensor_type.shape.dim[0]
    onnx.save(made, str(tmp_path / "m.onnx"))
    with pytest.raises(ValueError, match=r"one row of class scores per clip \(2\), got shape"):
        loaded(tmp_path / "m.onnx")(clips())
    open_channels = graph(tmp_path / "open.onnx", sizes={"C": "c"})
    grey = loaded(open_channels, "layout: TCHW\nchannels: grey")
    with pytest.raises(ValueError, match=r"the ONNX graph failed on \(2, 4, 1, 5, 6\): "):
        grey(clips())


def test_where_onnx_graphs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = graph(tmp_path / "m.onnx")
    for device in ("cpu", "auto", torch.device("cpu")):
        torch.testing.assert_close(load_model(file, device=device)(clips()), scores_of(clips()))
    with pytest.raises(ValueError, match=r"device: onnxruntime runs on auto, cpu, cuda .* 'mps'"):
        load_model(file, device="mps")
    with pytest.raises(ValueError, match="device: this onnxruntime has no CUDA"):
        load_model(file, device="cuda")
    with pytest.raises(ValueError, match=r"device: onnxruntime runs on .* got 'cuda:x'"):
        load_model(file, device="cuda:x")
    with pytest.raises(ValueError, match=r"precision: bfloat16 is for torch modules; .* Leave it"):
        load_model(file, precision="bfloat16")
    both = [CUDA, "CPUExecutionProvider"]
    assert providers("cuda:1", both) == [(CUDA, {"device_id": 1}), "CPUExecutionProvider"]
    assert providers("auto", both)[0] == (CUDA, {"device_id": 0})
    assert providers("cpu", both) == ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    with (
        pytest.warns(UserWarning, match="'CUDAExecutionProvider' is not in available"),
        pytest.raises(ValueError, match="device: onnxruntime couldn't start CUDA and fell back"),
    ):
        load_model(file, device="cuda")
