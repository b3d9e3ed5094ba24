"""An explanation as a notebook shows it: what was explained, and a strip of frames."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw
from rich.markup import escape as literal
from rich.table import Table

from vexplain.core import Explanation
from vexplain.core.files import printable
from vexplain.rendering.bidi import isolated
from vexplain.rendering.html import block, html_picture, html_table
from vexplain.rendering.pictures import Picture, drawn_over, layer_of
from vexplain.rendering.sheets import evenly, tile_size, tiles
from vexplain.rendering.words import fit_notes, legend_of, probability, scale_of
from vexplain.visualization import Scale
from vexplain.visualization.sheet import (
    BAR_HEIGHT,
    BAR_WIDTH,
    GAP,
    GREY,
    NOTE,
    PAPER,
    draw_scale,
    write,
)
from vexplain.visualization.typeset import face

MOST = 6  # frames in a strip
FEWER = 4  # where frames are wide
WIDTH = 960  # pixels of a strip
HEAD, FOOT = NOTE + 8, 2 * NOTE + BAR_HEIGHT + 8  # pixels above and below its frames


def explanation_card(explanation: Explanation) -> str:
    """Return an explanation as HTML, with a picture inside; whatever its map is like."""
    table = html_table(facts_table(facts_of(explanation)))
    try:
        picture = strip_of(explanation)
    except Exception as error:
        # Parts of the user's own may raise anything; a notebook still shows what was explained.
        return block([table, f"<div>No picture: {escape(str(error))}</div>"])
    return block([table, picture])


def facts_of(explanation: Explanation) -> dict[str, str]:
    """Return what was explained, how, and how far to trust it."""
    ledger, clip = explanation.ledger, explanation.clip
    asked, planned = len(ledger.coalitions), ledger.planned
    stopped = f" of {planned:,}" if asked < planned else ""
    T, _, H, W = clip.shape
    name = f"{isolated(printable(Path(clip.source.path).name))}, " if clip.source else ""
    return {
        "method": explanation.method.name,
        "target": f"{isolated(explanation.target_name)}, P = {probability(explanation):.3f}",
        "model": str(explanation.manifest.get("model", "\N{EN DASH}")),
        "clip": f"{name}{T} frame{'' if T == 1 else 's'} of {W}\N{MULTIPLICATION SIGN}{H} pixels",
        "samples": f"{asked:,}{stopped}, over {explanation.segmentation.n_features:,} regions",
        "fit": ", ".join(fit_notes(explanation)) or "\N{EN DASH}",
        "seconds": seconds_of(explanation.seconds),
    }


def seconds_of(seconds: Mapping[str, float]) -> str:
    """Return how long it took, and the step that took longest."""
    if not seconds:
        return "\N{EN DASH}"
    longest = max(seconds, key=lambda step: seconds[step])
    return f"{sum(seconds.values()):.1f}, of which {longest} {seconds[longest]:.1f}"


def facts_table(facts: Mapping[str, str]) -> Table:
    """Return facts as a table without a header."""
    table = Table("", "", show_header=False)
    for name, said in facts.items():
        table.add_row(name, literal(said))
    return table


def strip_of(explanation: Explanation) -> str:
    """Return a few frames under the explanation, with times and colour bar, as HTML.

    Raises:
        ValueError: When the explanation's visualization doesn't fit its clip.
    """
    clip, draw = explanation.clip, explanation.method.visualization
    height, width = tile_size(clip)
    chosen = evenly(clip.shape[0], MOST if width < 1.25 * height else FEWER)
    factor = min(1.0, (WIDTH / len(chosen) - GAP) / width)
    size = max(1, round(height * factor)), max(1, round(width * factor))
    layer = layer_of(explanation, draw)[chosen]
    drawn = drawn_over(clip.frames.cpu()[chosen], layer, draw)
    scale = scale_of(explanation, draw)
    legend = legend_of(explanation, draw, scale)
    times = [f"{clip.pts_seconds[i]:.2f} s" for i in chosen]
    method, target = isolated(explanation.method.name), isolated(explanation.target_name)
    alt = (
        f"{len(chosen)} frames from {times[0]} to {times[-1]}, on which {method} marks what "
        f"{target} rests on: {legend}"
    )
    return html_picture(strip(tiles(drawn, size), times, scale, legend), alt)


def strip(
    frames: Sequence[Picture], times: Sequence[str], scale: Scale | None, legend: str
) -> Image.Image:
    """Return frames side by side, their times above and the colour bar below."""
    height, width = frames[0].shape[:2]
    column = max(width, *(round(face(NOTE).getlength(time)) for time in times)) + GAP
    beside = 1 if scale is None else BAR_WIDTH + 15
    below = min(beside + math.ceil(face(NOTE).getlength(legend)) + 1, WIDTH)
    across = max(len(frames) * column - GAP, below)
    page = Image.new("RGB", (across, HEAD + height + FOOT), PAPER)
    pen = ImageDraw.Draw(page)
    for place, (frame, time) in enumerate(zip(frames, times, strict=True)):
        middle = place * column + (column - GAP) // 2
        page.paste(Image.fromarray(frame), (middle - width // 2, HEAD))
        pen.text((middle, HEAD - 5), time, fill=GREY, font=face(NOTE), anchor="ms")
    top = HEAD + height + 8
    if scale is not None:
        draw_scale(page, pen, scale, top, left=1)
    write(pen, (beside, top - 2), legend, NOTE, GREY, across - beside)
    return page
