"""ONNX files, through onnxruntime."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vexplain.core.checks import out_of_memory
from vexplain.core.specs import Dtype
from vexplain.models.adapters import Model
from vexplain.models.graphs import as_numbers, graph_spec, in_batches, names_in, output_index
from vexplain.models.reference import Reference
from vexplain.models.running import CPU
from vexplain.models.scores import class_scores
from vexplain.models.shapes import Shape

if TYPE_CHECKING:
    import onnxruntime

NUMBERS: Mapping[str, tuple[Dtype, type]] = {
    "tensor(float)": ("float32", np.float32),
    "tensor(double)": ("float32", np.float64),
    "tensor(float16)": ("float16", np.float16),
    "tensor(uint8)": ("uint8", np.uint8),
    "tensor(int8)": ("uint8", np.int8),
}
"""Types of inputs: the ``dtype`` of the spec, and what the graph is handed."""

NAMES = ("names", "class_names", "classes", "labels", "id2label")
"""Keys under which exporters leave the names of the classes in a file's metadata."""

CUDA = "CUDAExecutionProvider"


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """An ONNX graph with one input, and class scores as one of its outputs.

    Attributes:
        session: The onnxruntime session. It takes its input from the CPU, wherever it runs.
        output: The name of the output that holds the class scores.
    """

    session: "onnxruntime.InferenceSession"
    output: str

    def __call__(self, clips: Tensor) -> Tensor:
        """Return the graph's scores (N, K) of prepared clips.

        Raises:
            ValueError: When the graph wants another shape, or fails.
        """
        wanted = self.session.get_inputs()[0]
        values = as_numbers(clips.numpy(), NUMBERS[wanted.type][1])
        return in_batches(self._run, values, known_sizes(wanted.shape), "ONNX graph")

    def _run(self, values: np.ndarray) -> Tensor:
        name = self.session.get_inputs()[0].name
        try:
            (answer,) = self.session.run([self.output], {name: values})
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            first = str(error).splitlines()[0]
            if out_of_memory(error):
                raise MemoryError(first) from error
            raise ValueError(f"model: the ONNX graph failed on {values.shape}: {first}") from error
        return class_scores(answer)


def load(reference: Reference) -> Model:
    """Open an ONNX file; a YAML file of the same name beside it says what the graph doesn't.

    The class scores are the first output, unless the YAML file names another with
    ``arguments: {output: NAME}``. An int8 input gets pixels less 128.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When the file is no ONNX graph, or its shape doesn't tell what it wants.
    """
    file = reference.file
    session = opened(file, str(reference.running.device or "cpu"))
    wanted = only_input(session, file)
    outputs = session.get_outputs()
    chosen = outputs[output_index([one.name for one in outputs], reference)]
    spec = graph_spec(
        known_sizes(wanted.shape),
        NUMBERS[wanted.type][0],
        reference,
        class_names=class_names(session, known_sizes(chosen.shape)),
    )
    place = " (CUDA)" if CUDA in session.get_providers() else ""
    return Model(OnnxGraph(session, chosen.name), spec, CPU, file.name + place)


def only_input(session: "onnxruntime.InferenceSession", file: Path) -> Any:
    """Return what onnxruntime says of the one input.

    Raises:
        ValueError: When there are several, or it doesn't take numbers.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in NUMBERS:
        found = ", ".join(f"{one.name}: {one.type}" for one in inputs)
        raise ValueError(
            f"model: expected one input of {', '.join(NUMBERS)} in {file}, got {found}. Export the "
            "model with a single clip as its input."
        )
    return inputs[0]


def known_sizes(shape: list[Any]) -> Shape:
    """Return the sizes of the axes, None where the file has a name or nothing for one."""
    return [size if isinstance(size, int) and size > 0 else None for size in shape]


def class_names(session: "onnxruntime.InferenceSession", scores: Shape) -> tuple[str, ...]:
    """Return the names of the classes in the file's metadata, where they fit the scores."""
    metadata = session.get_modelmeta().custom_metadata_map
    n_classes = scores[-1] if scores else None
    found = (names_in(metadata[key], n_classes) for key in NAMES if key in metadata)
    return next(filter(None, found), ())


def opened(file: Path, device: str) -> "onnxruntime.InferenceSession":
    """Return a session on the device, with as many threads as torch has.

    Raises:
        ValueError: When onnxruntime can't run there, or the file is no ONNX graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that spin while they wait would take the cores from torch between two batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = providers(device, onnxruntime.get_available_providers())
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=wanted)
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        raise ValueError(
            f"model: {file} can't be opened as an ONNX graph ({str(error).splitlines()[0]})."
            f"{' It is a TensorFlow Lite file: name it tflite:FILE.' if is_tflite(file) else ''}"
        ) from error
    if device.startswith("cuda") and CUDA not in session.get_providers():
        raise ValueError(
            "device: onnxruntime couldn't start CUDA and fell back to the CPU. Check that its CUDA "
            "and cuDNN are installed, or use device='cpu'."
        )
    return session


def is_tflite(file: Path) -> bool:
    """Return whether a file bears the mark of TensorFlow Lite's files."""
    with file.open("rb") as content:
        return content.read(8)[4:] == b"TFL3"


def providers(device: str, available: list[str]) -> list[Any]:
    """Return where onnxruntime shall run, first choice first.

    Raises:
        ValueError: When it can't run there.
    """
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or not (number or "0").isdigit():
        raise ValueError(
            f"device: onnxruntime runs on auto, cpu, cuda or cuda:1 here, got {device!r}."
        )
    if kind == "cuda" and CUDA not in available:
        raise ValueError(
            "device: this onnxruntime has no CUDA. Install onnxruntime-gpu, or use device='cpu'."
        )
    on_cpu = kind == "cpu" or CUDA not in available
    first: list[Any] = [] if on_cpu else [(CUDA, {"device_id": int(number or 0)})]
    return [*first, "CPUExecutionProvider"]
