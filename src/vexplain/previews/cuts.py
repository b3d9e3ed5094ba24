"""How segmentations cut a clip, as a picture or a film (paper, Figures 2 and 3)."""

import colorsys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from vexplain.core import Segmentation, Segmenter, VideoClip
from vexplain.core.checks import check_whole
from vexplain.core.files import atomic_path
from vexplain.previews.measures import Extent, extent_of
from vexplain.previews.naming import about, check_named, moments_of
from vexplain.rendering.films import check_other_file, clip_rate
from vexplain.rendering.pictures import Picture, picture
from vexplain.rendering.sheets import evenly, tile_size, tiles
from vexplain.video import write_video
from vexplain.visualization import Row, Sheet, draw_sheet, owners_of, rims_of

LINE = (1.0, 0.92, 0.0)  # yellow, as in the paper's Figure 3
TINT = 0.6  # how much a region's colour covers the clip
GOLDEN = 0.61803398875  # turns of hue by it never come near an earlier one soon
TONES = ((0.95, 1.0), (0.6, 1.0), (0.9, 0.72))  # saturation and value, in turn
MANY = 0.5  # share of regions that span the whole clip above which the sheet says what that costs
FILMS = (".mp4", ".webm", ".gif")


@dataclass(frozen=True, eq=False)
class Cut:
    """A clip cut by one segmentation.

    Attributes:
        name: What the segmentation is called.
        segmentation: Its regions.
        owners: (T, H, W) the region that weighs most in each voxel: what is drawn.
        extent: How large the regions are, and how long they last.
    """

    name: str
    segmentation: Segmentation
    owners: Int[Tensor, "T H W"]
    extent: Extent

    @property
    def short_name(self) -> str:
        """The name without the options that follow a colon; those stand in the notes."""
        return self.name.partition(":")[0]

    @property
    def notes(self) -> list[str]:
        """Options, number, size and duration of the regions, a line each."""
        low, middle, high = self.extent.smallest_median_largest
        n, frames = self.segmentation.n_features, self.extent.shape[0]
        share = self.extent.whole_clip
        lines = [options] if (options := self.name.partition(":")[2]) else []
        lines += [f"{n:,} region{'s' * (n != 1)}", f"median {middle:,} voxels"]
        lines += [f"{low:,} to {high:,}"] if low < high else ["all of one size"]
        spans = f"{share:.0%} span all {frames} frames" if share else f"none spans {frames} frames"
        return [*lines, spans] if frames > 1 else lines

    @property
    def cautions(self) -> list[str]:
        """What the colours can't show, and what the regions can't tell."""
        lines = ["regions overlap", "drawn: the first of them"] if self.extent.overlaps else []
        if self.extent.fades:
            lines = ["regions fade into each other", "drawn: the one that weighs most"]
        if self.extent.shape[0] > 1 and self.extent.whole_clip > MANY:
            lines.append("most regions can't say when")
        return lines


def segmentation_sheet(
    clip: VideoClip,
    segmenters: Mapping[str, Segmenter],
    path: str | PathLike[str],
    *,
    n_frames: int = 8,
) -> Path:
    """Show how segmentations cut a clip: outlines, regions in colours, and how large they are.

    Args:
        clip: The clip.
        segmenters: Step 1 of a method, by the name that is written beside it.
        path: The file to write: a ``.png`` with moments side by side, or an ``.mp4``, ``.webm`` or
            ``.gif`` with every frame of the clip.
        n_frames: Largest number of moments in a picture; first and last frame included.

    Returns:
        ``path``.

    Raises:
        ValueError: When there is no segmenter, one does not fit the clip, or ``path`` has another
            suffix, is the source video or in the folder of its frames.
        OSError: When the file can't be written.
    """
    check_whole("n_frames", n_frames)
    check_suffix(path)
    return draw_cuts(clip, cut_clip(clip, segmenters), path, n_frames=n_frames)


def cut_clip(clip: VideoClip, segmenters: Mapping[str, Segmenter]) -> list[Cut]:
    """Return the clip cut by each segmenter, on the CPU.

    Raises:
        ValueError: When there is none.
    """
    check_named("segmenters", segmenters, Segmenter, "{'grid': vexplain.segmentation.Grid()}")
    clip = clip.to(torch.device("cpu"))
    found = []
    for name, segmenter in segmenters.items():
        segmentation = segmenter(clip)
        found.append(Cut(name, segmentation, owners_of(segmentation), extent_of(segmentation)))
    return found


def draw_cuts(
    clip: VideoClip, cuts: Sequence[Cut], path: str | PathLike[str], *, n_frames: int = 8
) -> Path:
    """Write the picture or film of a clip that is cut already; see ``segmentation_sheet``."""
    check_suffix(path)
    check_other_file(path, clip.source)
    if Path(path).suffix.lower() in FILMS:
        pages = (picture_of_page(page) for page in film_pages(clip, cuts))
        write_video(path, pages, fps=clip_rate(clip))
        return Path(path)
    with atomic_path(path) as part:
        draw_sheet(sheet_of(clip, cuts, evenly(clip.shape[0], n_frames))).save(part)
    return Path(path)


def check_suffix(path: str | PathLike[str]) -> None:
    """Raise ``ValueError`` unless ``path`` is the name of a picture or a film."""
    if Path(path).suffix.lower() not in (".png", *FILMS):
        raise ValueError(
            f"path: expected a name that ends in .png, .mp4, .webm or .gif, got {path}."
        )


def sheet_of(clip: VideoClip, cuts: Sequence[Cut], chosen: Sequence[int]) -> Sheet:
    """Return the sheet: the clip, and two rows per segmentation, a column per moment."""
    size = tile_size(clip)
    rows = [Row(tiles(clip.frames[list(chosen)], size), "Clip")]
    for cut in cuts:
        outlined, coloured = drawn(clip, cut, chosen, size)
        rows += [Row(outlined, cut.short_name, cut.notes), Row(coloured, "", cut.cautions)]
    return Sheet("How the clip is cut", about(clip), moments_of(clip, chosen), rows)


def film_pages(clip: VideoClip, cuts: Sequence[Cut]) -> Iterator[Sheet]:
    """Yield a sheet per frame of the clip: a row per segmentation."""
    size = tile_size(clip)
    for i in range(clip.shape[0]):
        rows = []
        plain = tiles(clip.frames[[i]], size)
        for cut in cuts:
            outlined, coloured = drawn(clip, cut, [i], size)
            notes = [*cut.notes, *cut.cautions]
            rows.append(Row([*plain, *outlined, *coloured], cut.short_name, notes))
        moment = f"{about(clip)} · {moments_of(clip, [i])[0]}"
        yield Sheet("How the clip is cut", moment, ["clip", "outlines", "regions"], rows)


def picture_of_page(page: Sheet) -> Picture:
    """Return a sheet as 8-bit pixels."""
    return np.asarray(draw_sheet(page))


def drawn(
    clip: VideoClip, cut: Cut, chosen: Sequence[int], size: tuple[int, int]
) -> tuple[list[Picture], list[Picture]]:
    """Return moments of the clip with the regions' outlines, and tinted with their colours."""
    frames = interpolate(clip.frames[list(chosen)].cpu(), size, mode="bicubic", antialias=True)
    owners = resized(cut.owners[list(chosen)], size)
    rims = rims_of(owners)[:, None]
    colors = distinct_colors(cut.segmentation.n_features)[owners].movedim(-1, 1)
    line = torch.tensor(LINE)[:, None, None]
    luma = frames.mean(1, keepdim=True)
    outlined = torch.where(rims, line, frames)
    tinted = torch.where(rims, 0.0, (1 - TINT) * luma + TINT * colors)
    return [picture(one) for one in outlined], [picture(one) for one in tinted]


def resized(owners: Int[Tensor, "n H W"], size: tuple[int, int]) -> Int[Tensor, "n h w"]:
    """Return owners at another size, each pixel that of its nearest voxel, so that none blend."""
    rows, columns = (
        ((torch.arange(n) + 0.5) * full / n).long()
        for n, full in zip(size, owners.shape[1:], strict=True)
    )
    return owners[:, rows[:, None], columns]


def distinct_colors(n: int) -> Float[Tensor, "n 3"]:
    """Return RGB colours in [0, 1] of which those of near numbers differ much."""
    tones = [(i * GOLDEN % 1, *TONES[i % len(TONES)]) for i in range(n)]
    return torch.tensor([colorsys.hsv_to_rgb(*tone) for tone in tones])
