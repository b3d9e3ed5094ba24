"""ONNX files, through onnxruntime."""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from vexplain.core import ClipSpec, ModelSpec, OutputKind
from vexplain.models.adapters import prepared

if TYPE_CHECKING:
    import onnxruntime

NUMBERS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX graph with one input and the class scores as its first output.

    Attributes:
        session: The onnxruntime session.
        spec: What the graph wants and answers.
        name: The file's name.
    """

    session: "onnxruntime.InferenceSession"
    spec: ModelSpec = field(default_factory=ModelSpec)
    name: str = "onnx"

    @property
    def device(self) -> torch.device:
        """The clips are handed over on the CPU, whatever the session runs on."""
        return torch.device("cpu")

    @property
    def outputs(self) -> OutputKind:
        """What the scores are."""
        return self.spec.outputs

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, or None."""
        return self.spec.class_names or None

    def __call__(self, clips: Float[Tensor, "N T C H W"]) -> Tensor:
        """Return the graph's scores (N, K) of canonical clips.

        Raises:
            ValueError: When the graph wants another shape, or answers with something else.
        """
        inputs = prepared(clips, self.spec).numpy()
        wanted = self.session.get_inputs()[0]
        rank = len(wanted.shape)
        if rank == inputs.ndim - 1:
            return torch.cat([self._run(one, wanted).reshape(1, -1) for one in inputs])
        if wanted.shape[0] == 1:
            return torch.cat([self._run(inputs[i : i + 1], wanted) for i in range(len(inputs))])
        return self._run(inputs, wanted)

    def _run(self, values: Shaped[np.ndarray, "*axes"], wanted: Any) -> Tensor:
        fits = len(wanted.shape) == values.ndim and all(
            not isinstance(w, int) or w == v
            for w, v in zip(wanted.shape, values.shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"clip: {self.name} wants an input of shape {tuple(wanted.shape)}, got "
                f"{values.shape}. Set frames, size and layout in the model's spec accordingly."
            )
        return torch.from_numpy(np.asarray(self.session.run(None, {wanted.name: values})[0]))


def load_onnx(
    path: str | PathLike[str], spec: ModelSpec | None = None, *, device: str = "cpu"
) -> OnnxModel:
    """Open an ONNX file.

    Without a spec, frames, size, layout and number type are read from the input's shape, and the
    values are taken to be RGB in [0, 1].

    Raises:
        ValueError: When the file is no ONNX graph, or its shape doesn't tell what it wants.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
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
    return OnnxModel(session, spec or spec_of(session, str(path)), Path(path).name)


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
    dtype = NUMBERS.get(wanted.type, "float32")
    return ModelSpec(
        clip=ClipSpec(frames=sizes["T"], size=(sizes["H"], sizes["W"])),
        layout=layout,
        dtype="uint8" if dtype == "uint8" else "float32",
        scale=255.0 if dtype == "uint8" else 1.0,
    )
