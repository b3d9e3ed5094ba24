"""The YAML file next to a model: where it comes from, what it wants, what it answers."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.resources import as_file, files
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import yaml
from torch import Tensor

from vexplain.core import Classifier, ClipSpec, ModelSpec, near_names
from vexplain.models.adapters import as_classifier
from vexplain.models.onnx_file import load_onnx


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a model's YAML file says.

    Attributes:
        model: ``onnx:FILE``, ``python:MODULE:FACTORY`` or ``python:FILE.py:FACTORY``.
        arguments: What the factory is called with.
        weights: A safetensors file, or a torch file of weights only, for the factory's module.
        spec: What the model wants and answers.
        folder: Where relative paths start.
    """

    model: str
    spec: ModelSpec
    folder: Path
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None


def load_model(
    source: str | PathLike[str], *, spec: ModelSpec | None = None, device: str | None = None
) -> Classifier:
    """Load a model by its name.

    Args:
        source: A YAML file, an ONNX file, ``onnx:FILE``, ``python:MODULE:FACTORY``,
            ``python:FILE.py:FACTORY``, or ``demo`` for the bundled network. A factory is called
            and returns a module or a callable.
        spec: What the model wants; by default what the YAML file or the ONNX graph says.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; by default where the model lies.

    Raises:
        FileNotFoundError: When a file is missing.
        ValueError: When the name or a file can't be understood.
    """
    text = str(source)
    if text == "demo":
        with as_file(files("vexplain") / "assets") as folder:
            return built(describe(folder / "demo.yaml"), device)
    if text.endswith((".yaml", ".yml")):
        described = describe(text)
        described = replace(described, spec=spec) if spec else described
        return built(described, device)
    if text.endswith(".onnx") and not text.startswith("onnx:"):
        text = f"onnx:{text}"
    described = Description(model=text, spec=spec or ModelSpec(), folder=Path())
    if text.startswith("onnx:"):
        beside = Path(text.removeprefix("onnx:")).with_suffix(".yaml")
        if spec is None and beside.is_file():
            return built(describe(beside), device)
        return opened_onnx(described, spec, device)
    return built(described, device)


def describe(path: str | PathLike[str]) -> Description:
    """Read and check a model's YAML file.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it is not YAML, or a key or value is not understood.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"model: there is no file {file}.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"model: {file} is not a YAML file ({error}).") from error
    if not isinstance(content, dict) or "model" not in content:
        raise ValueError(f"model: expected keys with a 'model' among them in {file}.")
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
    "arguments": (dict, "keys and values"),
}


def described(content: Mapping[str, Any], folder: Path) -> Description:
    """Return the checked description in the content of a YAML file."""
    own = {"model", "arguments", "weights", "clip"}
    wants = {key: value for key, value in content.items() if key not in own}
    check_keys(wants, [f.name for f in fields(ModelSpec)] + sorted(own))
    check_kinds(content)
    clip = dict(content.get("clip") or {})
    check_keys(clip, [f.name for f in fields(ClipSpec)])
    check_kinds(clip)
    if isinstance(clip.get("size"), list):
        clip["size"] = tuple(clip["size"])
    for name in ("mean", "std", "scale"):
        if name in wants:
            wants[name] = numbers(name, wants[name])
    if "scale" in wants:
        wants["scale"] = wants["scale"][0]
    if "class_names" in wants:
        wants["class_names"] = names(wants["class_names"], folder)
    return Description(
        model=content["model"],
        spec=ModelSpec(clip=ClipSpec(**clip) if clip else None, **wants),
        folder=folder,
        arguments=content.get("arguments") or {},
        weights=content.get("weights"),
    )


def check_kinds(content: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` on a value of another kind than its key asks for."""
    for name, (kind, expected) in KINDS.items():
        value = content.get(name)
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"{name}: expected {expected}, got {value!r}.")


def check_keys(content: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise ``ValueError`` on a key that isn't known."""
    for key in content:
        if key not in known:
            raise ValueError(
                f"{key}: not a known key; expected {', '.join(known)}.{near_names(key, known)}"
            )


def numbers(name: str, value: Any) -> tuple[float, ...]:
    """Return one number or a list of numbers as a tuple."""
    try:
        return tuple(float(v) for v in (value if isinstance(value, list) else [value]))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name}: expected a number or a list of numbers, got {value!r}."
        ) from error


def names(value: Any, folder: Path) -> tuple[str, ...]:
    """Return class names given as a list, or as a text file with one name a line."""
    if isinstance(value, str):
        file = folder / value
        if not file.is_file():
            raise ValueError(f"class_names: expected a list or a text file, {file} is not there.")
        return tuple(line for line in file.read_text(encoding="utf-8").splitlines() if line)
    if isinstance(value, list) and not any(isinstance(n, bool | list | dict) for n in value):
        return tuple(str(name) for name in value)
    if isinstance(value, list):
        raise ValueError(f"class_names: put quotes around names such as yes, no, on; got {value}.")
    raise ValueError(f"class_names: expected a list or a text file, got {value!r}.")


def built(described: Description, device: str | None) -> Classifier:
    """Load the model that a description speaks of."""
    kind, _, rest = described.model.partition(":")
    if kind == "onnx" and rest:
        return opened_onnx(described, described.spec, device)
    if kind == "python" and ":" in rest:
        make = factory(rest, described.folder)
        try:
            model = make(**described.arguments)
        except Exception as error:  # whatever the user's own code raises
            raise ValueError(
                f"model: {rest} failed with {type(error).__name__}: {error}"
            ) from error
        if described.weights:
            load_weights(model, described.folder / described.weights)
        spec = None if isinstance(model, Classifier) else described.spec
        return as_classifier(model, spec, device=device)
    raise ValueError(
        f"model: expected a YAML file, onnx:FILE, python:MODULE:FACTORY, got {described.model!r}."
    )


def opened_onnx(described: Description, spec: ModelSpec | None, device: str | None) -> Classifier:
    """Open the ONNX file of a description."""
    file = described.folder / described.model.removeprefix("onnx:")
    if not file.is_file():
        raise FileNotFoundError(f"model: there is no file {file}.")
    return load_onnx(file, spec, device=device or "cpu")


def factory(name: str, folder: Path) -> Callable[..., Any]:
    """Return the function ``MODULE:FACTORY`` or ``FILE.py:FACTORY``."""
    module_name, _, function = name.rpartition(":")
    if module_name.endswith(".py"):
        module = module_from(folder / module_name)
    else:
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise ValueError(f"model: can't import {module_name} ({error}).") from error
    if not hasattr(module, function):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise ValueError(f"model: {module_name} has no {function!r}.{near_names(function, public)}")
    made: Callable[..., Any] = getattr(module, function)
    return made


def module_from(file: Path) -> ModuleType:
    """Import a Python file by its path, once."""
    if not file.is_file():
        raise FileNotFoundError(f"model: there is no file {file}.")
    name = f"vexplain_model_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"model: {file} can't be imported as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        raise ValueError(
            f"model: importing {file} failed with {type(error).__name__}: {error}"
        ) from error
    return module


def load_weights(model: Any, file: Path) -> None:
    """Load weights into a module: safetensors, or a torch file read with ``weights_only``.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it can't be read, or its names or shapes are another network's.
    """
    if not file.is_file():
        raise FileNotFoundError(f"weights: there is no file {file}.")
    if not isinstance(model, torch.nn.Module):
        raise ValueError("weights: expected a factory that returns a torch module for them.")
    try:
        model.load_state_dict(state_in(file))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        raise ValueError(
            f"weights: {file} doesn't fit {type(model).__name__}: {' '.join(lines)}"
        ) from error


def state_in(file: Path) -> dict[str, Tensor]:
    """Return the named tensors in a weights file."""
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except SafetensorError as error:
            raise ValueError(f"weights: {file} is not a whole safetensors file.") from error
    try:
        state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever its unpickler meets
        raise ValueError(
            f"weights: {file} can't be read as weights only; convert it to safetensors."
        ) from error
    return state
