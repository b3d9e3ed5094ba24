"""The YAML file next to a model: where it comes from, what it wants, what it answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from vexplain.core import ClipSpec, ModelSpec, near_names
from vexplain.core.files import read_settings
from vexplain.models.adapters import distinct
from vexplain.models.reference import Reference


def describe(path: str | PathLike[str]) -> Reference:
    """Read and check a model's YAML file.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it is not YAML, or a key or value is not understood.
    """
    file = Path(path)
    content = read_settings("model", file, "model")
    try:
        return described(content, file.parent)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


KINDS: Mapping[str, tuple[type, str]] = {
    "model": (str, "a text"),
    "weights": (str, "the name of a file"),
    "layout": (str, "a text"),
    "batched": (bool, "true or false"),
    "antialias": (bool, "true or false"),
    "clip": (dict, "keys and values"),
    "pathways": (list, "a list of whole numbers"),
    "arguments": (dict, "keys and values"),
}


def described(content: Mapping[str, Any], folder: Path) -> Reference:
    """Return the checked description in the content of a YAML file."""
    own = {"model", "arguments", "weights", "clip"}
    wants = {key: value for key, value in content.items() if key not in own}
    check_keys(
        {str(key): value for key, value in wants.items()},
        [f.name for f in fields(ModelSpec)] + sorted(own),
    )
    check_kinds(content)
    clip = dict(content.get("clip") or {})
    check_keys([*map(str, clip)], [f.name for f in fields(ClipSpec)])
    check_kinds(clip)
    for name in ("size", "scaled"):
        if isinstance(clip.get(name), list):
            clip[name] = tuple(clip[name])
    for name in ("mean", "std", "scale"):
        if name in wants:
            wants[name] = numbers(name, wants[name])
    if "scale" in wants:
        if len(wants["scale"]) != 1:
            raise ValueError(f"scale: expected one number, got {content['scale']!r}.")
        wants["scale"] = wants["scale"][0]
    if "pathways" in wants:
        wants["pathways"] = tuple(wants["pathways"])
    if "class_names" in wants:
        wants["class_names"] = names(wants["class_names"], folder)
    scheme, _, name = content["model"].partition(":")
    reference = Reference(
        scheme=scheme,
        name=name,
        folder=folder,
        arguments=content.get("arguments") or {},
        weights=content.get("weights"),
        wants=wants,
        clip=clip,
    )
    check_alone(wants, clip)
    return reference


def check_alone(wants: Mapping[str, Any], clip: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` on a value that can't be right, whatever the model's own files say.

    What must agree with other fields is checked when the model is opened and these are known.
    """
    for name, value in wants.items():
        others = {"outputs": "logits", "scale": 255.0}
        ModelSpec(**{**others, name: value})
    for name, value in clip.items():
        ways = {"interval": 1} if value == "interval" else {}
        ClipSpec(**{"size": None, "sampling": "every", **ways, name: value})


def check_kinds(content: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` on a value of another kind than its key asks for."""
    for name, (kind, expected) in KINDS.items():
        value = content.get(name)
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"{name}: expected {expected}, got {value!r}.")


def check_keys(content: Iterable[str], known: Sequence[str]) -> None:
    """Raise ``ValueError`` on a key that isn't known."""
    for key in content:
        if key not in known:
            raise ValueError(
                f"{key}: not a known key; expected {', '.join(known)}.{near_names(key, known)}"
            )


def numbers(name: str, value: Any) -> tuple[float, ...]:
    """Return one number or a list of numbers as a tuple."""
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(v, int | float) and v is not True for v in listed):
        raise ValueError(f"{name}: expected a number or a list of numbers, got {value!r}.")
    return tuple(float(v) for v in listed)


def lines_of(file: Path) -> list[str]:
    """Return the lines of a text file that aren't blank.

    Raises:
        ValueError: When it isn't UTF-8.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"class_names: {file} is no text in UTF-8.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def names(value: Any, folder: Path) -> tuple[str, ...]:
    """Return class names given as a list, or as a text file with one name a line."""
    if isinstance(value, str):
        file = folder / value
        if not file.is_file():
            raise ValueError(f"class_names: expected a list or a text file, {file} is not there.")
        return distinct(lines_of(file))
    if isinstance(value, list) and not any(isinstance(n, bool | list | dict) for n in value):
        return tuple(str(name) for name in value)
    if isinstance(value, list):
        raise ValueError(f"class_names: put quotes around names such as yes, no, on; got {value}.")
    raise ValueError(f"class_names: expected a list or a text file, got {value!r}.")
