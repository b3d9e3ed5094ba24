"""What graphs in files share: statements they leave no room for, batches, names in them."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vexplain.core import ModelSpec, OutputKind, near_names
from vexplain.core.specs import Dtype
from vexplain.models.adapters import distinct
from vexplain.models.reference import Reference
from vexplain.models.scores import one_by_one
from vexplain.models.shapes import Shape, shown, spec_of_shape


def graph_spec(
    shape: Shape,
    dtype: Dtype,
    reference: Reference,
    *,
    outputs: OutputKind = "auto",
    class_names: tuple[str, ...] = (),
) -> ModelSpec:
    """Return the spec of a graph in a file: as its input tells, completed by what the user states.

    Raises:
        ValueError: When the user states what only the file can tell, or for a torch module.
    """
    running = reference.running
    options = [running.words, "channels_last" if running.channels_last else ""]
    if any(options):
        raise ValueError(
            f"precision: {', '.join(filter(None, options))} is for torch modules; "
            f"{reference.name} runs as its file says. Leave it out."
        )
    if reference.weights:
        raise ValueError(f"weights: {reference.name} holds its own weights; leave them out.")
    found = spec_of_shape(shape, dtype, reference)
    found = replace(found, outputs=outputs, class_names=class_names)
    spec = reference.completed(found)
    for name in ("dtype", "array", "batched", "pathways"):
        stated, own = getattr(spec, name), getattr(found, name)
        if stated != own:
            raise ValueError(
                f"{name}: {reference.name} tells this itself ({own}), got {stated}. Leave it out."
            )
    return spec


def output_index(names: Sequence[str], reference: Reference) -> int:
    """Return which output holds the class scores: the first, or the one that the user names.

    Raises:
        ValueError: When there is no output of that name, or another argument is given.
    """
    for key in reference.arguments:
        if key != "output":
            raise ValueError(
                f"arguments: {reference.name} is built already and takes 'output' only, got "
                f"{key!r}."
            )
    wanted = str(reference.arguments.get("output", names[0]))
    if wanted not in names:
        raise ValueError(
            f"arguments: output is one of {', '.join(names)} in {reference.name}, got {wanted!r}."
            f"{near_names(wanted, names)}"
        )
    return names.index(wanted)


def as_numbers(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Return the values as another type; bytes 0..255 become int8 by taking off 128."""
    if dtype == np.int8 and values.dtype == np.uint8:
        return (values.astype(np.int16) - 128).astype(np.int8)
    return values.astype(dtype, copy=False)


def in_batches(
    run: Callable[[np.ndarray], Tensor], values: np.ndarray, shape: Shape, what: str
) -> Tensor:
    """Return a graph's scores (N, K) of prepared clips, asked in batches of its input's size.

    Without a batch axis, or with one of size 1, the clips go one at a time; where it is open, all
    at once; where it is fixed, in batches of that size, the last one filled up with its last clip.

    Args:
        run: Takes an array of exactly the shape that the input has.
        values: Prepared clips (N, …).
        shape: The input's shape, with or without a batch axis.
        what: What the graph is called in errors.

    Raises:
        ValueError: When the clips have another shape, or the graph doesn't return a row per clip.
    """
    own = shape[1:] if len(shape) == values.ndim else shape
    if len(own) != values.ndim - 1 or any(
        axis not in (None, size) for axis, size in zip(own, values.shape[1:], strict=True)
    ):
        raise ValueError(
            f"clip: the {what} wants an input of shape {shown(shape)}, got {values.shape}. Set "
            "frames, size and layout in the model's spec accordingly."
        )
    if len(shape) < values.ndim:
        return one_by_one(run, values)
    size = shape[0] or len(values)
    if size == 1:
        return one_by_one(lambda one: run(one[None]), values)
    starts = range(0, len(values), size)
    return torch.cat([batch_scores(run, values[i : i + size], size) for i in starts])


def batch_scores(run: Callable[[np.ndarray], Tensor], clips: np.ndarray, size: int) -> Tensor:
    """Return the scores (n, K) of at most ``size`` clips by a graph that takes exactly that many.

    Raises:
        ValueError: When the graph doesn't return one row per clip.
    """
    filling = np.repeat(clips[-1:], size - len(clips), axis=0)
    scores = run(np.concatenate([clips, filling]) if len(filling) else clips)
    if scores.ndim != 2 or len(scores) != size:
        raise ValueError(
            f"model: expected one row of class scores per clip ({size}), got shape "
            f"{tuple(scores.shape)}. Name another output with arguments: {{output: NAME}}."
        )
    return scores[: len(clips)]


def names_in(text: str, n_classes: int | None) -> tuple[str, ...]:
    """Return the class names that a text holds, or none where it can't be names of the classes.

    Understood are a Python or JSON list, a mapping from the numbers 0..K-1 to names (as
    Ultralytics writes it), and one name a line.
    """
    try:
        value = ast.literal_eval(text.strip())
        if isinstance(value, dict):
            numbered = {int(number): name for number, name in value.items()}
            value = [numbered[number] for number in range(len(numbered))]
    except (ValueError, TypeError, SyntaxError, KeyError, MemoryError, RecursionError):
        value = [line.strip() for line in text.splitlines() if line.strip()]
    if not isinstance(value, list | tuple) or len(value) != (n_classes or len(value)):
        return ()
    return distinct(value) if all(isinstance(name, str) and name for name in value) else ()
