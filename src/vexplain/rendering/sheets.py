"""The contact sheet: a clip's frames, and below them its explanations."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from vexplain.core import Explanation, VideoClip, Visualization
from vexplain.core.checks import check_whole
from vexplain.core.explanation import explanations_in
from vexplain.core.files import atomic_path
from vexplain.rendering.films import check_other_file
from vexplain.rendering.pictures import Picture, check_png, drawn_over, layer_of, picture
from vexplain.rendering.words import fit_notes, legend_of, scale_of, target_note
from vexplain.visualization import Row, Sheet, draw_sheet

TILE_SHORT, TILE_LONG = 160, 288  # pixels: least short side and largest long side of a tile


def contact_sheet(
    explanations: Explanation | Sequence[Explanation],
    path: str | PathLike[str],
    *,
    n_frames: int = 8,
    visualization: Visualization | None = None,
) -> Path:
    """Write a picture: the clip's frames in the first row, one row per explanation below.

    Args:
        explanations: One, or several of the same clip.
        path: The ``.png`` file to write.
        n_frames: Largest number of columns; they are spread evenly, first and last included.
        visualization: Step 7 for every row; each method's own by default.

    Returns:
        ``path``.

    Raises:
        TypeError: When one is no explanation.
        ValueError: When there is no explanation, or they are of clips of different shapes, or
            ``path`` has another suffix or is in the folder of the source's frames.
        OSError: When the file can't be written.
    """
    rows = explanations_in("explanations", explanations)
    check_whole("n_frames", n_frames)
    check_png(path)
    check_same_clip(rows)
    clip = rows[0].clip
    check_other_file(path, clip.source)
    chosen = evenly(clip.shape[0], n_frames)
    size = tile_size(clip)
    sheet = Sheet(
        title=title_of(rows),
        subtitle=subtitle_of(clip),
        moments=[f"{clip.pts_seconds[i]:.2f} s" for i in chosen],
        rows=[
            Row(tiles(clip.frames[chosen], size), "Clip"),
            *(explained_row(row, visualization, chosen, size) for row in rows),
        ],
    )
    with atomic_path(path) as part:
        draw_sheet(sheet).save(part)
    return Path(path)


def check_same_clip(explanations: Sequence[Explanation]) -> None:
    """Raise ``ValueError`` unless there is an explanation, and all are of clips of one shape."""
    if not explanations:
        raise ValueError("explanations: expected at least one explanation, got none.")
    shapes = sorted({explanation.clip.shape for explanation in explanations})
    if len(shapes) > 1:
        raise ValueError(
            f"explanations: expected explanations of the same clip, got clips of shapes {shapes}. "
            "Make one sheet per clip."
        )


def evenly(n: int, wanted: int) -> list[int]:
    """Return at most ``wanted`` of the numbers 0..n−1, evenly spread, both ends included."""
    if wanted == 1:
        return [n // 2]
    count = min(n, wanted)
    return [round(i * (n - 1) / max(count - 1, 1)) for i in range(count)]


def tile_size(clip: VideoClip) -> tuple[int, int]:
    """Return rows and columns of a tile, in the proportions that the clip has in its source."""
    height, width = (float(side) for side in clip.shape[2:])
    if clip.source is not None:
        top, left, bottom, right = clip.source.box
        width = height * (right - left) / (bottom - top)
    factor = min(TILE_SHORT / min(height, width), TILE_LONG / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def tiles(frames: Float[Tensor, "T 3 H W"], size: tuple[int, int]) -> list[Picture]:
    """Return frames as pictures of ``size``; where they grow much, their voxels stay visible."""
    if size[0] >= 3 * frames.shape[2]:
        resized = interpolate(frames.cpu(), size, mode="nearest-exact")
    else:
        resized = interpolate(frames.cpu(), size, mode="bicubic", antialias=True)
    return [picture(frame) for frame in resized]


def explained_row(
    explanation: Explanation,
    visualization: Visualization | None,
    chosen: Sequence[int],
    size: tuple[int, int],
) -> Row:
    """Return the row of one explanation: tiles, caption and what the colours mean."""
    draw = visualization or explanation.method.visualization
    layer = layer_of(explanation, draw)[chosen]
    drawn = drawn_over(explanation.clip.frames.cpu()[chosen], layer, draw)
    scale = scale_of(explanation, draw)
    return Row(
        tiles=tiles(drawn, size),
        name=explanation.method.name,
        notes=[target_note(explanation), *fit_notes(explanation)],
        scale=scale,
        legend=legend_of(explanation, draw, scale),
    )


def title_of(explanations: Sequence[Explanation]) -> str:
    """Return the sheet's title: the target, where all rows have the same one."""
    targets = {explanation.target_name for explanation in explanations}
    return f"What the model saw: {' / '.join(sorted(targets))}"


def subtitle_of(clip: VideoClip) -> str:
    """Return where the clip comes from and what of it the model was given."""
    T, _, H, W = clip.shape
    given = f"{W}\N{MULTIPLICATION SIGN}{H} pixels"
    if clip.source is None:
        return f"{T} {'frame' if T == 1 else 'frames'} of {given}"
    name = Path(clip.source.path).name
    seen = len({*clip.source.frame_index})
    again = f", shown as {T}" if seen < T else ""
    whole = "1 frame" if clip.source.n_frames == 1 else f"{clip.source.n_frames} frames"
    return f"{name} · {seen} of {whole}{again} · the model was given {given}"
