"""Where the evidence is known to lie: boxes, tracks and label volumes on the grid of a clip.

A truth is a bool tensor (T, H, W) on the CPU, True = inside. A voxel is inside when at least half
of its area is covered. Boxes are [x0, y0, x1, y1] in pixels, right and bottom exclusive: the pixel
in column 3 reaches from x = 3 to x = 4.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from vexplain.core import Source, VideoClip, near_names
from vexplain.core.checks import check_number

HALF = 0.5 - 1e-9  # overlaps are rounded, and an exact half is inside

Box: TypeAlias = Sequence[float] | NDArray[Any]  # [x0, y0, x1, y1]
FrameBoxes: TypeAlias = Box | Sequence[Box] | None
Boxes: TypeAlias = Sequence[FrameBoxes] | NDArray[Any] | Mapping[int, FrameBoxes]
"""One entry per frame, or frame numbers from 0 with their entries."""


def truth_from_boxes(boxes: Boxes, clip: VideoClip) -> Bool[Tensor, "T H W"]:
    """Return the voxels of a clip that lie inside boxes, one or several per frame.

    The boxes are those of the source: one entry per decoded source frame, in source pixels. A
    clip without a source has its own: one entry per clip frame, in clip pixels. What of a box
    lies outside of its frame is cut off; overlapping boxes count once.

    Args:
        boxes: A sequence with one entry per frame, or a mapping from frame numbers, where frames
            left out have none. An entry is None, one box or a list of boxes.
        clip: The clip explained.

    Raises:
        ValueError: On another number of entries, a frame number out of range, or a box that is
            not four finite numbers with x1 > x0 and y1 > y0.
    """
    place = Place.of(clip)
    return place.inside_boxes(frame_boxes("boxes", boxes, place))


def truth_from_tracks(
    tracks: Mapping[str, Boxes], clip: VideoClip, *, only: str | Sequence[str] | None = None
) -> Bool[Tensor, "T H W"]:
    """Return the voxels of a clip that lie inside the boxes of any of some named tracks.

    Args:
        tracks: For each name its boxes, as in ``truth_from_boxes``.
        clip: The clip explained.
        only: The name or names of the tracks that count; all by default.

    Raises:
        ValueError: On a name that there is not, no track at all, or boxes that
            ``truth_from_boxes`` does not take.
    """
    place = Place.of(clip)
    names = chosen_tracks(tracks, only)
    each = [frame_boxes(f"tracks[{name!r}]", tracks[name], place) for name in names]
    return place.inside_boxes([np.concatenate(boxes) for boxes in zip(*each, strict=True)])


def truth_from_volume(
    volume: Shaped[Tensor, "n h w"] | Shaped[np.ndarray, "n h w"],
    clip: VideoClip,
    *,
    labels: float | Collection[float] | None = None,
) -> Bool[Tensor, "T H W"]:
    """Return the voxels of a clip that a label volume marks.

    A volume of the source's frames, rows and columns is taken as the source's: its frames are
    sampled and its pixels averaged over area as the clip's were. Otherwise it must have the
    clip's own shape (T, H, W) and is taken as it is. A shape that both have means the source's:
    where the two grids coincide that is the same, and elsewhere (a window cut out of an enlarged
    frame) a clip without ``source`` makes it the clip's.

    Args:
        volume: (n, h, w) bool, whole or real numbers.
        clip: The clip explained.
        labels: The label or labels that are inside; all but 0 by default. A label that no voxel
            has adds nothing.

    Raises:
        ValueError: On another shape, on values that are no finite numbers, or on labels that
            are none.
    """
    values = as_numbers(volume)
    place = Place.of(clip)
    T, _, H, W = clip.shape
    if values.shape == place.shape:
        return place.inside_cells(labelled(values[list(place.frames)], labels))
    if values.shape == (T, H, W):
        return torch.from_numpy(labelled(values, labels))
    own = f"the clip's own (T, H, W) = {(T, H, W)}"
    source = f"its source's (frames, rows, columns) = {place.shape}, or "
    raise ValueError(
        f"volume: expected the shape of {source if clip.source else ''}{own}, "
        f"got {values.shape}. Give the volume of this very clip or file."
    )


def read_truth(path: str | PathLike[str], clip: VideoClip) -> Bool[Tensor, "T H W"]:
    """Read the truth of a clip from a file.

    ``.json`` holds ``{"boxes": [...]}`` as ``truth_from_boxes`` takes them, or
    ``{"tracks": {name: [...]}}`` as ``truth_from_tracks`` does; numbers of ``frames``, ``width``
    and ``height`` are compared with the source's. ``.npy`` and ``.npz`` hold one volume, as
    ``truth_from_volume`` takes it. Nothing in a file is executed.

    Args:
        path: The file.
        clip: The clip explained.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the file is of another kind, damaged, or the truth of another clip.
    """
    file = Path(path)
    readers = {".json": from_json, ".npy": from_arrays, ".npz": from_arrays}
    if not file.is_file():
        raise FileNotFoundError(f"truth: expected a file with boxes or labels, there is no {file}.")
    if file.suffix.lower() not in readers:
        raise ValueError(
            f"truth: expected a file that ends in {', '.join(readers)}, got {file}. "
            "Write boxes as JSON, and labels per voxel with numpy.save."
        )
    try:
        return readers[file.suffix.lower()](file, clip)
    except ValueError as error:
        raise ValueError(f"truth: {file} can't be used. {error}") from error


@dataclass(frozen=True, eq=False)
class Place:
    """Where the voxels of a clip lie in the frames that a truth speaks of.

    Attributes:
        owner: Whose frames they are: ``source`` or ``clip``.
        shape: (n, h, w), how many frames, rows and columns they have.
        frames: For every clip frame its number among the n.
        rows: (H + 1,) the edges of the clip's rows, in pixels of those frames.
        columns: (W + 1,) the edges of its columns, likewise.
    """

    owner: str
    shape: tuple[int, int, int]
    frames: tuple[int, ...]
    rows: Float[np.ndarray, " edges_y"]
    columns: Float[np.ndarray, " edges_x"]

    @classmethod
    def of(cls, clip: VideoClip) -> "Place":
        """Place a clip in its source, or in itself where it has none.

        Raises:
            ValueError: When the source does not say where each frame of the clip lies.
        """
        T, _, H, W = clip.shape
        source = clip.source
        if source is None:
            return cls("clip", (T, H, W), tuple(range(T)), np.arange(H + 1.0), np.arange(W + 1.0))
        check_frame_index(source, T)
        top, left, bottom, right = source.box
        shape = (source.n_frames, source.height, source.width)
        rows, columns = np.linspace(top, bottom, H + 1), np.linspace(left, right, W + 1)
        return cls("source", shape, source.frame_index, rows, columns)

    def inside_boxes(self, boxes: Sequence[NDArray[np.float64]]) -> Bool[Tensor, "T H W"]:
        """Return the voxels inside the boxes (k, 4) that each of the n frames has."""
        inside = {frame: self.inside_frame(boxes[frame]) for frame in set(self.frames)}
        return torch.from_numpy(np.stack([inside[frame] for frame in self.frames]))

    def inside_frame(self, boxes: Float[np.ndarray, "k 4"]) -> Bool[np.ndarray, "H W"]:
        """Return the pixels of a clip frame that the union of some boxes covers by half.

        The edges of all boxes cut the frame into cells that are wholly inside or outside.
        """
        _, h, w = self.shape
        x0, y0, x1, y1 = boxes.T.clip(0, np.array([w, h, w, h])[:, None])
        x, y = np.unique([x0, x1]), np.unique([y0, y1])
        in_rows = (y0 <= y[:-1, None]) & (y[:-1, None] < y1)
        in_columns = (x0 <= x[:-1, None]) & (x[:-1, None] < x1)
        cells = in_rows.astype(float) @ in_columns.T > 0
        return half_covered(overlap(self.rows, y), cells, overlap(self.columns, x))

    def inside_cells(self, inside: Bool[np.ndarray, "T h w"]) -> Bool[Tensor, "T H W"]:
        """Return the voxels that pixels of the T frames cover by half."""
        _, h, w = self.shape
        rows = overlap(self.rows, np.arange(h + 1.0))
        columns = overlap(self.columns, np.arange(w + 1.0))
        return torch.from_numpy(np.stack([half_covered(rows, cells, columns) for cells in inside]))


def overlap(
    edges: Float[np.ndarray, " edges"], cells: Float[np.ndarray, " cell_edges"]
) -> Float[np.ndarray, "pixels cells"]:
    """Return the share of every pixel that lies in every cell, along one axis."""
    low = np.maximum(edges[:-1, None], cells[:-1])
    high = np.minimum(edges[1:, None], cells[1:])
    shares: NDArray[np.float64] = (high - low).clip(min=0) / np.diff(edges)[:, None]
    return shares


def half_covered(
    rows: Float[np.ndarray, "H h"],
    cells: Bool[np.ndarray, "h w"],
    columns: Float[np.ndarray, "W w"],
) -> Bool[np.ndarray, "H W"]:
    """Return whether at least half of a pixel's area lies in cells that are inside."""
    inside: NDArray[np.bool_] = rows @ cells.astype(float) @ columns.T >= HALF
    return inside


def check_frame_index(source: Source, T: int) -> None:
    """Raise ``ValueError`` unless there is a source frame for each of the T clip frames."""
    index = source.frame_index
    if len(index) != T or not all(0 <= frame < source.n_frames for frame in index):
        raise ValueError(
            f"clip: expected a source whose frame_index has {T} numbers in "
            f"0..{source.n_frames - 1}, one per clip frame, got {len(index)} in "
            f"{min(index, default=0)}..{max(index, default=0)}. Cut the frame_index as the frames."
        )


def frame_boxes(name: str, boxes: Boxes, place: Place) -> list[NDArray[np.float64]]:
    """Return the boxes (k, 4) of each of the n frames; raises as ``truth_from_boxes`` does."""
    n = place.shape[0]
    if isinstance(boxes, Mapping):
        check_numbers(name, boxes, n)
        boxes = [boxes.get(frame) for frame in range(n)]
    if isinstance(boxes, str | bytes) or not isinstance(boxes, Sequence | np.ndarray):
        raise ValueError(
            f"{name}: expected one entry per frame of the {place.owner}, or a mapping from frame "
            f"numbers, got {type(boxes).__name__}."
        )
    if len(boxes) != n:
        raise ValueError(
            f"{name}: expected one entry per frame of the {place.owner} ({n}), got {len(boxes)}. "
            "Give None for a frame without a box, or a mapping from frame numbers."
        )
    return [as_boxes(f"{name}[{frame}]", entry) for frame, entry in enumerate(boxes)]


def check_numbers(name: str, numbers: Iterable[object], n: int) -> None:
    """Raise ``ValueError`` unless all numbers are frames in 0..n−1."""
    for number in numbers:
        whole = isinstance(number, Integral) and not isinstance(number, bool)
        if not whole or number not in range(n):
            raise ValueError(
                f"{name}: expected frame numbers in 0..{n - 1}, counted from 0, got {number!r}."
            )


def as_boxes(name: str, entry: object) -> NDArray[np.float64]:
    """Return the entry of one frame as boxes (k, 4), or raise ``ValueError`` unless it is one."""
    try:
        rows = np.asarray([] if entry is None else entry)
    except (TypeError, ValueError):  # rows of different lengths
        rows = np.asarray(None)
    if rows.shape == (0,):
        return np.empty((0, 4))
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.dtype.kind not in "iuf" or rows.ndim != 2 or rows.shape[1] != 4:
        raise ValueError(
            f"{name}: expected None, a box [x0, y0, x1, y1] or a list of boxes, got {entry!r}."
        )
    x0, y0, x1, y1 = rows.T
    if not (np.isfinite(rows).all() and (x0 < x1).all() and (y0 < y1).all()):
        raise ValueError(
            f"{name}: expected boxes [x0, y0, x1, y1] of finite numbers with x1 > x0 and y1 > y0, "
            f"got {entry!r}. Give None for a frame without a box."
        )
    return rows.astype(np.float64)


def chosen_tracks(tracks: Mapping[str, Boxes], only: str | Sequence[str] | None) -> list[str]:
    """Return the names of the tracks that count; raises as ``truth_from_tracks`` does."""
    if not isinstance(tracks, Mapping) or not tracks:
        raise ValueError(f"tracks: expected boxes for at least one name, got {tracks!r}.")
    if only is None:
        return list(tracks)
    names = [only] if isinstance(only, str) else list(only)
    if not names:
        raise ValueError("only: expected the name of at least one track, got none.")
    for name in names:
        if name not in tracks:
            hint = near_names(str(name), list(tracks)) or f" There are {', '.join(tracks)}."
            raise ValueError(f"only: no track is named {name!r}.{hint}")
    return names


def as_numbers(volume: Tensor | NDArray[Any]) -> NDArray[Any]:
    """Return a volume as an array, or raise ``ValueError`` unless it is one of finite numbers."""
    if isinstance(volume, Tensor):
        volume = volume.detach().cpu()
        # numpy has no bfloat16.
        volume = (volume.double() if volume.is_floating_point() else volume).numpy()
    if not isinstance(volume, np.ndarray) or volume.ndim != 3 or volume.dtype.kind not in "biuf":
        kind = getattr(volume, "dtype", type(volume).__name__)
        raise ValueError(
            f"volume: expected numbers on the axes (frames, rows, columns), got {kind} of shape "
            f"{getattr(volume, 'shape', ())}."
        )
    if volume.dtype.kind == "f" and not np.isfinite(volume).all():
        raise ValueError("volume: expected finite numbers, got NaN or infinite ones. Use 0.")
    return volume


def labelled(
    values: Shaped[np.ndarray, "n h w"], labels: float | Collection[float] | None
) -> Bool[np.ndarray, "n h w"]:
    """Return which voxels have one of the labels, or any but 0; raises on labels that are none."""
    if labels is None:
        return values.astype(bool)
    wanted = list(labels) if isinstance(labels, Collection) else [labels]
    if not wanted:
        raise ValueError("labels: expected at least one label, got none.")
    for label in wanted:
        check_number("labels", label)
    return np.isin(values, wanted)


def from_json(file: Path, clip: VideoClip) -> Bool[Tensor, "T H W"]:
    """Return the truth of a JSON file; raises as ``read_truth`` does."""
    known = 'expected {"boxes": [...]} or {"tracks": {name: [...]}}'
    try:
        data = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON: {known}, can't read this ({error}).") from error
    if not isinstance(data, dict) or ("boxes" in data) == ("tracks" in data):
        got = f"the keys {sorted(data)}" if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"JSON: {known}, got {got}.")
    check_size(data, Place.of(clip))
    if "boxes" in data:
        return truth_from_boxes(numbered(data["boxes"]), clip)
    if not isinstance(data["tracks"], dict):
        raise ValueError(f"tracks: {known}, got {type(data['tracks']).__name__}.")
    return truth_from_tracks({k: numbered(v) for k, v in data["tracks"].items()}, clip)


def check_size(data: Mapping[str, object], place: Place) -> None:
    """Raise ``ValueError`` when a file says that it belongs to frames of another size."""
    for key, size in zip(("frames", "height", "width"), place.shape, strict=True):
        if data.get(key, size) != size:
            raise ValueError(
                f"{key}: expected {size} as in the {place.owner}, got {data[key]!r}. "
                "Give the truth of this very file."
            )


def numbered(boxes: Any) -> Any:
    """Return boxes with whole numbers for frames, which are text in a JSON file."""
    if not isinstance(boxes, dict):
        return boxes
    return {int(key) if key.isdecimal() else key: entry for key, entry in boxes.items()}


def from_arrays(file: Path, clip: VideoClip) -> Bool[Tensor, "T H W"]:
    """Return the truth of a file of numpy's; raises as ``read_truth`` does."""
    raw = file.read_bytes()
    try:
        arrays = arrays_in(raw)
    except Exception as error:  # numpy and zipfile have a dozen kinds for damaged files
        raise ValueError(
            f"volume: expected numbers saved by numpy, can't read this ({error})."
        ) from error
    if len(arrays) != 1:
        raise ValueError(
            f"volume: expected one array, got {len(arrays)} ({', '.join(arrays)}). "
            "Save the one that is the truth in a file of its own."
        )
    return truth_from_volume(next(iter(arrays.values())), clip)


def arrays_in(raw: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` by name, or that of an ``.npy``, whichever it really is."""
    loaded = np.load(BytesIO(raw), allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {"": loaded}
    with loaded:
        # Of several arrays only the names are wanted, for an error.
        only = len(loaded.files) == 1
        return {name: loaded[name] if only else np.empty(0) for name in loaded.files}
