"""Writing what was learnt so that ``load_model`` opens it; old files survive a full disk."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from vexplain.core import ModelSpec
from vexplain.core.files import atomic_path, write_atomically
from vexplain.models.hub_files import JOINT, PREPROCESSORS, quiet
from vexplain.models.networks import opening

Writer = Callable[[nn.Module, ModelSpec, Path], str]
"""Saves a network: its spec, and the name of the files without an ending; returns its name."""


@contextmanager
def kept(file: Path) -> Iterator[None]:
    """Turn whatever writing raises into an ``OSError`` that says what to do.

    Raises:
        OSError: When a file can't be written.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:  # torch raises the last one
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        full = number_of(error) in (ENOSPC, EFBIG, EDQUOT)
        advice = "make room on the disk" if full else "see to that"
        raise OSError(
            f"out: {file} can't be written ({reason}). What was there before is still there: "
            f"{advice} and give the same command, which goes on from the last whole epoch."
        ) from error


def number_of(error: BaseException | None) -> int | None:
    """Return the system's number of an error, which may lie below another library's; or None."""
    while error is not None:
        said = re.search(r"os error (\d+)", str(error))  # safetensors
        if said:
            return int(said[1])
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's state on the CPU, every tensor with memory of its own."""
    state = network.state_dict()
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


def write_network(network: nn.Module, spec: ModelSpec, stem: Path) -> str:
    """Save one of the paper's networks as one file that says by itself what it is."""
    file = stem.with_suffix(".safetensors")
    scheme = next(k for k, (make, _) in opening.NETWORKS.items() if make is type(network))
    own: Any = network
    with kept(file):
        opening.save(own, spec, file)
    return f"{scheme}:{file}"


def write_described(
    name: Callable[[Path, str], str], arguments: Mapping[str, Any], *, beside: bool = False
) -> Writer:
    """Return what saves weights with a YAML file beside them that says what they are.

    Args:
        name: Returns the model's name, from the folder and the name of the file of weights.
        arguments: What the network is built with.
        beside: Whether the weights are named beside the model and not in its name.
    """

    def write(network: nn.Module, spec: ModelSpec, stem: Path) -> str:
        file = stem.with_suffix(".safetensors")
        with kept(file), atomic_path(file) as part:
            save_file(tensors(network), part)
        content = {"model": name(stem.parent, file.name)}
        content |= {"weights": file.name} if beside else {}
        return write_yaml(stem, {**content, "arguments": dict(arguments)}, spec)

    return write


def write_yaml(stem: Path, content: Mapping[str, Any], spec: ModelSpec) -> str:
    """Write the YAML file of a model, and return its name."""
    file = stem.with_suffix(".yaml")
    said = {**{k: v for k, v in content.items() if v != {}}, **plain(spec)}
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
    with kept(file):
        write_atomically(file, text.encode())
    return str(file)


def plain(spec: ModelSpec) -> dict[str, Any]:
    """Return a spec as plain lists and numbers, as YAML has them."""

    def listed(content: Mapping[str, Any]) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in content.items()}

    said = listed(asdict(spec))
    if spec.clip:
        clip = listed(asdict(spec.clip))
        said["clip"] = {k: v for k, v in clip.items() if v is not None or k == "size"}
    return said


def write_hub(origin: Path) -> Writer:
    """Return what saves a model of transformers as a folder, and a YAML file that names it.

    Args:
        origin: The folder of the model that was started from.
    """

    def write(network: nn.Module, spec: ModelSpec, stem: Path) -> str:
        hub: Any = network
        names = dict(enumerate(spec.class_names))
        hub.model.config.id2label = names
        hub.model.config.label2id = {name: k for k, name in names.items()}
        with kept(stem):
            stem.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=stem.parent, prefix=".part-") as part:
                with quiet():
                    hub.model.save_pretrained(part)
                for file in (*PREPROCESSORS, JOINT):
                    if (origin / file).is_file():
                        shutil.copyfile(origin / file, Path(part) / file)
                for written in Path(part).iterdir():
                    written.replace(stem / written.name)
        return write_yaml(stem, {"model": f"hf:{stem.name}"}, spec)

    return write
