"""TensorFlow Lite graphs, written operator by operator by the files' own schema."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import flatbuffers
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor

import vexplain as vx
from vexplain.core import ClipSpec, ModelSpec
from vexplain.models import Model, load_model
from vexplain.models.tflite_file import normalised, summing_to_one

Quantised = tuple[float, int] | None
WEIGHT = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
CLIP = (1, 4, 6, 8, 3)
QUARTERS = vx.methods.loco(segmentation=vx.segmentation.Grid(t=1, h=2, w=2))


@dataclass
class Graph:
    """A graph under construction; every method returns the number of a tensor."""

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    codes: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "float32",
        quantised: Quantised = None,
        values: np.ndarray | None = None,
        variable: bool = False,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type = (
            f"t{len(self.tensors)}",
            getattr(schema.TensorType, dtype.upper()),
        )
        tensor.shape = [abs(size) for size in shape]
        tensor.shapeSignature = list(shape) if min(shape, default=1) < 0 else None
        tensor.isVariable = variable
        if quantised:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [quantised[0]]
            tensor.quantization.zeroPoint = [quantised[1]]
        if values is not None:
            tensor.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT())
            self.buffers[-1].data = np.frombuffer(values.tobytes(), np.uint8)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, values: Any) -> int:
        array = np.asarray(values)
        return self.tensor(array.shape, array.dtype.name, values=array)

    def run(self, name: str, inputs: Sequence[int], output: int, options: Any = None) -> int:
        code = schema.OperatorCodeT()
        builtin = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
        code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
        code.customCode = name if builtin == schema.BuiltinOperator.CUSTOM else None
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.codes), inputs, [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self.codes.append(code)
        self.operators.append(operator)
        return output

    def scores(self, clip: int, first: int = 1) -> int:
        """Return the class scores (N, 5): the mean colour times WEIGHT."""
        shape = self.tensors[clip].shape
        axes = self.constant(np.arange(first, len(shape) - 1, dtype=np.int32))
        mean = self.tensor((*shape[:first], 3))
        self.run("MEAN", [clip, axes], mean, schema.ReducerOptionsT())
        weights = [self.constant(WEIGHT), self.constant(np.zeros(5, np.float32))]
        scores, options = (
            self.tensor((shape[0] if first else 1, 5)),
            schema.FullyConnectedOptionsT(),
        )
        return self.run("FULLY_CONNECTED", [mean, *weights], scores, options)

    def softmax(self, scores: int, output: int) -> int:
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        return self.run("SOFTMAX", [scores], output, options)

    def save(
        self, path: Path, inputs: Sequence[int], outputs: Sequence[int], signatures: str = ""
    ) -> Path:
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = inputs, outputs
        model.version, model.subgraphs = 3, [graph]
        model.buffers, model.operatorCodes = self.buffers, self.codes
        model.signatureDefs = [self.signature(name, inputs[0], outputs[0]) for name in signatures]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path

    def signature(self, name: str, clip: int, scores: int) -> Any:
        made, ends = schema.SignatureDefT(), (schema.TensorMapT(), schema.TensorMapT())
        for end, tensor in zip(ends, (clip, scores), strict=True):
            end.name, end.tensorIndex = self.tensors[tensor].name, tensor
        made.signatureKey, made.inputs, made.outputs = name, [ends[0]], [ends[1]]
        return made


def file_of(
    folder: Path,
    shape: Sequence[int],
    dtype: str = "float32",
    quantised: Quantised = None,
    first: int = 1,
) -> Path:
    """A graph that reads its input as real numbers, and answers with float scores."""
    graph = Graph()
    clip = real = graph.tensor(shape, dtype, quantised)
    if dtype != "float32":
        real = graph.run("DEQUANTIZE", [clip], graph.tensor(shape))
    return graph.save(folder / "m.tflite", [clip], [graph.scores(real, first)])


def probabilities(folder: Path, dtype: str | None, last: str = "SOFTMAX") -> Path:
    """A graph of float clips whose softmax or sigmoid is computed in float or in 8 bits."""
    graph = Graph()
    clip = graph.tensor(CLIP)
    scores = graph.scores(clip)
    if dtype is None:
        end = graph.tensor((1, 5))
    else:
        zero = -128 if dtype == "int8" else 0
        taken = graph.tensor((1, 5), dtype, (1 / 32, zero + 128))
        scores = graph.run("QUANTIZE", [scores], taken)
        end = graph.tensor((1, 5), dtype, (1 / 256, zero))
    if last == "SOFTMAX":
        graph.softmax(scores, end)
    else:
        graph.run(last, [scores], end)
    return graph.save(folder / "m.tflite", [clip], [end])


def loaded(path: Path, text: str = "") -> Model:
    path.with_suffix(".yaml").write_text(f"model: tflite:{path.name}\n{text}")
    model = load_model(path)
    assert isinstance(model, Model)
    return model


def clips(n: int = 3) -> Tensor:
    return torch.rand(n, 4, 3, 6, 8, generator=torch.Generator().manual_seed(1))


def scores_of(clips: Tensor) -> Tensor:
    return clips.mean((1, 3, 4)) @ torch.from_numpy(WEIGHT).T


def with_metadata(file: Path, content: bytes) -> Path:
    """Put metadata into a file."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    model.metadata = [entry]
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.frombuffer(content, np.uint8)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(bytes(builder.Output()))
    return file


def normalising(mean: Sequence[float], std: Sequence[float]) -> bytes:
    """Metadata of an input with a unit of another kind before its normalisation."""
    builder = flatbuffers.Builder(64)

    def table(fields: dict[int, int], kind: int | None = None) -> int:
        builder.StartObject(5)
        for number, offset in fields.items():
            builder.PrependUOffsetTRelativeSlot(number, offset, 0)
        if kind is not None:
            builder.PrependUint8Slot(0, kind, 0)
        made: int = builder.EndObject()
        return made

    def vector(offsets: Sequence[int]) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        made: int = builder.EndVector()
        return made

    numbers = [builder.CreateNumpyVector(np.array(v, np.float32)) for v in (mean, std)]
    units = [table({1: table({})}, kind=2), table({1: table(dict(enumerate(numbers)))}, kind=1)]
    graph = table({2: vector([table({4: vector(units)})])})
    builder.Finish(table({3: vector([graph])}), b"M001")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("clip", "answer", "probability"),
    [
        ("car-shadow.mp4", "minivan", None),
        ("archery.avi", "bow", 0.638),
        ("swing_baseball.mp4", "ballplayer", 0.520),
        ("rowing.mp4", "paddle", 0.266),
    ],
)
def test_the_known_answers_of_the_quantised_mobilenet_come_out(
    assets: Path, tmp_path: Path, clip: str, answer: str, probability: float | None
) -> None:
    resize = "stretch" if clip.startswith("car") else "crop"
    model = mobilenet(assets, tmp_path, f"resize: {resize}")
    assert model.spec.clip is not None
    frames = vx.read_clip(assets / "clips" / clip, model.spec.clip).frames
    scores = model(frames[None])[0]
    assert model.class_names is not None
    assert model.class_names[int(scores.argmax())].startswith(answer)
    if probability is not None:
        assert float(scores.max()) == pytest.approx(probability, abs=0.015)
    assert float(scores.sum()) == pytest.approx(1, abs=1e-5)


def mobilenet(assets: Path, folder: Path, clip: str) -> Model:
    models = (assets / "models").resolve()
    (folder / "m.yaml").write_text(
        f"model: tflite:{models}/mobilenet_v2_1.0_224_quant.tflite\n"
        f"class_names: {models}/imagenet_labels.txt\n"
        f"clip: {{frames: 16, sampling: uniform, {clip}}}\n"
    )
    model = load_model(folder / "m.yaml")
    assert isinstance(model, Model)
    return model


def test_the_quantised_mobilenet_is_explained(assets: Path, tmp_path: Path) -> None:
    model = mobilenet(assets, tmp_path, "resize: crop")
    archery = assets / "clips" / "archery.avi"
    found = vx.explain(archery, model, method=QUARTERS, progress=False)
    assert found.ledger.kind == model.outputs == "softmax"
    assert found.target_name.startswith("bow")
    assert found.attribution.scores.shape == (4,)
    assert float(found.attribution.scores.max()) > 0.1


def test_a_clip_model_of_floats_is_explained(tmp_path: Path) -> None:
    model = loaded(file_of(tmp_path, CLIP), "mean: 0.5\nstd: 0.25\nclass_names: [a, b, c, d, e]")
    assert model.spec == ModelSpec(
        clip=ClipSpec(frames=4, size=(6, 8)),
        layout="THWC",
        mean=(0.5,),
        std=(0.25,),
        class_names=tuple("abcde"),
    )
    x = clips()
    torch.testing.assert_close(model(x), scores_of((x - 0.5) / 0.25))
    clip = vx.clip_from_array(x[0].numpy(), layout="TCHW")
    found = vx.explain(clip, model, method=QUARTERS, target="b", progress=False)
    assert found.ledger.kind == "logits"
    torch.testing.assert_close(found.ledger.full.float(), scores_of((x[:1] - 0.5) / 0.25)[0])
    assert found.attribution.map.shape == (4, 6, 8)
    assert float(found.attribution.scores.abs().max()) > 0


def test_a_model_of_single_frames_is_averaged_over_time(tmp_path: Path) -> None:
    model = loaded(file_of(tmp_path, (1, 6, 8, 3)), "clip: {frames: 4}")
    assert model.spec.layout == "HWC"
    assert model.spec.clip == ClipSpec(frames=4, size=(6, 8), sampling="centres")
    torch.testing.assert_close(model(clips()), scores_of(clips()))


@pytest.mark.parametrize(
    "shape", [(-1, 4, 6, 8, 3), (-1, -1, -1, -1, 3), (2, 4, 6, 8, 3), CLIP[1:]]
)
def test_batches_are_open_fixed_or_absent(tmp_path: Path, shape: tuple[int, ...]) -> None:
    model = loaded(
        file_of(tmp_path, shape, first=len(shape) - 4),
        "layout: THWC\nclip: {frames: 4, size: [6, 8]}",
    )
    for n in (3, 1):
        torch.testing.assert_close(model(clips(n)), scores_of(clips(n)))


def test_an_open_size_takes_clips_of_any_size(tmp_path: Path) -> None:
    model = loaded(file_of(tmp_path, (-1, -1, -1, -1, 3)), "clip: {frames: 4, size: null}")
    for x in (clips(), clips()[..., :5], clips()):
        torch.testing.assert_close(model(x), scores_of(x))


@pytest.mark.parametrize(
    ("dtype", "quantised"),
    [("uint8", (1 / 128, 128)), ("int8", (1 / 128, 0)), ("uint8", (1 / 255, 0)), ("int8", None)],
)
def test_an_8_bit_input_gets_pixels(tmp_path: Path, dtype: str, quantised: Quantised) -> None:
    if quantised is None:  # a file that doesn't say what its integers stand for
        graph = Graph()
        clip = graph.tensor(CLIP, dtype)
        real = graph.run("CAST", [clip], graph.tensor(CLIP), schema.CastOptionsT())
        model = loaded(graph.save(tmp_path / "m.tflite", [clip], [graph.scores(real)]))
    else:
        model = loaded(file_of(tmp_path, CLIP, dtype, quantised))
    assert (model.spec.dtype, model.spec.scale) == ("uint8", 255)
    pixels = (clips() * 255).round() - (128 if dtype == "int8" else 0)
    scale, zero = quantised or (1, 0)
    torch.testing.assert_close(model(clips()), scores_of((pixels - zero) * scale))


@pytest.mark.parametrize(
    ("dtype", "quantised"), [("uint8", (0.032, 80)), ("int8", (0.032, -48)), ("int16", (2e-4, 0))]
)
def test_stated_normalisation_gives_the_real_values_that_are_quantised(
    tmp_path: Path, dtype: str, quantised: tuple[float, int]
) -> None:
    text = "scale: 255\nmean: [120, 110, 100]\nstd: [60, 50, 40]"
    model = loaded(file_of(tmp_path, CLIP, dtype, quantised), text)
    assert model.spec.dtype == "float32"
    mean, std = torch.tensor([[120.0, 110, 100], [60, 50, 40]]).reshape(2, 3, 1, 1)
    real = (clips() * 255 - mean) / std
    torch.testing.assert_close(model(clips()), scores_of(real), atol=0.02, rtol=0)
    scale, zero = quantised
    limits = torch.iinfo(getattr(torch, dtype))
    stored = ((real / scale).round() + zero).clamp(limits.min, limits.max)
    torch.testing.assert_close(model(clips()), scores_of((stored - zero) * scale))


def test_real_values_beyond_the_range_of_the_input_are_cut(tmp_path: Path) -> None:
    model = loaded(file_of(tmp_path, CLIP, "int8", (1 / 256, 0)), "dtype: float32")
    expected = scores_of(((clips() * 256).round().clamp(max=127)) / 256)
    torch.testing.assert_close(model(clips()), expected)


@pytest.mark.parametrize(
    ("mean", "std"), [((127.5,), (127.5,)), ((120.0, 110.0, 100.0), (60.0, 50.0, 40.0))]
)
def test_the_metadata_of_a_float_input_states_its_normalisation(
    tmp_path: Path, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    file = with_metadata(file_of(tmp_path, CLIP), normalising(mean, std))
    model = loaded(file)
    assert (model.spec.scale, model.spec.mean, model.spec.std) == (255, mean, std)
    numbers = torch.tensor([mean, std]).reshape(2, -1, 1, 1)
    expected = scores_of((clips() * 255 - numbers[0]) / numbers[1])
    torch.testing.assert_close(model(clips()), expected)
    if len(mean) == 1:
        torch.testing.assert_close(model(clips()), scores_of(clips() * 2 - 1))
    for text in ("scale: 1.0", "mean: 0.0", "std: 1.0"):
        torch.testing.assert_close(loaded(file, text)(clips()), scores_of(clips()))


def test_metadata_changes_nothing_for_a_quantised_input(tmp_path: Path) -> None:
    file = file_of(tmp_path, CLIP, "uint8", (1 / 128, 128))
    spec = loaded(file).spec
    assert loaded(with_metadata(file, normalising((127.5,), (127.5,)))).spec == spec


def test_bad_metadata_is_passed_over(tmp_path: Path) -> None:
    whole = normalising((127.5,), (127.5,))
    nonsense = [
        normalising(*numbers)
        for numbers in (((), ()), ((1.0, 2.0), (1.0,)), ((0.0,), (0.0,)), ((float("nan"),), (1.0,)))
    ]
    for content in (b"", b"x", b"\xff" * 64, whole[: len(whole) // 2], *nonsense):
        model = loaded(with_metadata(file_of(tmp_path, CLIP), content))
        assert (model.spec.scale, model.spec.mean, model.spec.std) == (1, (0.0,), (1.0,))
    random, spec = np.random.default_rng(0), ModelSpec()
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] = random.integers(256)
        file = with_metadata(file_of(tmp_path, CLIP), bytes(damaged))
        assert normalised(spec, file).scale in (1, 255)  # whatever it is, no crash


def test_threads_may_share_a_model(tmp_path: Path) -> None:
    model = loaded(file_of(tmp_path, (1, 6, 8, 3)), "clip: {frames: 4}")
    batches = [clips() * share for share in torch.linspace(0.1, 1, 90)]
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(model, batches))
    for batch, answer in zip(batches, answers, strict=True):
        torch.testing.assert_close(answer, scores_of(batch))
    assert "lock" not in repr(model.function)


@pytest.mark.parametrize("dtype", ["uint8", "int8", None])
def test_a_softmax_at_the_end_is_known_and_sums_to_one(tmp_path: Path, dtype: str | None) -> None:
    model = loaded(probabilities(tmp_path, dtype))
    assert model.outputs == "softmax"
    scores = model(clips())
    torch.testing.assert_close(scores.sum(1), torch.ones(3))
    torch.testing.assert_close(scores, scores_of(clips()).softmax(1), atol=0.02, rtol=0)


def test_a_sigmoid_at_the_end_is_known_and_left_alone(tmp_path: Path) -> None:
    model = loaded(probabilities(tmp_path, "int8", last="LOGISTIC"))
    assert model.outputs == "sigmoid"
    torch.testing.assert_close(model(clips()), scores_of(clips()).sigmoid(), atol=0.02, rtol=0)
    steps = model(clips()) * 256
    assert torch.equal(steps, steps.round())


def test_a_quantised_softmax_that_is_dequantised_in_the_file_is_known(tmp_path: Path) -> None:
    graph = Graph()
    clip = graph.tensor(CLIP)
    taken = graph.tensor((1, 5), "int8", (1 / 32, 0))
    scores = graph.run("QUANTIZE", [graph.scores(clip)], taken)
    shares = graph.softmax(scores, graph.tensor((1, 5), "int8", (1 / 256, -128)))
    end = graph.run("DEQUANTIZE", [shares], graph.tensor((1, 5)))
    model = loaded(graph.save(tmp_path / "m.tflite", [clip], [end]))
    assert model.outputs == "softmax"
    torch.testing.assert_close(model(clips()).sum(1), torch.ones(3))


def test_what_rounding_took_off_is_spread_and_nothing_else() -> None:
    exact = torch.rand(4, 1000, generator=torch.Generator().manual_seed(0)).pow(20).softmax(1)
    exact[:, 0] += 1
    exact /= 2
    stored = (exact * 256).round() / 256
    assert float(stored.sum(1).max()) < 0.9
    spread = summing_to_one(stored, 1 / 256)
    torch.testing.assert_close(spread.sum(1), torch.ones(4))
    assert float((spread - stored).abs().max()) <= 0.5 / 256
    assert float((spread - exact).abs().max()) <= 1 / 256
    logits = torch.tensor([[3.0, 1.0], [0.5, 0.499]])
    assert torch.equal(summing_to_one(logits, 1 / 256)[0], logits[0])
    assert float(summing_to_one(logits, 1 / 256)[1].sum()) == pytest.approx(1)


def test_a_recurrent_layer_forgets_the_clip_before(tmp_path: Path) -> None:
    graph = Graph()
    clip = graph.tensor(CLIP)
    space = graph.constant(np.array([2, 3], np.int32))
    colours = graph.run("MEAN", [clip, space], graph.tensor((1, 4, 3)), schema.ReducerOptionsT())
    recurrent = np.random.default_rng(1).normal(size=(5, 5)).astype(np.float32)
    constants = [graph.constant(v) for v in (WEIGHT, recurrent, np.zeros(5, np.float32))]
    options = schema.SequenceRNNOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    state = graph.tensor((1, 5), variable=True)
    steps = graph.run(
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        [colours, *constants, state],
        graph.tensor((1, 4, 5)),
        options,
    )
    time = graph.constant(np.array([1], np.int32))
    end = graph.run("MEAN", [steps, time], graph.tensor((1, 5)), schema.ReducerOptionsT())
    model = loaded(graph.save(tmp_path / "m.tflite", [clip], [end]))
    state_now, total = torch.zeros(3, 5), torch.zeros(3, 5)
    for colour in clips().mean((3, 4)).unbind(1):
        drive = colour @ torch.from_numpy(WEIGHT).T + state_now @ torch.from_numpy(recurrent).T
        state_now = drive.tanh()
        total += state_now
    torch.testing.assert_close(model(clips()), total / 4)


def test_class_names_are_read_from_the_files_own_archive(tmp_path: Path) -> None:
    file = file_of(tmp_path, CLIP)
    with ZipFile(file, "a") as archive:
        archive.writestr("vocabulary.txt", "one\ntwo\n")
        archive.writestr("labels.txt", "run\nsit\nrun\nfall\nlie\n")
    assert loaded(file).class_names == ("run (0)", "sit", "run (2)", "fall", "lie")
    assert loaded(file, "class_names: [a, b, c, d, e]").class_names == tuple("abcde")
    torch.testing.assert_close(loaded(file)(clips()), scores_of(clips()))


def two_outputs(folder: Path) -> tuple[Path, str]:
    graph = Graph()
    clip = graph.tensor(CLIP)
    scores = graph.scores(clip)
    shares = graph.softmax(scores, graph.tensor((1, 5)))
    file = graph.save(folder / "m.tflite", [clip], [shares, scores])
    return file, graph.tensors[scores].name


def test_another_output_can_be_named(tmp_path: Path) -> None:
    file, name = two_outputs(tmp_path)
    assert loaded(file).outputs == "softmax"
    torch.testing.assert_close(loaded(file)(clips()), scores_of(clips()).softmax(1))
    model = loaded(file, f"arguments: {{output: {name}}}")
    assert model.outputs == "auto"
    torch.testing.assert_close(model(clips()), scores_of(clips()))
    with pytest.raises(ValueError, match=r"arguments: output is one of .* got 'logits'"):
        loaded(file, "arguments: {output: logits}")
    with pytest.raises(ValueError, match="takes 'output' only, got 'width'"):
        loaded(file, "arguments: {width: 2}")


def test_files_that_are_no_such_graph(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_model(tmp_path / "missing.tflite")
    whole = file_of(tmp_path, CLIP).read_bytes()
    for content in (b"", b"not a graph", whole[: len(whole) // 2]):
        (tmp_path / "broken.tflite").write_bytes(content)
        with pytest.raises(ValueError, match=r"can't be opened .* An ONNX graph is named onnx:"):
            load_model(tmp_path / "broken.tflite")
    with pytest.raises(ValueError, match=r"It is a TensorFlow Lite file: name it tflite:"):
        load_model(f"onnx:{tmp_path / 'm.tflite'}")


def test_graphs_that_are_no_classifier_of_one_clip(tmp_path: Path) -> None:
    graph = Graph()
    clip, state = graph.tensor(CLIP), graph.tensor(CLIP)
    both = graph.run("ADD", [clip, state], graph.tensor(CLIP), schema.AddOptionsT())
    file = graph.save(tmp_path / "m.tflite", [clip, state], [graph.scores(both)])
    with pytest.raises(ValueError, match=r"expected one input .* got t0: float32, t1: float32\."):
        load_model(file)
    graph = Graph()
    text = graph.tensor((1,), "string")
    with pytest.raises(ValueError, match=r"expected one input of float32, .* got t0: "):
        load_model(graph.save(tmp_path / "m.tflite", [text], [graph.constant(WEIGHT)]))
    graph = Graph()
    clip = graph.tensor(CLIP)
    file = graph.save(tmp_path / "m.tflite", [clip], [graph.scores(clip)], signatures="ab")
    with pytest.raises(ValueError, match=r"expected one signature in .*, got a, b\. Convert"):
        load_model(file)
    graph = Graph()
    clip = graph.tensor(CLIP)
    own = graph.run("MyOwn", [clip], graph.tensor(CLIP))
    model = loaded(graph.save(tmp_path / "m.tflite", [clip], [graph.scores(own)]))
    with pytest.raises(ValueError, match=r"TensorFlow Lite graph failed on \(1, 4, .*MyOwn"):
        model(clips())


@pytest.mark.parametrize(
    ("shape", "text", "message"),
    [
        ((-1, -1, 6, 8, 3), "", r"has the shape \(\?, \?, 6, 8, 3\), which leaves frames open"),
        ((1, 3, 3, 3, 3), "", "which doesn't tell its layout"),
        (CLIP, "dtype: float16", r"dtype: m.tflite tells this itself \(float32\), got float16"),
        (CLIP, "batched: false", r"batched: m.tflite tells this itself \(True\), got False"),
        (CLIP, "array: numpy", "array: m.tflite tells this itself"),
    ],
)
def test_statements_that_the_file_contradicts_or_needs(
    tmp_path: Path, shape: tuple[int, ...], text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        loaded(file_of(tmp_path, shape), text)


def test_clips_and_class_names_that_do_not_fit(tmp_path: Path) -> None:
    file = file_of(tmp_path, CLIP)
    with pytest.raises(ValueError, match=r"wants an input of shape \(1, 4, 6, 8, 3\), got \(3, 3,"):
        loaded(file)(clips()[:, :3])
    clip = vx.clip_from_array(clips()[0].numpy(), layout="TCHW")
    narrow = vx.clip_from_array(clips()[0, ..., 1:].numpy(), layout="TCHW")
    model = loaded(file, "class_names: [a, b]")
    with pytest.raises(ValueError, match="the model wants 4 frames of 6x8 pixels, got 4 of 6x7"):
        vx.explain(narrow, model, method=QUARTERS, progress=False)
    with pytest.raises(ValueError, match="got 2 names for a model that answers with 5 scores"):
        vx.explain(clip, model, method=QUARTERS, progress=False)


def test_options_of_torch_modules_are_refused(tmp_path: Path) -> None:
    file = file_of(tmp_path, CLIP)
    with pytest.raises(ValueError, match="precision: bfloat16, compiled is for torch modules"):
        load_model(file, precision="bfloat16", compiled=True)
    with pytest.raises(ValueError, match="precision: channels_last is for torch modules"):
        load_model(file, channels_last=True)
    with pytest.raises(
        ValueError, match="device: TensorFlow Lite runs on the CPU here, got 'cuda'"
    ):
        load_model(file, device="cuda")
