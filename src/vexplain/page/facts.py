"""What a page says in words and numbers: the choices, the classes, the seconds, the fit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vexplain.core import Explanation, Method
from vexplain.core.files import printable
from vexplain.rendering import probability, unit_of
from vexplain.rendering.bidi import isolated
from vexplain.rendering.sheets import subtitle_of

MOST_CLASSES = 10
STEPS = {
    "segmentation": "what a region is",
    "sizes": "how many regions stay",
    "samples": "which ones are tried",
    "removal": "what stands in the place of the rest",
    "behavior": "the number that is watched",
    "summary": "how a score is made of it",
    "visualization": "how it is drawn at first",
}
"""The seven steps in the words of someone who reads a page."""


def facts_of(explanation: Explanation) -> dict[str, Any]:
    """Return all that is said about one explanation; plain JSON values."""
    ledger, fit = explanation.ledger, explanation.attribution.fit
    return {
        "method": isolated(explanation.method.name),
        "target": isolated(explanation.target_name),
        "model": isolated(str(explanation.manifest.get("model", ""))),
        "seed": explanation.seed,
        "unit": unit_of(explanation),
        "probability": probability(explanation),
        "classes": classes_of(explanation),
        "exclusive": ledger.kind != "sigmoid",
        "steps": steps_of(explanation.method),
        "seconds": {name: float(value) for name, value in explanation.seconds.items()},
        "rows": len(ledger.coalitions),
        "planned": ledger.planned,
        "fit": {field.name: getattr(fit, field.name) for field in fields(fit)},
        "manifest": manifest_of(explanation.manifest),
    }


def classes_of(explanation: Explanation) -> list[list[Any]]:
    """Return name, probability and whether it is the target, of the most probable classes.

    The target is the last of them where it is not among the first.
    """
    ledger, target = explanation.ledger, explanation.target
    scores = ledger.full.softmax(0) if ledger.kind == "logits" else ledger.full
    order = scores.argsort(descending=True, stable=True).tolist()
    first = order[:MOST_CLASSES]
    if target not in first:
        first[-1] = target
    names = ledger.class_names
    return [[isolated(names[k]) if names else str(k), float(scores[k]), k == target] for k in first]


def steps_of(method: Method) -> list[list[str]]:
    """Return name, meaning and part of each of the seven steps."""
    return [[name, meaning, said(getattr(method, name))] for name, meaning in STEPS.items()]


def said(value: object) -> str:
    """Return a part as it would be written, with the shapes of arrays in their place."""
    if isinstance(value, Tensor | np.ndarray):
        return f"array of {'x'.join(map(str, value.shape))}"
    if is_dataclass(value) and not isinstance(value, type):
        options = (f"{field.name}={said(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({', '.join(options)})"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(said, value))})"
    return repr(value)


def manifest_of(manifest: Mapping[str, Any]) -> list[list[str]]:
    """Return what made an explanation as pairs of words; the method is told elsewhere.

    Of files only the name is told, as a page is passed on and folders say who made it.
    """
    told = []
    for name, value in manifest.items():
        if name == "method" or value is None:
            continue
        text = Path(str(value)).name if name == "clip" else str(value)
        told.append([isolated(re.sub("_", " ", name)), isolated(printable(text))])
    return told


def title_of(explanations: Sequence[Explanation]) -> str:
    """Return the title: the targets, in the order in which they came."""
    targets = dict.fromkeys(isolated(explanation.target_name) for explanation in explanations)
    return f"What the model saw: {' / '.join(targets)}"


def subtitle_of_page(explanations: Sequence[Explanation]) -> str:
    """Return where the clip comes from, what the model was given of it, and the models."""
    clip = explanations[0].clip
    name = Path(clip.source.path).name if clip.source else ""
    given = subtitle_of(clip).removeprefix(name)
    models = dict.fromkeys(isolated(str(one.manifest.get("model", ""))) for one in explanations)
    return " · ".join([isolated(printable(name)) + given, *filter(None, models)])
