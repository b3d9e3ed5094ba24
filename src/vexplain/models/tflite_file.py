"""TensorFlow Lite files, also quantised ones, through the LiteRT interpreter."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np
import torch
from torch import Tensor

from vexplain.core import ModelSpec, OutputKind
from vexplain.core.specs import Dtype
from vexplain.models.adapters import Model
from vexplain.models.graphs import as_numbers, graph_spec, in_batches, names_in, output_index
from vexplain.models.reference import Reference
from vexplain.models.running import CPU
from vexplain.models.scores import class_scores
from vexplain.models.shapes import Shape

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

NUMBERS: Mapping[str, Dtype] = {
    "float32": "float32",
    "float16": "float16",
    "uint8": "uint8",
    "int8": "uint8",
    "int16": "float32",
}
"""Types of inputs, and the ``dtype`` of a spec that states no normalisation."""

KINDS: Mapping[str, OutputKind] = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}
REWRITING = ("QUANTIZE", "DEQUANTIZE")
"""Operators that write the same numbers in another type."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of a graph.

    Attributes:
        index: Its number in the interpreter.
        name: Its name.
        shape: Its sizes; None where the file leaves one open.
        dtype: The type of its numbers q, which stand for (q − ``zero``) · ``scale``.
        scale: 0 where the numbers stand for themselves.
        zero: The number that stands for 0.
    """

    index: int
    name: str
    shape: Shape
    dtype: np.dtype
    scale: float = 0.0
    zero: int = 0

    def written(self, values: np.ndarray) -> np.ndarray:
        """Return prepared values as this port's numbers; bytes are such numbers already."""
        if self.dtype.kind == "f" or values.dtype == np.uint8:
            return as_numbers(values, self.dtype)
        whole = np.rint(values / np.float32(self.scale or 1)) + self.zero
        limits = np.iinfo(self.dtype)
        return whole.clip(limits.min, limits.max).astype(self.dtype)

    def read(self, numbers: np.ndarray) -> Tensor:
        """Return what numbers of this port stand for."""
        if not self.scale:
            return class_scores(numbers)
        return class_scores((numbers.astype(np.float32) - self.zero) * np.float32(self.scale))


@dataclass(frozen=True, eq=False)
class LiteGraph:
    """A TensorFlow Lite graph with one input, and class scores as one of its outputs.

    Clips go one at a time where the file leaves the batch open: a batch of 16 frames took
    MobileNetV2 as long with one thread, and half as long again with two.

    Attributes:
        interpreter: What runs the graph, on the CPU.
        input: Where clips go in, its batch axis set to 1 where the file leaves it open.
        output: Where the class scores come out.
        step: Where the scores are quantised softmax probabilities, the step between two of them;
            else 0.
        lock: Held while the graph runs: an interpreter serves one thread at a time.
    """

    interpreter: "Interpreter"
    input: Port
    output: Port
    step: float = 0.0
    lock: AbstractContextManager[bool] = field(default_factory=Lock, repr=False)

    def __call__(self, clips: Tensor) -> Tensor:
        """Return the graph's scores (N, K) of prepared clips.

        Raises:
            ValueError: When the graph wants another shape, or fails.
        """
        values = self.input.written(clips.numpy())
        scores = in_batches(self._run, values, self.input.shape, "TensorFlow Lite graph")
        return summing_to_one(scores, self.step) if self.step else scores

    def _run(self, values: np.ndarray) -> Tensor:
        try:
            with self.lock:
                return self.output.read(self._answer(values))
        except (RuntimeError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise ValueError(
                f"model: the TensorFlow Lite graph failed on {values.shape}: {first}"
            ) from error

    def _answer(self, values: np.ndarray) -> np.ndarray:
        runner, index = self.interpreter, self.input.index
        runner.resize_tensor_input(index, values.shape, strict=True)
        runner.allocate_tensors()  # both do nothing where the shape is the one before
        runner.reset_all_variables()  # else a recurrent layer goes on from the last clip
        runner.set_tensor(index, values)
        runner.invoke()
        answer: np.ndarray = runner.get_tensor(self.output.index)
        return answer


def summing_to_one(scores: Tensor, step: float) -> Tensor:
    """Return quantised softmax probabilities (N, K) with what rounding took off spread evenly.

    Small probabilities are rounded to 0, so that 1001 classes in steps of 1/256 sum to 0.5..1.
    Spread evenly, the rest changes none by more than half a step. Rows that are further off can't
    be probabilities, and stay as they are.
    """
    rest = 1 - scores.sum(1, keepdim=True)
    whole = (scores + rest / scores.shape[1]).clamp(min=0)
    explained = rest.abs() <= scores.shape[1] * step / 2
    return torch.where(explained, whole / whole.sum(1, keepdim=True), scores)


def load(reference: Reference) -> Model:
    """Open a TensorFlow Lite file; a YAML file of the same name beside it says what it doesn't.

    A float input gets (value · ``scale`` − ``mean``) / ``std`` of values in [0, 1]: as the YAML
    file states any of the three; else as TensorFlow Lite's metadata in the file does, which speaks
    of pixels 0..255; else the values as they are.

    A quantised input has a real value (q − zero point) · scale for each integer q. By default q is
    the pixel, 0..255, for uint8 and the pixel less 128 for int8, which is what a converter makes
    of an input that spans its whole range, whichever way it was normalised. Where ``scale``,
    ``mean`` or ``std`` are stated, or ``dtype: float32``, they give the real value,
    (value · scale − mean) / std, and q = round(real / input scale) + zero point, within the range
    of the type. A 16-bit input always goes by its real values.

    Class names come from the text file that TensorFlow Lite's metadata packs into the file, if one
    has as many lines as there are classes.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it is no such file, or doesn't tell what it wants.
    """
    file = reference.file
    if str(reference.running.device or "cpu") not in ("auto", "cpu"):
        raise ValueError(
            f"device: TensorFlow Lite runs on the CPU here, got {reference.running.device!r}. "
            "Use device='cpu'."
        )
    interpreter = opened(file)
    wanted = only_input(interpreter, file)
    outputs = [port(details) for details in interpreter.get_output_details()]
    output = outputs[output_index([one.name for one in outputs], reference)]
    kind, step = last_operator(interpreter, output)
    names = packed_names(file, output.shape[-1] if output.shape else None)
    dtype = dtype_for(wanted, reference)
    spec = graph_spec(wanted.shape, dtype, reference, outputs=kind, class_names=names)
    if len(wanted.shape) > len(spec.layout) and wanted.shape[0] is None:
        wanted = replace(wanted, shape=(1, *wanted.shape[1:]))
    if wanted.dtype.kind == "f" and not describes_numbers(reference):
        spec = normalised(spec, file)
    step = step if spec.outputs == "softmax" else 0.0
    return Model(LiteGraph(interpreter, wanted, output, step), spec, CPU, file.name)


def opened(file: Path) -> "Interpreter":
    """Return an interpreter of a file, with as many threads as torch has.

    Raises:
        ValueError: When the file is no TensorFlow Lite graph.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        return Interpreter(model_path=str(file), num_threads=torch.get_num_threads())
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"model: {file} can't be opened as a TensorFlow Lite graph "
            f"({str(error).splitlines()[0]}). An ONNX graph is named onnx:FILE."
        ) from error


def only_input(interpreter: "Interpreter", file: Path) -> Port:
    """Return the one input.

    Raises:
        ValueError: When there are several inputs or signatures, or it doesn't take numbers.
    """
    signatures = list(interpreter.get_signature_list())
    if len(signatures) > 1:
        raise ValueError(
            f"model: expected one signature in {file}, got {', '.join(signatures)}. Convert the "
            "model with the one that classifies."
        )
    inputs = [port(details) for details in interpreter.get_input_details()]
    if len(inputs) != 1 or inputs[0].dtype.name not in NUMBERS:
        found = ", ".join(f"{one.name}: {one.dtype.name}" for one in inputs)
        raise ValueError(
            f"model: expected one input of {', '.join(NUMBERS)} in {file}, got {found}. Convert "
            "the model with a single clip as its input."
        )
    return inputs[0]


def port(details: Mapping[str, Any]) -> Port:
    """Return an input or output as the interpreter describes it."""
    sizes = details["shape_signature"] if len(details["shape_signature"]) else details["shape"]
    scale, zero = details["quantization"]
    return Port(
        index=details["index"],
        name=details["name"],
        shape=tuple(size if size > 0 else None for size in sizes.tolist()),
        dtype=np.dtype(details["dtype"]),
        scale=float(scale),
        zero=int(zero),
    )


def dtype_for(wanted: Port, reference: Reference) -> Dtype:
    """Return the dtype of prepared clips: bytes, or the real values that the user describes."""
    usual = NUMBERS[wanted.dtype.name]
    if usual != "uint8":
        return usual
    stated: Dtype = reference.wants.get("dtype", usual)
    if "dtype" not in reference.wants and describes_numbers(reference):
        return "float32"
    return stated if stated == "float32" else usual


def describes_numbers(reference: Reference) -> bool:
    """Return whether the user states a normalisation."""
    return any(name in reference.wants for name in ("scale", "mean", "std"))


def normalised(spec: ModelSpec, file: Path) -> ModelSpec:
    """Return a spec with the normalisation that a file's metadata states.

    What can't be read there, or can't be meant, is passed over.
    """
    try:
        stated = normalisation(metadata(file))
        return replace(spec, scale=255.0, mean=stated[0], std=stated[1]) if stated else spec
    except (struct.error, IndexError, TypeError, ValueError):  # as flatbuffers meets bad offsets
        return spec


def metadata(file: Path) -> bytes:
    """Return TensorFlow Lite's metadata of a file, itself a flat buffer, or no bytes."""
    from ai_edge_litert.schema_py_generated import Model as Content

    content = Content.GetRootAs(file.read_bytes())
    for entry in map(content.Metadata, range(content.MetadataLength())):
        if entry.Name() == b"TFLITE_METADATA":
            return bytes(content.Buffers(entry.Buffer()).DataAsNumpy())
    return b""


def normalisation(content: bytes) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the mean and std, of pixels 0..255, that metadata states of the one input.

    Source of the numbers of the fields: metadata_schema.fbs of tensorflow/tflite-support.
    """
    from flatbuffers.table import Table

    if not content:
        return None
    root = Table(content, struct.unpack_from("<I", content)[0])
    for graph in islice(tables_in(root, 3), 1):
        for tensor in islice(tables_in(graph, 2), 1):
            for unit in tables_in(tensor, 4):
                kind, options = (unit.Offset(4 + 2 * field) for field in (0, 1))
                if kind and options and content[unit.Pos + kind] == 1:  # NormalizationOptions
                    stated = Table(content, unit.Indirect(unit.Pos + options))
                    return numbers_in(stated, 0), numbers_in(stated, 1)
    return None


def places_in(table: Any, field: int) -> Iterator[int]:
    """Yield where the entries of four bytes lie in a vector of a flat buffer's table."""
    offset = table.Offset(4 + 2 * field)
    if offset:
        start = table.Vector(offset)
        yield from range(start, start + 4 * table.VectorLen(offset), 4)


def tables_in(table: Any, field: int) -> Iterator[Any]:
    """Yield the tables in a vector of a flat buffer's table."""
    for place in places_in(table, field):
        yield type(table)(table.Bytes, table.Indirect(place))


def numbers_in(table: Any, field: int) -> tuple[float, ...]:
    """Return the numbers in a vector of a flat buffer's table."""
    return tuple(
        struct.unpack_from("<f", table.Bytes, place)[0] for place in places_in(table, field)
    )


def last_operator(interpreter: "Interpreter", output: Port) -> tuple[OutputKind, float]:
    """Return what the operator that makes the output tells, and the step of its numbers."""
    made_by: dict[int, Mapping[str, Any]] = {}
    # The list of operators has no public reader; without it the first answers tell the kind.
    for operator in getattr(interpreter, "_get_ops_details", list)():
        for tensor in operator["outputs"]:
            made_by.setdefault(int(tensor), operator)
    tensor = output.index
    while tensor in made_by and made_by[tensor]["op_name"] in REWRITING:
        tensor = int(made_by[tensor]["inputs"][0])
    kind = KINDS.get(made_by[tensor]["op_name"], "auto") if tensor in made_by else "auto"
    scales = {one["index"]: one["quantization"][0] for one in interpreter.get_tensor_details()}
    return kind, float(scales.get(tensor, 0.0))


def packed_names(file: Path, n_classes: int | None) -> tuple[str, ...]:
    """Return the class names in a text file that is packed into the model's file."""
    if not is_zipfile(file):
        return ()
    try:
        with ZipFile(file) as archive:
            texts = [archive.read(n) for n in archive.namelist() if n.endswith(".txt")]
    except (BadZipFile, RuntimeError, zlib.error):
        return ()
    found = (names_in(text.decode("utf-8", "replace"), n_classes) for text in texts)
    return next(filter(None, found), ())
