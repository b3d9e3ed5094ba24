"""From files and arrays to clips, and the source's frames for drawing on them."""

import bisect
import os
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vexplain.core import ClipSpec, Source, VexplainWarning, VideoClip
from vexplain.core.checks import check_positive
from vexplain.video.containers import VideoFile, frame_times
from vexplain.video.fitting import Fit, fit_frame, resize_frame
from vexplain.video.sampling import sample_indices
from vexplain.video.sources import FrameFolder, FrameSource, Survey

_DEFAULT_SPEC = ClipSpec()


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One upright frame of a source at its own size.

    Attributes:
        index: Its number among the decoded frames, from 0.
        seconds: Its time since the first frame.
        pixels: (H, W, 3) 8-bit RGB.
    """

    index: int
    seconds: float
    pixels: UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, eq=False)
class _Pass:
    """What one run through a source gave: the times of all frames, and the wanted ones, fitted."""

    times: tuple[float, ...]
    fit: Fit | None
    pictures: Mapping[int, Tensor]
    damage: Mapping[str, int]


def read_clip(
    path: str | PathLike[str],
    spec: ClipSpec = _DEFAULT_SPEC,
    *,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
) -> VideoClip:
    """Read the frames that ``spec`` wants from a video file or a folder of pictures.

    The packets tell how many frames to expect, so one pass of decoding finds the wanted frames;
    when fewer or more come out, a second pass takes the right ones. Only wanted frames are
    converted to RGB and kept, and only after resizing. Values are whole 255ths.

    Args:
        path: A video file, or a folder of pictures in natural order (25 a second).
        spec: Which frames, and how large.
        start_seconds: Take only frames from this time on, in seconds since the first frame.
        end_seconds: Take only frames before this time.

    Returns:
        The clip; its ``frame_index`` counts in the whole file, its times are the file's own where
        these increase strictly, else frame number / average rate. Where frames are repeated
        (``hold``, ``loop``) the times are evenly spaced.

    Raises:
        FileNotFoundError: When there is nothing at ``path``.
        ValueError: When it is not a video, has no frame, or has fewer than ``spec`` wants.
    """
    _check_part(start_seconds, end_seconds)
    source = open_source(path)
    survey = source.survey()
    guess = _expected(survey.times, spec, start_seconds, end_seconds)
    run = _run(source, survey, guess, spec)
    _warn_damage(source, survey, run)
    indices = choose_frames(run.times, spec, start_seconds, end_seconds)
    if not run.pictures.keys() >= set(indices):
        run = _run(source, survey, indices, spec)
    frames = torch.stack([run.pictures[i] for i in indices]).float() / 255
    return VideoClip(
        frames, clip_times(run.times, indices, survey.rate), _provenance(source, run, indices)
    )


def clip_from_array(
    frames: np.ndarray | Tensor, *, layout: str = "TCHW", fps: float = 25.0
) -> VideoClip:
    """Make a clip of frames in memory, copied.

    Args:
        frames: Four axes; 8-bit, or floating-point in [0, 1]; RGB, or grey with one channel.
        layout: The order of the axes, a permutation of ``TCHW``.
        fps: Frames per second.

    Raises:
        ValueError: On another number of axes or channels, another layout, or values outside [0, 1].
        TypeError: On anything but an array or tensor of 8-bit or floating-point numbers.
    """
    check_positive("fps", fps)
    if not isinstance(layout, str) or sorted(layout) != sorted("TCHW"):
        raise ValueError(f"layout: expected a permutation of TCHW, got {layout!r}.")
    values = _as_tensor(frames)
    if values.ndim != 4:
        raise ValueError(
            f"frames: expected four axes ({', '.join(layout)}), got shape {tuple(values.shape)}."
        )
    values = values.permute(*(layout.index(axis) for axis in "TCHW"))
    if values.shape[1] not in (1, 3):
        raise ValueError(
            f"frames: expected 3 channels (RGB) or 1 (grey) on axis C of {layout}, "
            f"got {values.shape[1]}. Check the layout."
        )
    unit = values.float() / 255 if values.dtype == torch.uint8 else values.float()
    T, _, H, W = values.shape
    times = torch.arange(T, dtype=torch.float64) / fps
    return VideoClip(unit.expand(T, 3, H, W).clone(memory_format=torch.contiguous_format), times)


def source_frames(path: str | PathLike[str]) -> Iterator[SourceFrame]:
    """Yield all frames of a source in decode order, one at a time, as large as they are.

    A first run without conversion finds the times, which are those of ``read_clip``; they are kept
    for as long as the file stays what it is.

    Raises:
        FileNotFoundError: When there is nothing at ``path``.
        ValueError: When it is not a video or has no frame.
    """
    return _stream(open_source(path))


def frame_rate(path: str | PathLike[str]) -> Fraction:
    """Return the average number of frames per second, without decoding; 25 for a folder.

    Raises:
        FileNotFoundError: When there is nothing at ``path``.
        ValueError: When it is not a video.
    """
    return open_source(path).survey().rate


def digest(path: str | PathLike[str]) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's pictures.

    Raises:
        FileNotFoundError: When there is nothing at ``path``.
        OSError: When it can't be read.
        ValueError: When it is a folder without pictures.
    """
    return open_source(path).digest()


def open_source(path: str | PathLike[str]) -> FrameSource:
    """Return the file or folder at ``path`` as a source of frames.

    Raises:
        FileNotFoundError: When there is nothing at ``path``.
        OSError: When it can't be read.
        ValueError: When ``path`` is empty.
        TypeError: When it is not a name.
    """
    if not isinstance(path, str | PathLike):
        raise TypeError(f"path: expected the name of a file or folder, got {path!r}.")
    if not os.fspath(path):
        raise ValueError('path: expected the name of a file or folder, got "".')
    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"path: there is no file or folder {place}.")
    if not os.access(place, os.R_OK):
        raise PermissionError(f"path: {place} can't be read; check its permissions.")
    return FrameFolder(place) if place.is_dir() else VideoFile(place)


def choose_frames(
    times: tuple[float, ...], spec: ClipSpec, start: float | None, end: float | None
) -> tuple[int, ...]:
    """Return the frames that ``spec`` wants of the part of a file from ``start`` to ``end``.

    Raises:
        ValueError: When the part is none, or has fewer frames than ``spec`` wants.
    """
    # A microsecond of tolerance: 0.1 + 0.2 shall find the frame at 0.3.
    first = 0 if start is None else bisect.bisect_left(times, start - 1e-6)
    stop = len(times) if end is None else bisect.bisect_left(times, end - 1e-6)
    if stop <= first:
        raise ValueError(
            f"start_seconds: expected a part that holds frames, got none from {start} to {end}; "
            f"the last of {len(times)} frames is at {times[-1]:.3f} s."
        )
    return tuple(first + i for i in sample_indices(stop - first, spec))


def clip_times(
    times: tuple[float, ...], indices: tuple[int, ...], rate: Fraction
) -> Float[Tensor, " T"]:
    """Return the (T,) float64 seconds of the clip's frames, strictly increasing.

    Frames that are shown again can't keep their times: such a clip is spaced evenly, by the first
    distance between its frames.
    """
    if all(a < b for a, b in pairwise(indices)):
        return torch.tensor([times[i] for i in indices], dtype=torch.float64)
    step = max(indices[1] - indices[0], 1) / float(rate)
    return times[indices[0]] + step * torch.arange(len(indices), dtype=torch.float64)


def _as_tensor(frames: object) -> Tensor:
    """Return an array or tensor of uint8 or floats as a tensor in this machine's byte order."""
    if isinstance(frames, Tensor):
        if frames.dtype == torch.uint8 or frames.dtype.is_floating_point:
            return frames.detach()
    elif isinstance(frames, np.ndarray):
        if frames.dtype == np.uint8:
            return torch.tensor(np.ascontiguousarray(frames))
        if frames.dtype.kind == "f":
            return torch.from_numpy(frames.astype(np.float32, order="C"))
    kind = getattr(frames, "dtype", type(frames).__name__)
    raise TypeError(
        "frames: expected a numpy array or a tensor, uint8 in 0..255 or floats in [0, 1], "
        f"got {kind}. Convert it first."
    )


def _check_part(start: float | None, end: float | None) -> None:
    if start is not None and not start >= 0:
        raise ValueError(f"start_seconds: expected seconds from 0, got {start}.")
    if end is not None and not end > (start or 0):
        raise ValueError(f"end_seconds: expected more than start_seconds ({start}), got {end}.")


def _expected(
    times: tuple[float, ...], spec: ClipSpec, start: float | None, end: float | None
) -> tuple[int, ...]:
    """Choose among the frames that the packets promise; errors wait for those that come out."""
    try:
        return choose_frames(times, replace(spec, short="hold"), start, end) if times else ()
    except ValueError:
        return ()


def _run(source: FrameSource, survey: Survey, wanted: Collection[int], spec: ClipSpec) -> _Pass:
    stamps: list[float | None] = []
    pictures: dict[int, Tensor] = {}
    damage: Counter[str] = Counter()
    wanted, fit = frozenset(wanted), None
    for index, frame in enumerate(source.frames(damage)):
        stamps.append(frame.seconds)
        if index in wanted:
            pixels = frame.to_rgb()
            fit = fit or fit_frame(pixels.shape[0], pixels.shape[1], spec)
            pictures[index] = resize_frame(pixels, fit, antialias=spec.antialias)
    if not stamps:
        raise ValueError(
            f"path: no frame of {source.path} could be decoded; the file is damaged or cut short."
        )
    return _Pass(frame_times(stamps, survey.rate), fit, pictures, damage)


def _warn_damage(source: FrameSource, survey: Survey, run: _Pass) -> None:
    lost, patched = run.damage.get("packets", 0), run.damage.get("frames", 0)
    if survey.complete and not lost and not patched:
        return
    warnings.warn(
        f"path: {source.path} is damaged or cut short: {len(run.times)} frames were decoded "
        f"({patched} of them with errors), {lost} packets could not be. Only what was decoded is "
        "used; get a whole copy of the file if you can.",
        VexplainWarning,
        stacklevel=3,
    )


def _provenance(source: FrameSource, run: _Pass, indices: tuple[int, ...]) -> Source:
    if run.fit is None:
        raise ValueError("indices: expected at least one frame, got none.")
    return Source(
        path=str(source.path),
        digest=source.digest(),
        n_frames=len(run.times),
        height=run.fit.source[0],
        width=run.fit.source[1],
        frame_index=indices,
        box=run.fit.box,
    )


def _stream(source: FrameSource) -> Iterator[SourceFrame]:
    survey, run = _looked_through(source.path, source.digest())
    _warn_damage(source, survey, run)
    for index, (frame, seconds) in enumerate(
        zip(source.frames(Counter()), run.times, strict=False)
    ):
        yield SourceFrame(index, seconds, frame.to_rgb())


@lru_cache(maxsize=16)
def _looked_through(path: Path, _digest: str) -> tuple[Survey, _Pass]:
    """Find the times of all frames, once for every content of a source."""
    source = open_source(path)
    survey = source.survey()
    return survey, _run(source, survey, (), _DEFAULT_SPEC)
