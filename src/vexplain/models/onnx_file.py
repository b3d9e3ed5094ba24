"""ONNX files, through onnxruntime."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped
from torch import Tensor

from vexplain.core import ClipSpec, ModelSpec
from vexplain.core.specs import Dtype
from vexplain.models.adapters import CPU, Model, class_scores, one_by_one

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


def load_onnx(
    path: str | PathLike[str], spec: ModelSpec | None = None, *, device: str = "cpu"
) -> Model:
    """Open an ONNX file.

    Without a spec, frames, size, layout and number type are read from the input's shape, and the
    values are taken to be RGB in [0, 1].

    Raises:
        ValueError: When the file is no ONNX graph, or its shape doesn't tell what it wants.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not device.startswith(("cpu", "cuda")):
        raise ValueError(f"device: onnxruntime runs on cpu or cuda here, got {device!r}.")
    wanted = ["CUDAExecutionProvider"] if device.startswith("cuda") else []
    providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
    if wanted and not providers:
        raise ValueError(
            "device: this onnxruntime has no CUDA. Install onnxruntime-gpu, or use device='cpu'."
        )
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=[*providers, "CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        first = str(error).splitlines()[0]
        raise ValueError(f"model: {path} can't be opened as an ONNX graph ({first}).") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in NUMBERS:
        found = ", ".join(f"{one.name}: {one.type}" for one in inputs)
        raise ValueError(
            f"model: expected one input of {', '.join(NUMBERS)} in {path}, got {found}. Export the "
            "model with a single clip as its input."
        )
    spec = spec or spec_of(session, str(path))
    return Model(OnnxGraph(session), spec, CPU, Path(path).name)


def spec_of(session: "onnxruntime.InferenceSession", path: str) -> ModelSpec:
    """Return the spec that the shape of the graph's input tells.

    Raises:
        ValueError: When the shape leaves frames, size or layout open.
    """
    wanted = session.get_inputs()[0]
    shape = list(wanted.shape)[-4:]
    layouts = {1: "TCHW", 0: "CTHW", 3: "THWC"}
    layout = next((name for axis, name in layouts.items() if shape[axis : axis + 1] == [3]), None)
    sizes = dict(zip(layout or "", shape, strict=False))
    if layout is None or not all(isinstance(n, int) for n in sizes.values()):
        raise ValueError(
            f"model: the input of {path} has the shape {tuple(wanted.shape)}, which doesn't tell "
            "frames, size and layout. Write them into a YAML file and give that as the model."
        )
    dtype = NUMBERS[wanted.type]
    return ModelSpec(
        clip=ClipSpec(frames=sizes["T"], size=(sizes["H"], sizes["W"])),
        layout=layout,
        dtype=dtype,
        scale=255.0 if dtype == "uint8" else 1.0,
    )
