"""Puts a page together: one file that holds all it needs and asks for nothing from elsewhere."""

import base64
import hashlib
import html
import json
import math
from collections.abc import Sequence
from importlib.resources import files
from os import PathLike
from pathlib import Path
from string import Template
from typing import Any

import torch

from vexplain.core import Explanation
from vexplain.core.files import write_atomically
from vexplain.evaluation import Evaluation
from vexplain.page.blobs import Blobs
from vexplain.page.facts import facts_of, subtitle_of_page, title_of
from vexplain.page.films import Film, film_of
from vexplain.page.games import check_evaluations, evaluation_of
from vexplain.page.grounds import Ground
from vexplain.page.looks import instead_of, look_of, palettes
from vexplain.page.maps import stored_map
from vexplain.rendering.sheets import check_same_clip

SCRIPTS = (
    "tools", "data", "film", "show", "field", "colors", "layer", "pale", "player", "timeline",
    "controls", "pointing", "regions", "game", "facts", "moments", "keys", "main",
)  # fmt: skip
"""The parts of the script, in the order in which they are put together."""


def write_page(
    explanations: Explanation | Sequence[Explanation],
    path: str | PathLike[str],
    *,
    evaluations: Evaluation | Sequence[Evaluation | None] = (),
    title: str | None = None,
) -> Path:
    """Write explanations of one clip as an HTML page that plays in any browser, without a network.

    The page shows the source where its file is still there, over the span that the model saw, else
    the clip's own frames. Long clips are thinned to 300 pictures; their maps are whole.

    Args:
        explanations: One, or several of the same clip: of any methods, targets and models.
        path: The ``.html`` file to write.
        evaluations: What ``evaluate`` returned for each of them, in their order: their curves are
            played. None in the place of one that was not evaluated.
        title: The first line; the targets by default.

    Returns:
        ``path``.

    Raises:
        TypeError: On something that is no explanation or no evaluation.
        ValueError: When there is no explanation, they are of different clips, the evaluations
            belong to others, or ``path`` has another suffix.
        OSError: When the file can't be written.
    """
    rows = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    judged = [evaluations] if isinstance(evaluations, Evaluation) else list(evaluations)
    check_html(path)
    check_kinds(rows, judged)
    check_one_clip(rows)
    check_evaluations(rows, judged)
    blobs = Blobs()
    content = content_of(rows, judged or [None] * len(rows), blobs)
    content["title"] = title or title_of(rows)
    write_atomically(path, assembled(content, blobs).encode("utf-8", "backslashreplace"))
    return Path(path)


def check_kinds(explanations: Sequence[object], evaluations: Sequence[object]) -> None:
    """Raise ``TypeError`` unless these are explanations, and evaluations or None."""
    for i, one in enumerate(explanations):
        if not isinstance(one, Explanation):
            raise TypeError(
                f"explanations[{i}]: expected an Explanation, got {type(one).__name__}. Open what "
                "was saved with vexplain.load first."
            )
    for i, other in enumerate(evaluations):
        if not isinstance(other, Evaluation | None):
            raise TypeError(
                f"evaluations[{i}]: expected what vexplain.evaluate returns, or None, got "
                f"{type(other).__name__}."
            )


def check_html(path: str | PathLike[str]) -> None:
    """Raise ``ValueError`` unless ``path`` ends in ``.html``."""
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"path: expected the name of a page that ends in .html, got {path}.")


def check_one_clip(explanations: Sequence[Explanation]) -> None:
    """Raise ``ValueError`` unless there is an explanation, and all are of the very same clip."""
    check_same_clip(explanations)
    first = explanations[0].clip.frames.cpu()
    for i, one in enumerate(explanations):
        frames = one.clip.frames
        if frames is not explanations[0].clip.frames and not torch.equal(frames.cpu(), first):
            raise ValueError(
                f"explanations: expected explanations of the same clip, got other frames in "
                f"explanations[{i}] than in the first. Write one page per clip."
            )


def content_of(
    explanations: Sequence[Explanation], evaluations: Sequence[Evaluation | None], blobs: Blobs
) -> dict[str, Any]:
    """Return all that a page says, as plain JSON values; what is large goes into ``blobs``."""
    clip = explanations[0].clip
    T, _, H, W = clip.shape
    grounds: list[Ground] = []
    told = []
    for explanation, evaluation in zip(explanations, evaluations, strict=True):
        ground = Ground.of(explanation.segmentation, (T, H, W))
        place = next((i for i, known in enumerate(grounds) if known.same(ground)), len(grounds))
        grounds[place:] = grounds[place:] or [ground]
        one = explained(explanation, ground, blobs) | {"ground": place}
        if evaluation is not None:
            one["evaluation"] = evaluation_of(evaluation, explanation, ground)
        told.append(one)
    film = film_of(clip)
    return {
        "subtitle": " · ".join(filter(None, [subtitle_of_page(explanations), film.thinned])),
        "shape": [T, H, W],
        "film": film_content(film, blobs),
        "palettes": palettes([one.method for one in explanations], blobs),
        "grounds": [ground.stored(blobs) for ground in grounds],
        "explanations": told,
    }


def explained(explanation: Explanation, ground: Ground, blobs: Blobs) -> dict[str, Any]:
    """Return one explanation: facts, scores, map and first look."""
    found, draw = explanation.attribution, explanation.method.visualization
    look = look_of(draw, found.map, ground.n_regions)
    one = facts_of(explanation) | {
        "scores": blobs.array(found.scores.cpu().double().numpy()),
        "map": stored_map(found, ground, look["smooth"], blobs),
        "look": look,
        "instead": instead_of(draw, look, ground),
    }
    if found.standard_error is not None:
        one["errors"] = blobs.array(found.standard_error.cpu().double().numpy())
    return one


def film_content(film: Film, blobs: Blobs) -> dict[str, Any]:
    """Return the film as plain JSON values; its pictures go into ``blobs``."""
    return {
        "pictures": blobs.files(film.pictures),
        "numbers": film.numbers,
        "seconds": film.seconds,
        "places": film.places,
        "moments": film.moments,
        "size": film.size,
        "box": film.box,
        "ofSource": film.of_source,
        "frames": film.n_frames,
    }


def assembled(content: dict[str, Any], blobs: Blobs) -> str:
    """Return the page. Its policy lets run only this very script, and fetch nothing."""
    assets = files("vexplain.page") / "assets"
    parts = [(assets / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    style = (assets / "page.css").read_text(encoding="utf-8")
    stored = (
        f'<script type="application/octet-stream" id="blob-{i}">{text}</script>'
        for i, text in enumerate(blobs.texts)
    )
    return Template((assets / "page.html").read_text(encoding="utf-8")).substitute(
        policy=policy_of(script, style),
        title=html.escape(content["title"]),
        subtitle=html.escape(content["subtitle"]),
        style=style,
        content=as_json(content),
        blobs="\n".join(stored),
        script=script,
    )


def policy_of(script: str, style: str) -> str:
    """Return the content security policy of a page with one script and one style sheet."""
    allowed = {
        "default-src": "'none'",
        "script-src": f"'{hash_of(script)}'",
        "style-src": f"'{hash_of(style)}'",
        "img-src": "blob: data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def hash_of(text: str) -> str:
    """Return what a policy calls a script or a style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def as_json(content: dict[str, Any]) -> str:
    """Return JSON that can't end the element it stands in; what isn't finite becomes null."""
    text = json.dumps(finite(content), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def finite(value: Any) -> Any:
    """Return a JSON value with None where a number is NaN or infinite."""
    if isinstance(value, dict):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
