"""One file per explanation: a safetensors file whose header holds the structure as JSON.

Every dataclass is written as its name and its fields, every tensor under the path of its field.
Reading builds only classes that the caller's registry names: nothing in a file is executed.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from vexplain.core.files import write_atomically

FORMAT = "vexplain explanation 1"


def encode(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Return ``value`` as JSON values; its tensors are put into ``tensors`` under their paths."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, Tensor):
        tensors[path], packed = pack(value.detach().cpu())
        return {"tensor": path, "packed": packed}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {
            f.name: encode(getattr(value, f.name), f"{path}.{f.name}", tensors)
            for f in fields(value)
        }
        return {"type": type(value).__name__, "fields": parts}
    if isinstance(value, Mapping):
        entries = {str(k): encode(v, f"{path}.{k}", tensors) for k, v in value.items()}
        return {"mapping": entries}
    if isinstance(value, list | tuple):
        return {"tuple": [encode(v, f"{path}.{i}", tensors) for i, v in enumerate(value)]}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{path}: expected a part made of plain values, got {type(value).__name__}.")


def decode(
    value: Any, tensor: Callable[[str], Tensor], registry: Mapping[str, Callable[..., Any]]
) -> Any:
    """Return what ``encode`` was given; classes come from ``registry`` only."""
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        stored = tensor(value["tensor"])
        return stored.float() / 255 if value["packed"] else stored
    if "mapping" in value:
        return {k: decode(v, tensor, registry) for k, v in value["mapping"].items()}
    if "tuple" in value:
        return tuple(decode(v, tensor, registry) for v in value["tuple"])
    if value["type"] not in registry:
        raise ValueError(
            f"registry: the file holds a part named {value['type']!r}, which is not known here. "
            "Pass it: vexplain.load(path, parts=[...])."
        )
    parts = {k: decode(v, tensor, registry) for k, v in value["fields"].items()}
    return registry[value["type"]](**parts)


def write(explanation: Any, path: str | PathLike[str]) -> None:
    """Write ``explanation`` to ``path``, atomically; frames that are 8-bit stay 8-bit."""
    tensors: dict[str, Tensor] = {}
    tree = encode(explanation, "explanation", tensors)
    header = {"format": FORMAT, "tree": json.dumps(tree)}
    write_atomically(path, serialise(tensors, metadata=header))


def pack(value: Tensor) -> tuple[Tensor, bool]:
    """Return frames that are whole 255ths as uint8 and True; anything else copied and False."""
    if value.dtype == torch.float32 and value.ndim == 4:
        bytes_ = (value * 255).round().clamp(0, 255)
        if torch.equal(bytes_ / 255, value):
            return bytes_.to(torch.uint8), True
    return value.contiguous().clone(), False


def read(path: str | PathLike[str], registry: Mapping[str, Callable[..., Any]]) -> Any:
    """Read an explanation that ``write`` wrote.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the file is something else, is damaged, or holds a part that the
            registry lacks.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path: there is no file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(
                    f"path: expected a file with {FORMAT!r} in its header, {path} holds "
                    f"{header.get('format')!r}."
                )
            return decode(json.loads(header["tree"]), file.get_tensor, registry)
    except (SafetensorError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"path: {path} is not a whole explanation file ({error}).") from error
