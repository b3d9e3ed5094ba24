"""Several clips and several methods in one video."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from os import PathLike
from pathlib import Path

from vexplain.core import Explanation, Visualization
from vexplain.core.checks import check_flag, check_kind, check_positive, check_whole
from vexplain.core.explanation import explanations_in
from vexplain.rendering.captions import UNSEEN
from vexplain.rendering.films import check_other_file
from vexplain.rendering.grid_pages import Cell, GridPage, Heading, draw_page
from vexplain.rendering.pictures import Picture
from vexplain.rendering.reels import Reel
from vexplain.rendering.words import legend_of, scale_of, target_note
from vexplain.video import write_video

Rows = Sequence[Sequence[Explanation]] | Mapping[str, Sequence[Explanation]]


def render_grid(
    explanations: Rows,
    path: str | PathLike[str],
    *,
    visualization: Visualization | None = None,
    cell_size: int = 240,
    transposed: bool = False,
    fps: float | None = None,
) -> Path:
    """Write clips and their explanations side by side as ``.mp4``, ``.webm`` or ``.gif``.

    A row shows a clip: its frames, then what each of its explanations draws on them, a column per
    method; below every map is its own colour bar. All run at their own speed, from their first
    frame on, in a video as fast as the fastest of them: of the others the last frame that has come
    is shown, and when a clip is over its last frame stays. Only one frame per clip is held.

    Args:
        explanations: For every clip its explanations; the keys of a mapping name the clips, which
            are called by their files by default. Where a clip is explained for several targets,
            each has its own column.
        path: The file to write.
        visualization: Step 7 for all; each method's own by default.
        cell_size: Pixels of the longer side of every picture.
        transposed: Whether a column shows a clip, and a row a method.
        fps: Frames per second of the video; the clips keep their speed.

    Returns:
        ``path``.

    Raises:
        TypeError: When a row is no list of explanations, or ``transposed`` no flag.
        ValueError: When there is no explanation, those of a row are of different clips, a value is
            out of range, or ``path`` has another suffix or is a source video.
        OSError: When the file can't be written.
    """
    check_whole("cell_size", cell_size, 16)
    check_flag("transposed", transposed)
    if fps is not None:
        check_positive("fps", fps)
    clips = named(explanations)
    for one in chain.from_iterable(clips.values()):
        check_other_file(path, one.clip.source)
    draws = {name: looks(row, visualization) for name, row in clips.items()}
    reels = [Reel(row, draws[name], cell_size) for name, row in clips.items()]
    page = page_of(clips, draws, reels, transposed)
    rate = max(reel.rate for reel in reels) if fps is None else fps
    write_video(path, played(page, reels, rate), fps=rate)
    return Path(path)


def named(explanations: Rows) -> dict[str, Sequence[Explanation]]:
    """Return the rows by the name of their clip.

    Raises:
        TypeError: When a row is something else than a list of explanations.
        ValueError: When there is none, one is empty, or holds explanations of different clips.
    """
    rows = checked_rows(explanations)
    if not rows or not all(rows):
        raise ValueError(
            "explanations: expected at least one explanation for every clip, "
            f"got {[len(row) for row in rows]}."
        )
    for number, row in enumerate(rows):
        if len({what_is_seen(one) for one in row}) > 1:
            raise ValueError(
                f"explanations: expected explanations of one clip in row {number}, got those of "
                f"{', '.join(sorted({clip_name(one, number) for one in row}))} with shapes "
                f"{sorted({one.clip.shape for one in row})}. Make one row per clip."
            )
    if isinstance(explanations, Mapping):
        return dict(zip(map(str, explanations), rows, strict=True))
    return dict(
        zip(unique([clip_name(row[0], i) for i, row in enumerate(rows)]), rows, strict=True)
    )


def checked_rows(explanations: Rows) -> list[list[Explanation]]:
    """Return the rows as lists.

    Raises:
        TypeError: When one is something else than a list of explanations.
    """
    rows = [*explanations.values()] if isinstance(explanations, Mapping) else explanations
    advice = "Write [[one, another]], a row per clip."
    check_kind("explanations", rows, Sequence, "a list of explanations per clip", advice)
    for place, row in enumerate(rows):
        check_kind(f"explanations[{place}]", row, Sequence, "a list of explanations", advice)
    return [explanations_in(f"explanations[{place}]", row) for place, row in enumerate(rows)]


def what_is_seen(explanation: Explanation) -> object:
    """Return what the explanations of one row must share: the file, or the size of the clip."""
    source = explanation.clip.source
    return explanation.clip.shape if source is None else source.digest


def clip_name(explanation: Explanation, number: int) -> str:
    """Return the name of a clip's file, or its number from 1."""
    source = explanation.clip.source
    return f"clip {number + 1}" if source is None else Path(source.path).stem


def unique(names: Sequence[str]) -> list[str]:
    """Return names of which the second, third … of a kind are numbered."""
    seen: Counter[str] = Counter()
    different = []
    for name in names:
        seen[name] += 1
        different.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return different


def looks(row: Sequence[Explanation], visualization: Visualization | None) -> list[Visualization]:
    """Return what draws each explanation."""
    return [visualization or one.method.visualization for one in row]


def page_of(
    clips: Mapping[str, Sequence[Explanation]],
    draws: Mapping[str, Sequence[Visualization]],
    reels: Sequence[Reel],
    transposed: bool,
) -> GridPage:
    """Lay out the page: which picture of which reel is where, and what is written around."""
    columns = {name: column_names(row) for name, row in clips.items()}
    heads = list(dict.fromkeys(head for row in columns.values() for head in row))
    cells, legends = list[Cell](), list[str]()
    for i, (name, row) in enumerate(clips.items()):
        cells.append(Cell(i, 0, (i, 0), reels[i].size))
        for number, (one, look) in enumerate(zip(row, draws[name], strict=True)):
            scale = scale_of(one, look)
            legend = legend_of(one, look, scale)
            place = (i, 1 + heads.index(columns[name][number]))
            below = "" if scale is not None else legend
            cells.append(Cell(i, 1 + number, place, reels[i].size, scale, below))
            legends += [legend] if scale is not None else []
    tops = [Heading("Clip"), *(Heading(head) for head in heads)]
    sides = [Heading(name, tuple(targets_of(row))) for name, row in clips.items()]
    if transposed:
        tops, sides, cells = sides, tops, [cell.turned() for cell in cells]
    notes = [f"{text} for each map" for text in dict.fromkeys(legends)]
    notes += [UNSEEN] if any(reel.unseen for reel in reels) else []
    return draw_page(tops, sides, cells, notes)


def column_names(row: Sequence[Explanation]) -> list[str]:
    """Return the column of each explanation: its method, and its target where there are several."""
    several = len({one.target for one in row}) > 1
    names = [f"{one.method.name}, {one.target_name}" if several else one.method.name for one in row]
    return unique(names)


def targets_of(row: Sequence[Explanation]) -> list[str]:
    """Return what is explained, each target once."""
    return list(dict.fromkeys(target_note(one) for one in row))


def played(page: GridPage, reels: Sequence[Reel], rate: float) -> Iterator[Picture]:
    """Yield the pages, ``rate`` a second, until all clips are over."""
    for number in count():
        seconds = number / rate
        pictures = [reel.at(seconds) for reel in reels]
        if number and all(reel.over(seconds) for reel in reels):
            return
        yield page.filled(pictures, seconds)
