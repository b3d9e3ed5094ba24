"""From canonical clips to what a model in this process wants, and back to class scores."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vexplain.core import Classifier, ModelSpec, OutputKind
from vexplain.core.checks import out_of_memory
from vexplain.models.running import CPU, Running, as_device, placed
from vexplain.models.scores import class_scores, one_by_one

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
        batch_bytes: Bytes of canonical clips that it likes to be asked about at once; None leaves
            that to its device.
    """

    function: Callable[[Tensor], Any]
    spec: ModelSpec = field(default_factory=ModelSpec)
    device: torch.device = CPU
    name: str = "model"
    batch_bytes: int | None = None

    @property
    def outputs(self) -> OutputKind:
        """What the scores are."""
        return self.spec.answers

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, or None."""
        return self.spec.class_names or None

    def __call__(self, clips: Float[Tensor, "N T C H W"]) -> Tensor:
        """Return the function's scores (N, K) of canonical clips.

        Raises:
            ValueError: When the scores have another shape than one row per clip.
        """
        inputs = prepared(clips, self.spec)
        if not self.spec.per_frame:
            return self._scores(inputs)
        scores = self._scores(inputs.flatten(0, 1))
        if scores.ndim != 2 or len(scores) != inputs.shape[0] * inputs.shape[1]:
            raise ValueError(
                f"model: expected one row of class scores per frame ({inputs.shape[0]} clips of "
                f"{inputs.shape[1]} frames), got shape {tuple(scores.shape)}."
            )
        if self.outputs != self.spec.outputs:
            scores = scores.softmax(1)
        return scores.reshape(*inputs.shape[:2], -1).mean(1)

    def _scores(self, inputs: Tensor) -> Tensor:
        if self.spec.batched:
            return self._asked(inputs, 1)
        return one_by_one(lambda one: self._asked(one, 0), inputs)

    def _asked(self, inputs: Tensor, first: int) -> Tensor:
        try:
            return class_scores(self.function(handed(inputs, self.spec, first)))
        except (RuntimeError, AssertionError) as error:
            if isinstance(error, torch.OutOfMemoryError) or out_of_memory(error):
                raise
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise ValueError(
                f"model: {self.name} failed on an input of shape {tuple(inputs.shape)} "
                f"({lines[0] if lines else type(error).__name__}). Check frames, size and layout "
                "in its spec."
            ) from error


def handed(inputs: Tensor, spec: ModelSpec, first: int) -> Any:
    """Return prepared clips as the function takes them: a tensor, an array, or one per pathway.

    Args:
        inputs: Prepared clips.
        spec: What the function wants.
        first: The number of axes before those of a clip.
    """
    taken: list[Any] = [inputs]
    if spec.pathways:
        axis = first + spec.layout.index("T")
        taken = [reduced(inputs, axis, times) for times in spec.pathways]
    if spec.array == "numpy":
        taken = [one.cpu().numpy() for one in taken]
    return taken if spec.pathways else taken[0]


def reduced(clips: Tensor, axis: int, times: int) -> Tensor:
    """Return a clip with ``times`` fewer frames along ``axis``, from the first to the last."""
    frames = clips.shape[axis]
    wanted = torch.linspace(0, frames - 1, frames // times, device=clips.device)
    return clips.index_select(axis, wanted.long())


def as_classifier(
    model: Any, spec: ModelSpec | None = None, running: Running | None = None
) -> Classifier:
    """Return ``model`` as a classifier of canonical clips.

    Args:
        model: A torch module (it is put into evaluation mode), a video model of transformers, a
            callable on a batch, or a classifier already, which is returned as it is.
        spec: What the model wants and answers; by default canonical clips (N, T, 3, H, W), or what
            the configuration of a transformers model says.
        running: Where and how a module shall run; it is moved there.

    Raises:
        TypeError: When ``model`` can't be called, or is a classifier and a spec is given too.
        ValueError: When it can't run as ``running`` says, or is a classifier, which is placed
            already.
    """
    running = running or Running()
    if isinstance(model, torch.nn.Module):
        if is_transformers(model):
            adapter = import_module("vexplain.models.transformers_hub")
            return cast(Classifier, adapter.adapted(model, spec, running))
        return module_model(model, spec or ModelSpec(), running, type(model).__name__)
    if isinstance(model, Classifier):
        if spec is not None:
            raise TypeError("spec: the model brings its own spec; expected None, got another one.")
        if running.words or str(running.device) not in ("None", "auto"):
            raise ValueError(
                f"device, precision: {model.name} is placed already; say them where it is loaded, "
                "as in load_model(…, device=…, precision=…)."
            )
        return model
    if callable(model):
        if running.words or running.channels_last:
            raise ValueError(
                f"precision: {running.words or 'channels_last'} is for torch modules; expected "
                f"one, got {type(model).__name__}."
            )
        name = getattr(model, "__name__", type(model).__name__)
        device = CPU if running.device in (None, "auto") else as_device(running.device or CPU)
        return Model(model, spec or ModelSpec(), device, name)
    raise TypeError(
        f"model: expected a torch module, a callable, or what load_model returns, got "
        f"{type(model).__name__}."
    )


def module_model(module: nn.Module, spec: ModelSpec, running: Running, name: str) -> Model:
    """Return a torch module, placed, as a model whose name tells how it runs."""
    runner = placed(module, running, batched=spec.batched)
    return Model(
        runner, spec, runner.device, f"{name} ({running.words})" if running.words else name
    )


def is_transformers(module: nn.Module) -> bool:
    """Return whether a module is one of Hugging Face's models, which bring their configuration."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(module).__mro__}
    return "transformers.modeling_utils.PreTrainedModel" in names


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return class names with the number of the class behind those that occur twice."""
    known = tuple(names)
    count = Counter(known)
    return tuple(f"{n} ({i})" if count[n] > 1 else n for i, n in enumerate(known))


def prepared(clips: Float[Tensor, "N T C H W"], spec: ModelSpec) -> Tensor:
    """Return canonical clips as the model wants them: channels, numbers, dtype, layout.

    A model of single frames gets (N, T, …) with the frame laid out as it says.
    """
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
    frames = [1] if spec.per_frame else []
    axes = [0, *frames, *("TCHW".index(axis) + 1 for axis in spec.layout)]
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
