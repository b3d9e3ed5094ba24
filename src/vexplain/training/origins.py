"""What a training starts from, so that other weights are another training."""

import hashlib
import json
from pathlib import Path
from typing import Any

from vexplain.models.reference import Reference

KINDS = (".safetensors", ".bin", ".json")
"""Endings of files in the folder of a model of transformers."""


def origin_of(reference: Reference, *, in_yaml: bool, shared: Path | None = None) -> dict[str, Any]:
    """Return what the configuration alone doesn't say of what is started from.

    Args:
        reference: The model, completed by the configuration.
        in_yaml: Whether a YAML file says what the model is; its statements are returned then.
        shared: The file of weights that some are taken over from.

    Returns:
        SHA-256 of files by name and of the shared weights, and what the YAML file and the
        configuration state together; empty where a network is started from scratch.
    """
    said: dict[str, Any] = {}  # as JSON has it, so that it is the same after it was read again
    digests = {file.name: digest(file) for file in files_of(reference)}
    if digests:
        said["sha256"] = digests
    if shared is not None and shared.is_file():
        said["shared_weights"] = digest(shared)
    if in_yaml:
        said["model"] = f"{reference.scheme}:{reference.name}"
        for name in ("arguments", "wants", "clip"):
            said[name] = dict(getattr(reference, name))
    plain: dict[str, Any] = json.loads(json.dumps(said, default=str))
    return plain


def files_of(reference: Reference) -> list[Path]:
    """Return the files of a model that lie here: weights, a folder of them, or Python."""
    before, _, behind = reference.name.rpartition(":")
    names = (reference.weights, reference.name, reference.name.partition("@")[2], before or behind)
    places = {reference.folder / Path(name).expanduser() for name in names if name}
    inside = [
        file
        for place in places
        if reference.scheme == "hf" and place.is_dir()
        for file in place.iterdir()
        if file.suffix in KINDS
    ]
    return sorted(file for file in (*places, *inside) if file.is_file())


def digest(file: Path) -> str:
    """Return a file's SHA-256."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
