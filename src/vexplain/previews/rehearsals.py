"""What a model would be shown under a method: rows of the explanation to come (paper, Figure 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Coalitions, Method, Segmentation, Segmenter, VideoClip
from vexplain.core.checks import check_whole
from vexplain.core.files import atomic_path
from vexplain.engine.clock import Clock
from vexplain.engine.scene import Scene, draw, staged
from vexplain.previews.naming import about, check_named, moments_of
from vexplain.rendering.films import check_other_file
from vexplain.rendering.pictures import check_png
from vexplain.rendering.sheets import evenly, tile_size, tiles
from vexplain.visualization import Row, Sheet, draw_sheet

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """All that a method would ask about a clip, of which a few rows are shown.

    Attributes:
        name: What the method is called.
        method: The method.
        scene: The clip cut into its regions, and how it is perturbed.
        coalitions: All rows, exactly as an explanation with the same seed asks about them.
        shown: The numbers of the rows shown, from 0.
    """

    name: str
    method: Method
    scene: Scene
    coalitions: Coalitions
    shown: tuple[int, ...]

    def perturbed(self) -> Iterator[tuple[int, float, Float[Tensor, "T 3 H W"]]]:
        """Yield each row shown: its number, the share of the clip that it keeps, and its clip.

        Only one clip exists at a time.
        """
        for number in self.shown:
            keep = self.scene.keep(self.coalitions[number : number + 1])
            yield number, float(keep.mean()), self.scene.remove(keep)[0]


def perturbation_sheet(
    clip: VideoClip,
    methods: Mapping[str, Method],
    path: str | PathLike[str],
    *,
    samples: int = 4,
    n_frames: int = 8,
    seed: int = 0,
) -> Path:
    """Show what a model would be given under some methods, before it is asked.

    The rows are those that an explanation with the same clip, method and seed asks about; those
    shown are spread evenly over them, first and last included, as a method may list its smallest
    coalitions first.

    Args:
        clip: The clip.
        methods: The methods, by the name that is written beside them.
        path: The ``.png`` file to write.
        samples: Largest number of rows shown per method.
        n_frames: Largest number of moments; first and last frame included.
        seed: Seed of step 3.

    Returns:
        ``path``.

    Raises:
        ValueError: When there is no method, one does not fit the clip, or ``path`` has another
            suffix or is in the folder of the source's frames.
        OSError: When the file can't be written.
    """
    check_whole("n_frames", n_frames)
    check_png(path)
    found = rehearse(clip, methods, samples=samples, seed=seed)
    return draw_rehearsals(clip, found, path, n_frames=n_frames)


def rehearse(
    clip: VideoClip, methods: Mapping[str, Method], *, samples: int = 4, seed: int = 0
) -> list[Rehearsal]:
    """Do steps 1 to 4 of each method as the engine does, but for the perturbed clips.

    Methods with the same segmenter share the regions, which are cut on the CPU.

    Raises:
        ValueError: When there is no method, or one does not fit the clip.
    """
    check_whole("samples", samples)
    check_whole("seed", seed, least=0)
    check_named("methods", methods, Method, "{'rise': vexplain.methods.rise()}")
    clip = clip.to(CPU)
    known: dict[Segmenter, Segmentation] = {}
    found = []
    for name, method in methods.items():
        scene = staged(clip, regions_of(method.segmentation, clip, known), method)
        rows = draw(scene.segmentation.n_features, method, seed, Clock(CPU))
        found.append(Rehearsal(name, method, scene, rows, tuple(evenly(len(rows), samples))))
    return found


def regions_of(
    segmenter: Segmenter, clip: VideoClip, known: dict[Segmenter, Segmentation]
) -> Segmentation:
    """Return the regions of a clip, those found before where an equal segmenter found them."""
    try:
        hash(segmenter)
    except TypeError:  # such as one that holds an array
        return segmenter(clip)
    if segmenter not in known:
        known[segmenter] = segmenter(clip)
    return known[segmenter]


def draw_rehearsals(
    clip: VideoClip,
    rehearsals: Sequence[Rehearsal],
    path: str | PathLike[str],
    *,
    n_frames: int = 8,
) -> Path:
    """Write the picture of what was rehearsed already; see ``perturbation_sheet``."""
    check_png(path)
    check_other_file(path, clip.source)
    chosen = evenly(clip.shape[0], n_frames)
    rows = [Row(tiles(clip.frames[chosen], tile_size(clip)), "Clip")]
    for rehearsal in rehearsals:
        rows += rows_of(rehearsal, clip, chosen)
    title = "What the model would be shown"
    sheet = Sheet(title, about(clip), moments_of(clip, chosen), rows)
    with atomic_path(path) as part:
        draw_sheet(sheet).save(part)
    return Path(path)


def rows_of(rehearsal: Rehearsal, clip: VideoClip, chosen: Sequence[int]) -> list[Row]:
    """Return the rows of a method: the first one names it and says what it would ask."""
    size = tile_size(clip)
    asked, regions = len(rehearsal.coalitions), rehearsal.coalitions.n_features
    rows: list[Row] = []
    for number, kept, frames in rehearsal.perturbed():
        present = int(rehearsal.coalitions.present[number].sum())
        notes = [
            f"sample {number + 1:,} of {asked:,}",
            f"{present:,} of {regions:,} regions present",
            f"{share(kept)} of the clip stays",
        ]
        rows.append(Row(tiles(frames[list(chosen)], size), "" if rows else rehearsal.name, notes))
    return rows


def share(part: float) -> str:
    """Return a share in percent, finer where it is nearly nothing or nearly all."""
    return f"{part:.0%}" if 0.01 <= part <= 0.99 else f"{part:.2%}"
