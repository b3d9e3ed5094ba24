"""Models that a user's own Python makes: ``python:MODULE:FACTORY``, ``python:FILE.py:FACTORY``.

``python:FOLDER:MODULE:FACTORY`` says where the module is imported from.
"""

import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from vexplain.core import Classifier, ClipSpec, ModelSpec, near_names
from vexplain.models.adapters import as_classifier
from vexplain.models.reference import Reference
from vexplain.models.weights import load_weights


def load(reference: Reference) -> Classifier:
    """Call the factory with the arguments; load the weights into the module that it returns.

    Raises:
        FileNotFoundError: When a file is missing.
        ValueError: When the factory can't be imported or fails, or the weights don't fit.
    """
    make = factory(reference.name, reference.folder)
    try:
        model = make(**reference.arguments)
    except Exception as error:  # whatever the user's own code raises
        raise ValueError(
            f"model: {reference.name} failed with {type(error).__name__}: {error}"
        ) from error
    if reference.weights:
        if not isinstance(model, nn.Module):
            raise ValueError("weights: expected a factory that returns a torch module for them.")
        file = reference.folder / reference.weights
        load_weights(model, file, allow_pickle=reference.allow_pickle)
    stated = bool(reference.wants or reference.clip)
    if stated and isinstance(model, Classifier) and not isinstance(model, nn.Module):
        raise ValueError(
            f"model: what {reference.name} returns brings its own spec; leave "
            f"{', '.join([*reference.wants, *reference.clip])} out of the YAML file."
        )
    clip = {"clip": ClipSpec(**reference.clip)} if reference.clip else {}
    spec = ModelSpec(**{**reference.wants, **clip}) if stated else None
    return as_classifier(model, spec, reference.running)


def factory(name: str, folder: Path) -> Callable[..., Any]:
    """Return the function ``MODULE:FACTORY``, ``FOLDER:MODULE:FACTORY`` or ``FILE.py:FACTORY``."""
    module_name, colon, function = name.rpartition(":")
    if not colon:
        raise ValueError(f"model: expected python:MODULE:FACTORY, got python:{name}.")
    if module_name.endswith(".py"):
        module = module_from(folder / module_name)
    else:
        place, _, dotted = module_name.rpartition(":")
        module = imported(dotted, folder / place)
    if not hasattr(module, function):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise ValueError(f"model: {module_name} has no {function!r}.{near_names(function, public)}")
    made: Callable[..., Any] = getattr(module, function)
    return made


def imported(name: str, folder: Path) -> ModuleType:
    """Import a module by its name, also one that lies in ``folder``."""
    reachable(folder)
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever the user's own code raises
        raise ValueError(
            f"model: can't import {name} ({type(error).__name__}: {error})."
        ) from error


def reachable(folder: Path) -> None:
    """Let modules in a folder be imported, after those that are importable already."""
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)


def import_folder(name: str) -> Path | None:
    """Return the folder that an imported module comes from; None for an installed one."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    above = Path(file).resolve().parents
    levels = name.count(".") + (Path(file).stem == "__init__")
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")]
    return None if any(place in above for place in installed) else above[levels]


def module_from(file: Path) -> ModuleType:
    """Import a Python file by its path; what lies beside it can be imported by it."""
    if not file.is_file():
        raise FileNotFoundError(f"model: there is no file {file}.")
    name = f"vexplain_model_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"model: {file} can't be imported as Python.")
    module = importlib.util.module_from_spec(spec)
    reachable(file.parent)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        raise ValueError(
            f"model: importing {file} failed with {type(error).__name__}: {error}"
        ) from error
    return module
