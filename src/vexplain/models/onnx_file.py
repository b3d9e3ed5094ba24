"""ONNX files, through onnxruntime."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped
from torch import Tensor

from vexplain.core.specs import Dtype
from vexplain.models.adapters import Model, class_scores, one_by_one
from vexplain.models.reference import Reference
from vexplain.models.running import CPU
from vexplain.models.shapes import spec_of_shape

if TYPE_CHECKING:
    import onnxruntime

NUMBERS: dict[str, Dtype] = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
}


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """An ONNX graph with one input and the class scores as its first output.

    Attributes:
        session: The onnxruntime session. It takes its input from the CPU, wherever it runs.
    """

    session: "onnxruntime.InferenceSession"

    def __call__(self, clips: Tensor) -> Tensor:
        """Return the graph's scores (N, K) of prepared clips; one at a time if it takes no batch.

        Raises:
            ValueError: When the graph wants another shape.
        """
        values = clips.numpy()
        wanted = self.session.get_inputs()[0]
        if len(wanted.shape) == values.ndim - 1:
            return one_by_one(lambda one: self._run(one, wanted), values)
        if wanted.shape[0] == 1:
            return one_by_one(lambda one: self._run(one[None], wanted), values)
        return self._run(values, wanted)

    def _run(self, values: Shaped[np.ndarray, "*axes"], wanted: Any) -> Tensor:
        fits = len(wanted.shape) == values.ndim and all(
            not isinstance(w, int) or w == v
            for w, v in zip(wanted.shape, values.shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"clip: the ONNX graph wants an input of shape {tuple(wanted.shape)}, got "
                f"{values.shape}. Set frames, size and layout in the model's spec accordingly."
            )
        try:
            return class_scores(self.session.run(None, {wanted.name: values})[0])
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            first = str(error).splitlines()[0]
            if "allocate memory" in first.lower() or "out of memory" in first.lower():
                raise MemoryError(first) from error
            raise ValueError(f"model: the ONNX graph failed on {values.shape}: {first}") from error


def load(reference: Reference) -> Model:
    """Open an ONNX file; a YAML file of the same name beside it says what the graph doesn't.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When the file is no ONNX graph, or its shape doesn't tell what it wants.
    """
    file = reference.file
    session = opened(file, str(reference.running.device or "cpu"))
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in NUMBERS:
        found = ", ".join(f"{one.name}: {one.type}" for one in inputs)
        raise ValueError(
            f"model: expected one input of {', '.join(NUMBERS)} in {file}, got {found}. Export the "
            "model with a single clip as its input."
        )
    shape = [size if isinstance(size, int) else None for size in inputs[0].shape]
    found_spec = spec_of_shape(shape, NUMBERS[inputs[0].type], reference)
    return Model(OnnxGraph(session), reference.completed(found_spec), CPU, file.name)


def opened(file: Path, device: str) -> "onnxruntime.InferenceSession":
    """Return a session on the device.

    Raises:
        ValueError: When onnxruntime can't run there, or the file is no ONNX graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if not device.startswith(("auto", "cpu", "cuda")):
        raise ValueError(f"device: onnxruntime runs on cpu or cuda here, got {device!r}.")
    if device.startswith("cuda") and not has_cuda:
        raise ValueError(
            "device: this onnxruntime has no CUDA. Install onnxruntime-gpu, or use device='cpu'."
        )
    wanted = ["CUDAExecutionProvider"] if has_cuda and device != "cpu" else []
    try:
        return onnxruntime.InferenceSession(
            str(file), options, providers=[*wanted, "CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        first = str(error).splitlines()[0]
        raise ValueError(f"model: {file} can't be opened as an ONNX graph ({first}).") from error
