"""Makes regions connected: stray parts of a region go to the neighbours that they touch most."""

import numpy as np
from jaxtyping import Bool, Float, Int
from skimage.measure import label as label_parts

Volume = Int[np.ndarray, "T H W"]
Table = Int[np.ndarray, "faces 2"]
Areas = Float[np.ndarray, " faces"]


def connect(labels: Volume, *, time_spacing: float = 1.0, smallest: int | None = None) -> Volume:
    """Return labels whose regions are 6-connected: the largest part of each label stays.

    A part that touches several regions goes to the one with which it shares the largest surface,
    ties to the lowest label; parts that touch other stray parts only wait for those.

    Args:
        labels: (T, H, W) numbers from 0.
        time_spacing: How many pixels one frame counts for: the area of a face within a frame,
            where a face between two frames has area 1.
        smallest: Parts of at least this many voxels stay too, so that a label may have several.
    """
    parts = components(labels)
    n_parts = int(parts.max()) + 1
    size = np.bincount(parts.ravel(), minlength=n_parts)
    owner = np.empty(n_parts, dtype=np.int64)
    owner[parts.ravel()] = labels.ravel()
    stays = largest_of_each(owner, size)
    if smallest is not None:
        stays |= size >= smallest
    faces, areas = faces_between(parts, stays, time_spacing)
    return absorb(np.where(stays, owner, -1), faces, areas).take(parts)


def components(labels: Volume) -> Volume:
    """Return the number, from 0, of the 6-connected part of equal label that holds each voxel."""
    parts: Volume = label_parts(labels, background=-1, connectivity=1)  # type: ignore[no-untyped-call]
    return parts - 1


def largest_of_each(
    owner: Int[np.ndarray, " parts"], size: Int[np.ndarray, " parts"]
) -> Bool[np.ndarray, " parts"]:
    """Return which part is the largest of its owner, ties to the first."""
    order = np.lexsort((-size, owner))
    firsts = np.unique(owner[order], return_index=True)[1]
    largest = np.zeros(len(owner), dtype=bool)
    largest[order[firsts]] = True
    return largest


def faces_between(
    parts: Volume, stays: Bool[np.ndarray, " parts"], time_spacing: float
) -> tuple[Table, Areas]:
    """Return a row (stray part, part beside it) for every face of a stray part, and its area."""
    stray = ~stays[parts]
    rows, areas = [], []
    for axis, area in enumerate((1.0, time_spacing, time_spacing)):
        ahead, behind = (np.delete(np.arange(parts.shape[axis]), end) for end in (0, -1))
        here, there = parts.take(behind, axis), parts.take(ahead, axis)
        differ = here != there
        for one, other, chosen in (
            (here, there, differ & stray.take(behind, axis)),
            (there, here, differ & stray.take(ahead, axis)),
        ):
            rows.append(np.stack([one[chosen], other[chosen]], axis=1))
            areas.append(np.full(len(rows[-1]), area))
    return np.concatenate(rows), np.concatenate(areas)


def absorb(
    owner: Int[np.ndarray, " parts"], faces: Table, areas: Areas
) -> Int[np.ndarray, " parts"]:
    """Return the owners with every −1 replaced by the owner that the part touches most."""
    owner, n_labels = owner.copy(), int(owner.max()) + 1
    while len(faces):
        beside = owner[faces[:, 1]]
        ready = beside >= 0
        touching, which = np.unique((faces[:, 0] * n_labels + beside)[ready], return_inverse=True)
        shared = np.bincount(which, areas[ready])
        part, label = np.divmod(touching, n_labels)
        order = np.lexsort((label, -shared, part))
        winners = order[np.unique(part[order], return_index=True)[1]]
        owner[part[winners]] = label[winners]
        left = owner[faces[:, 0]] < 0
        faces, areas = faces[left], areas[left]
    return owner
