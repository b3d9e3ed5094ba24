"""The files of a Hugging Face model, in a folder or downloaded into the hub's cache."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from vexplain.models.weights import state_in

Settings = Mapping[str, Any]
Kind = Literal["video", "image"]

PREPROCESSORS = ("video_preprocessor_config.json", "preprocessor_config.json")
JOINT = "processor_config.json"
"""Where transformers 5 keeps the settings of all processors of a model, by kind."""


def model_folder(name: str, base: Path) -> tuple[Path, str | None]:
    """Return a model's folder, without its weights where it is the hub's, and its name there.

    Args:
        name: ``FOLDER``, ``ORGANISATION/NAME`` or ``ORGANISATION/NAME@REVISION``.
        base: Where relative folders start.

    Raises:
        FileNotFoundError: When there is no such folder and the hub has no such model, or can't be
            reached.
    """
    folder = (base / name).expanduser()
    if folder.is_dir():
        return folder, None
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", name) or name.startswith("."):
        raise FileNotFoundError(f"model: there is no folder {folder}.")
    downloaded = fetched(name, ["config.json", *PREPROCESSORS, JOINT], quietly=True)
    return downloaded, f"{name.partition('@')[0]}@{downloaded.name}"  # named after the commit


def fetched(name: str, patterns: list[str], *, quietly: bool = False) -> Path:
    """Download files of ``ORGANISATION/NAME@REVISION`` into the hub's cache, and return its folder.

    Raises:
        FileNotFoundError: When the hub has no such model, or can't be reached.
    """
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        with quiet() if quietly else nullcontext():
            return Path(
                snapshot_download(repository, revision=revision or None, allow_patterns=patterns)
            )
    except Exception as error:  # the hub's own errors, and those of the libraries below it
        raise FileNotFoundError(
            f"model: there is no folder {name} here, and {repository} can't be fetched from the "
            f"Hugging Face hub ({in_one_line(error)}). Get its files elsewhere and name their "
            "folder: hf:FOLDER."
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers and the hub from writing bars and reports, as long as this lasts."""
    logging = imported("transformers.utils", "logging")
    hub = import_module("huggingface_hub.utils")
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_bars = not hub.are_progress_bars_disabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()  # the hub's as well
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        if hub_bars:
            hub.enable_progress_bars()
        else:
            hub.disable_progress_bars()


def imported(module: str, name: str) -> Any:
    """Return what is called ``name`` in a module of transformers.

    Raises:
        ImportError: When transformers, or what it imports, is broken.
    """
    try:
        return getattr(import_module(module), name)
    except (ImportError, RuntimeError) as error:
        cause: BaseException = error
        while cause.__cause__ or cause.__context__:
            cause = cause.__cause__ or cause.__context__ or cause
        advice = "Install it anew: pip install -U 'vexplain[hf]'."
        if "torchvision" in str(cause):
            advice = (
                "The installed torchvision doesn't fit this torch: install the one that does, or "
                "uninstall it."
            )
        raise ImportError(
            f"model: transformers can't be imported ({in_one_line(cause)}). {advice}"
        ) from error


def in_one_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def read_json(file: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None where there is no file.

    Raises:
        ValueError: When the file holds something else.
    """
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"model: {file} is not a JSON file ({error}).") from error
    if not isinstance(content, dict):
        raise ValueError(f"model: expected an object with keys in {file}, got {content!r:.60}.")
    return content


def preprocessing(folder: Path, kind: Kind) -> Settings | None:
    """Return the settings of the preprocessor in a folder, or None where it has none."""
    names = PREPROCESSORS if kind == "video" else PREPROCESSORS[1:]
    for name in names:
        settings = read_json(folder / name)
        if settings is not None:
            return settings
    joint = read_json(folder / JOINT) or {}
    processors = ("video_processor", "image_processor") if kind == "video" else ("image_processor",)
    return next((joint[name] for name in processors if isinstance(joint.get(name), dict)), None)


def weight_files(folder: Path, repository: str | None) -> list[Path]:
    """Return the files with the weights, downloaded where the hub has them.

    Raises:
        FileNotFoundError: When there are none, or not all parts of them.
    """
    files = weights_in(folder)
    if repository:
        files = files or weights_in(fetched(repository, ["model*.safetensors"]))
        files = files or weights_in(fetched(repository, ["pytorch_model*.bin"]))
    if not files:
        raise FileNotFoundError(
            f"weights: there is no whole model.safetensors or pytorch_model.bin in {folder}."
        )
    return files


def weights_in(folder: Path) -> list[Path]:
    """Return the files with the weights, safetensors before pickles; none where one is missing."""
    for stem, suffix in (("model", ".safetensors"), ("pytorch_model", ".bin")):
        if (folder / (stem + suffix)).is_file():
            return [folder / (stem + suffix)]
        parts = sorted(folder.glob(f"{stem}-*-of-*{suffix}"))
        if parts and parts[0].stem.endswith(f"-of-{len(parts):05}"):
            return parts
    return []


def read_weights(files: list[Path], *, allow_pickle: bool) -> dict[str, Tensor]:
    """Return the tensors in all the files.

    Raises:
        ValueError: When a file is broken, or is a pickle of more than tensors.
    """
    parts = [state_in(file, allow_pickle=allow_pickle) for file in files]
    return {name: tensor for part in parts for name, tensor in part.items()}
