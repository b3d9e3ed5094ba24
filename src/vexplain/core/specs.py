"""What a model wants, as checked values: frames, size, layout, numbers and names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from vexplain.core.checks import check_choice, check_number, check_positive, check_whole
from vexplain.core.types import OutputKind

Sampling = Literal["uniform", "centres", "every", "interval"]
Resize = Literal["crop", "stretch", "letterbox"]
Short = Literal["error", "hold", "loop"]
Channels = Literal["rgb", "bgr", "grey"]
Dtype = Literal["float32", "float16", "bfloat16", "uint8"]
Array = Literal["torch", "numpy"]
Average = Literal["scores", "probabilities"]


class Stated:
    """Remembers which fields were given, as what a file says is only overruled by those."""

    _given: frozenset[str]

    def __new__(cls, **given: Any) -> Any:
        """Remember the names of the fields that are given."""
        made = super().__new__(cls)
        object.__setattr__(made, "_given", frozenset(given))
        return made

    @property
    def stated(self) -> Mapping[str, Any]:
        """The fields that were given, those with their default value among them."""
        return {name: getattr(self, name) for name in self._given}


@dataclass(frozen=True, kw_only=True)
class ClipSpec(Stated):
    """Which frames a model wants, and how large.

    With n frames decoded and T wanted, clip frame i is source frame
    ``uniform``: i·(n−1)/(T−1), rounded half to even (the first and the last frame included);
    ``centres``: ⌊(i+½)·n/T⌋, the middle of T equal parts;
    ``every``: i·max(⌊n/T⌋, 1), or i·``interval`` where it is given, from ``start`` (0 by default);
    ``interval``: start + i·``interval``, the window centred unless ``start`` is given.

    Attributes:
        frames: T, the number of frames.
        size: Side of a square, or (height, width), in pixels; None cuts nothing: the source's
            size, or with ``short_side`` the whole frame scaled to that.
        sampling: How the frames are chosen.
        interval: Source frames between two clip frames, for ``every`` and ``interval``.
        start: The first source frame, for ``every`` and ``interval``.
        short: What to do where the file has fewer frames than that: ``error``, ``hold`` the last
            frame, or ``loop`` (indices modulo n).
        resize: ``crop`` scales until ``short_side`` fits and cuts the centre, ``stretch`` ignores
            the aspect, ``letterbox`` fits the whole frame and pads with black.
        short_side: Short side in pixels before the crop; by default the larger of ``size``.
        scaled: (height, width) in pixels before the crop, whatever the aspect, in place of
            ``short_side``.
        antialias: Whether shrinking averages (as PIL does) or not (as OpenCV's bilinear does).

    Raises:
        ValueError: On values that no model can want.
    """

    frames: int = 16
    size: int | tuple[int, int] | None = 224
    sampling: Sampling = "uniform"
    interval: int | None = None
    start: int | None = None
    short: Short = "error"
    resize: Resize = "crop"
    short_side: int | None = None
    scaled: tuple[int, int] | None = None
    antialias: bool = True

    def __post_init__(self) -> None:
        check_whole("frames", self.frames)
        check_choice("sampling", self.sampling, get_args(Sampling))
        check_choice("resize", self.resize, get_args(Resize))
        check_choice("short", self.short, get_args(Short))
        self._check_size()
        self._check_window()
        self._check_scaled()

    def _check_size(self) -> None:
        if isinstance(self.size, list):
            object.__setattr__(self, "size", tuple(self.size))
        if not isinstance(self.size, tuple | None):
            check_whole("size", self.size)
        if isinstance(self.size, tuple) and len(self.size) != 2:
            raise ValueError(f"size: expected a side or (height, width), got {self.size}.")
        for side in self.height_width or ():
            check_whole("size", side)
        if self.short_side is not None:
            check_whole("short_side", self.short_side)
        if self.short_side is not None and self.short_side < max(self.height_width or (1,)):
            raise ValueError(
                f"short_side: expected at least the size of the crop ({self.size}), "
                f"got {self.short_side}."
            )

    def _check_window(self) -> None:
        if self.sampling == "interval" and self.interval is None:
            raise ValueError("interval: expected a number of frames with sampling='interval'.")
        if self.sampling in ("uniform", "centres") and (self.interval, self.start) != (None, None):
            raise ValueError(
                f"sampling: {self.sampling} spreads the frames over the whole file and takes no "
                "interval or start. Use sampling='interval' or 'every'."
            )
        if self.interval is not None:
            check_whole("interval", self.interval)
        if self.start is not None:
            check_whole("start", self.start, least=0)

    def _check_scaled(self) -> None:
        if self.scaled is None:
            return
        whole = isinstance(self.scaled, tuple | list) and len(self.scaled) == 2
        if not whole or self.resize != "crop" or self.short_side is not None:
            raise ValueError(
                f"scaled: expected (height, width) with resize='crop' and no short_side, got "
                f"{self.scaled!r}."
            )
        for side, least in zip(self.scaled, self.height_width or (1, 1), strict=True):
            check_whole("scaled", side, least)

    @property
    def height_width(self) -> tuple[int, int] | None:
        """(H, W) in pixels, or None where the source's size is kept."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Stated):
    """What a model wants to be given and what it answers.

    The adapter takes canonical clips (N, T, 3, H, W) in [0, 1], orders the channels, computes
    ``(value · scale − mean) / std``, casts to ``dtype`` and lays the axes out as ``layout`` says.

    Attributes:
        clip: Frames and size; None = any clip will do.
        layout: Order of the axes of one clip: a permutation of ``TCHW``; or of ``CHW`` for a
            model of single frames, which is asked about every frame and averaged over time
            (as Temporal Segment Networks do, arXiv 1608.00859).
        over_time: What is averaged over the frames of such a model: its ``scores`` as they are,
            or the ``probabilities`` that its logits stand for.
        pathways: For a model that takes a list of clips (SlowFast, arXiv 1812.03982): how many
            times fewer frames each of them has, such as (4, 1). Of T frames a pathway of T/a gets
            ⌊i·(T−1)/(T/a−1)⌋, as its authors' code does.
        batched: Whether the model takes a leading batch axis; else one clip at a time.
        array: Whether the model takes a ``torch`` tensor or a ``numpy`` array.
        channels: ``rgb``, ``bgr`` or ``grey`` (one channel, ITU-R 601 luma).
        scale: What a white voxel is before the mean is taken off: 1 or 255, usually.
        mean: One number, or one per channel in the model's order, in scaled units.
        std: Likewise.
        dtype: Type of the numbers.
        outputs: What the model returns: ``logits``, ``softmax`` or ``sigmoid`` scores;
            ``auto`` tells logits from softmax by the first answers.
        class_names: One name per class, or empty.

    Raises:
        ValueError: On values that contradict each other.
    """

    clip: ClipSpec | None = None
    layout: str = "TCHW"
    over_time: Average = "scores"
    pathways: tuple[int, ...] = ()
    batched: bool = True
    array: Array = "torch"
    channels: Channels = "rgb"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    dtype: Dtype = "float32"
    outputs: OutputKind = "auto"
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.clip, ClipSpec | None):
            raise ValueError(f"clip: expected a ClipSpec, got {self.clip!r}.")
        if sorted(str(self.layout)) not in (sorted("TCHW"), sorted("CHW")):
            raise ValueError(
                "layout: expected T, C, H, W in the order of the model, or C, H, W for a model of "
                f"single frames, got {self.layout!r}."
            )
        check_choice("channels", self.channels, get_args(Channels))
        check_choice("dtype", self.dtype, get_args(Dtype))
        check_choice("outputs", self.outputs, get_args(OutputKind))
        check_choice("array", self.array, get_args(Array))
        check_choice("over_time", self.over_time, get_args(Average))
        check_positive("scale", self.scale)
        if not isinstance(self.batched, bool):
            raise ValueError(f"batched: expected True or False, got {self.batched!r}.")
        self._check_numbers()
        self._check_scale()
        self._check_frames()
        self._check_names()

    @property
    def per_frame(self) -> bool:
        """Whether this is a model of single frames, averaged over time."""
        return "T" not in self.layout

    @property
    def answers(self) -> OutputKind:
        """What the scores of a clip are, after any averaging over time."""
        averaged = self.per_frame and self.over_time == "probabilities"
        return "softmax" if averaged and self.outputs == "logits" else self.outputs

    def _check_numbers(self) -> None:
        width = 1 if self.channels == "grey" else 3
        for name in ("mean", "std"):
            if not isinstance(getattr(self, name), tuple):
                raise ValueError(
                    f"{name}: expected a tuple of numbers, such as (0.5,), got "
                    f"{getattr(self, name)!r}."
                )
            for number in getattr(self, name):
                check_number(name, number)
            if len(getattr(self, name)) not in (1, width):
                raise ValueError(
                    f"{name}: expected 1 or {width} numbers for {self.channels} clips, "
                    f"got {len(getattr(self, name))}."
                )
        for deviation in self.std:
            check_positive("std", deviation)

    def _check_scale(self) -> None:
        if max(self.mean) > self.scale:
            raise ValueError(
                f"mean: {max(self.mean):g} lies beyond white, which is scale={self.scale:g} here. "
                "Say scale=255 where mean and std are in 0..255."
            )
        if self.dtype == "uint8" and (self.scale - max(self.mean)) / max(self.std) < 128:
            raise ValueError(
                f"scale: uint8 numbers need scale=255 and neither mean nor std, got scale="
                f"{self.scale:g}, mean={self.mean} and std={self.std}; white would be "
                f"{(self.scale - max(self.mean)) / max(self.std):.3g}."
            )

    def _check_frames(self) -> None:
        if self.array == "numpy" and self.dtype == "bfloat16":
            raise ValueError("dtype: NumPy has no bfloat16; expected float32, float16 or uint8.")
        if self.over_time == "probabilities" and self.outputs == "auto":
            raise ValueError(
                "outputs: expected logits, softmax or sigmoid where probabilities are averaged "
                "over time, got 'auto'."
            )
        if not isinstance(self.pathways, tuple) or (self.pathways and self.per_frame):
            raise ValueError(
                f"pathways: expected a tuple such as (4, 1), and T in the layout, got "
                f"{self.pathways!r} and {self.layout}."
            )
        for reduction in self.pathways:
            check_whole("pathways", reduction)
            if self.clip and self.clip.frames % reduction:
                raise ValueError(
                    f"pathways: {self.clip.frames} frames can't be reduced {reduction} times. "
                    "Ask for a multiple."
                )

    def _check_names(self) -> None:
        names = self.class_names
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"class_names: expected one name per class, got {names!r}.")
        if len(set(self.class_names)) != len(self.class_names):
            twice = sorted({n for n in self.class_names if self.class_names.count(n) > 1})
            raise ValueError(f"class_names: expected different names, got {twice} twice.")
