"""From canonical clips to what a model in this process wants, and back to class scores."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Classifier, ModelSpec, OutputKind

CPU = torch.device("cpu")
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in ITU-R BT.601."""


@dataclass(frozen=True, eq=False)
class Model:
    """A function of prepared clips, and what it wants: the one kind of classifier there is.

    Attributes:
        function: Takes a tensor laid out as ``spec`` says and returns class scores, as a tensor or
            a NumPy array; a torch module or an ONNX graph, for instance.
        spec: What the function wants and answers.
        device: Where the function wants its tensors.
        name: What the manifest calls the model.
    """

    function: Callable[[Tensor], Any]
    spec: ModelSpec = field(default_factory=ModelSpec)
    device: torch.device = CPU
    name: str = "model"

    @property
    def outputs(self) -> OutputKind:
        """What the scores are."""
        return self.spec.outputs

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, or None."""
        return self.spec.class_names or None

    def __call__(self, clips: Float[Tensor, "N T C H W"]) -> Tensor:
        """Return the function's scores (N, K) of canonical clips."""
        inputs = prepared(clips, self.spec)
        if self.spec.batched:
            return class_scores(self.function(inputs))
        return one_by_one(lambda one: class_scores(self.function(one)), inputs)


def one_by_one(function: Callable[[Any], Tensor], inputs: Iterable[Any]) -> Tensor:
    """Return the scores (N, K) of a function that takes one clip at a time.

    Raises:
        ValueError: When it returns anything but (K,) or (1, K), or another K than before.
    """
    rows = [function(one) for one in inputs]
    for row in rows:
        if row.ndim not in (1, 2) or row.numel() != row.shape[-1] or row.numel() != rows[0].numel():
            raise ValueError(
                f"model: expected the scores of one clip (K,), always of as many classes, got "
                f"shape {tuple(row.shape)}. Average over frames inside the model."
            )
    return torch.stack([row.reshape(-1) for row in rows])


def as_device(name: torch.device | str) -> torch.device:
    """Return the device of that name.

    Raises:
        ValueError: When there is no such device here.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device: expected cpu, or cuda or mps where this torch has it, got {name!r}."
        ) from error
    return device


def as_classifier(
    model: Any, spec: ModelSpec | None = None, *, device: torch.device | str | None = None
) -> Classifier:
    """Return ``model`` as a classifier of canonical clips.

    Args:
        model: A torch module (it is put into evaluation mode), a callable on a batch, or a
            classifier already, which is returned as it is.
        spec: What the model wants and answers; by default canonical clips (N, T, 3, H, W).
        device: Where the model shall run; a module is moved there.

    Raises:
        TypeError: When ``model`` can't be called, or is a classifier and a spec is given too.
    """
    if isinstance(model, torch.nn.Module):
        module = model.eval() if device is None else model.eval().to(as_device(device))
        first = next(module.parameters(), None)
        place = CPU if first is None else first.device
        return Model(module, spec or ModelSpec(), place, type(model).__name__)
    if isinstance(model, Classifier):
        if spec is not None:
            raise TypeError("spec: the model brings its own spec; expected None, got another one.")
        return model
    if callable(model):
        name = getattr(model, "__name__", type(model).__name__)
        return Model(model, spec or ModelSpec(), as_device(device or CPU), name)
    raise TypeError(
        f"model: expected a torch module, a callable, or what load_model returns, got "
        f"{type(model).__name__}."
    )


def prepared(clips: Float[Tensor, "N T C H W"], spec: ModelSpec) -> Tensor:
    """Return canonical clips as the model wants them: channels, numbers, dtype, layout."""
    values = in_channel_order(clips, spec.channels)
    if spec.scale != 1:
        values = values * spec.scale
    if any(spec.mean):
        values = values - column(spec.mean, values)
    if any(deviation != 1 for deviation in spec.std):
        values = values / column(spec.std, values)
    if spec.dtype == "uint8":
        values = values.round().clamp(0, 255)
    values = values.to(getattr(torch, spec.dtype))
    axes = [0, *("TCHW".index(axis) + 1 for axis in spec.layout)]
    return values.permute(axes).contiguous()


def in_channel_order(clips: Tensor, channels: str) -> Tensor:
    """Return the clips with the channels in the model's order, or as one channel of luma."""
    if channels == "bgr":
        return clips.flip(2)
    if channels == "grey":
        return (clips * column(LUMA, clips)).sum(2, keepdim=True)
    return clips


def column(numbers: tuple[float, ...], like: Tensor) -> Tensor:
    """Return the numbers as a tensor that lies along the channels of (N, T, C, H, W)."""
    return torch.tensor(numbers, dtype=like.dtype, device=like.device).reshape(-1, 1, 1)


def class_scores(answer: Any) -> Tensor:
    """Return the tensor of class scores in what a model returned.

    Understood are tensors, arrays, objects or mappings with ``logits``, and tuples that begin with
    one of these.

    Raises:
        TypeError: On anything else.
    """
    if isinstance(answer, Tensor) and not answer.is_complex():
        return answer
    if isinstance(answer, np.ndarray) and answer.dtype.kind in "biuf":
        return torch.from_numpy(np.ascontiguousarray(answer))
    if isinstance(answer, Mapping) and "logits" in answer:
        return class_scores(answer["logits"])
    if hasattr(answer, "logits"):
        return class_scores(answer.logits)
    if isinstance(answer, tuple | list) and answer and not isinstance(answer[0], float | int):
        return class_scores(answer[0])
    raise TypeError(
        f"model: expected class scores as a tensor or an array of real numbers, got "
        f"{type(answer).__name__}. "
        "Wrap the model in a function that returns them."
    )
