"""One string names a dataset: ``SCHEME:PLACE?option=value``."""

import inspect
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, cast

from vexplain.core import near_names
from vexplain.core.files import read_settings
from vexplain.datasets.recordings import Dataset

_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?|true|false")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads a kind of dataset.

    Attributes:
        module: The module of ``vexplain.datasets`` that has it.
        function: Its name there: it takes the place, and options as keywords.
        form: How such a dataset is named.
        what: What it reads.
    """

    module: str
    function: str
    form: str
    what: str

    @property
    def read(self) -> Callable[..., Dataset]:
        """The reader itself."""
        module = import_module(f"vexplain.datasets.{self.module}")
        return cast(Callable[..., Dataset], getattr(module, self.function))


READERS: Mapping[str, Reader] = {
    "synthetic": Reader(
        module="synthetic",
        function="synthetic",
        form="synthetic:FAMILY?clips=6000&seed=0",
        what="clips made from a seed, whose evidence is known; FAMILY is still or restless",
    ),
    "kinetics400": Reader(
        module="kinetics",
        function="kinetics400",
        form="kinetics400:LIST?videos=FOLDER&classes=FILE&split=validate",
        what="Kinetics-400 by its csv or MMAction2's list; 600 and 700 with their classes",
    ),
    "etri": Reader(
        module="etri",
        function="etri",
        form="etri:FOLDER?camera=1&age=elderly",
        what="ETRI-Activity3D, the RGB videos; groups are people",
    ),
    "ucf101": Reader(
        module="ucf101",
        function="ucf101",
        form="ucf101:FOLDER?lists=FOLDER&fold=1&boxes=FILE",
        what="UCF101 and UCF50; with boxes UCF101-24, where the actors are",
    ),
    "hmdb51": Reader(
        module="hmdb51",
        function="hmdb51",
        form="hmdb51:FOLDER?splits=FOLDER&fold=1",
        what="HMDB51; groups are the films that clips were cut from",
    ),
    "folder": Reader(
        module="folder",
        function="folder",
        form="folder:FOLDER?classes=FILE",
        what="FOLDER/CLASS/*.mp4 or FOLDER/train/CLASS/*.mp4, also folders of pictures",
    ),
    "table": Reader(
        module="table",
        function="table",
        form="table:FILE.csv?videos=FOLDER&classes=FILE",
        what="csv, tsv or parquet with the columns path and label; group, split, start, end, truth",
    ),
}
"""Every scheme, and who reads it."""


def open_dataset(source: str | PathLike[str], **options: Any) -> Dataset:
    """List what a dataset holds; nothing is decoded.

    Args:
        source: ``SCHEME:PLACE``, as ``vexplain data`` lists them, with options behind a question
            mark: ``ucf101:/data/UCF-101?fold=1``; or a YAML file with ``data: SCHEME:PLACE`` and
            the options below it. Names of files in it start at the working directory too.
        options: Options of the reader, which win over those in ``source``.

    Raises:
        FileNotFoundError: When the place is missing.
        ValueError: When the name, an option or a list can't be understood, or nothing is left.
    """
    text = str(source)
    if not _is_named(text) and text.endswith((".yaml", ".yml")):
        text, said = described(Path(text))
        options = {**said, **options}
    scheme, _, rest = text.partition(":")
    if not _is_named(text):
        forms = ", ".join(reader.form for reader in READERS.values())
        raise ValueError(
            f"data: expected {forms}, or a YAML file; got {text!r}.{near_names(scheme, [*READERS])}"
        )
    # A file may have a question mark in its name.
    whole = os.path.exists(os.path.expanduser(rest))
    place, _, query = (rest, "", "") if whole else rest.partition("?")
    read = READERS[scheme].read
    wishes = {**queried(query), **options}
    known = [name for name in inspect.signature(read).parameters if name != "place"]
    for name in wishes:
        if name not in known:
            raise ValueError(
                f"data: {scheme} takes no option {name!r}; expected "
                f"{', '.join(known) or 'none'}.{near_names(name, known)}"
            )
    return read(place, **wishes)


def _is_named(text: str) -> bool:
    scheme, colon, _ = text.partition(":")
    return bool(colon) and scheme in READERS


def queried(query: str) -> dict[str, Any]:
    """Return the options behind the question mark; plain numbers, true and false are such.

    Raises:
        ValueError: On an option without a value.
    """
    options: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ValueError(f"data: expected options as name=value&name=value, got {query!r}.")
        options[name] = _value(value)
    return options


def _value(text: str) -> Any:
    return json.loads(text) if _PLAIN.fullmatch(text) else text


def described(file: Path) -> tuple[str, dict[str, Any]]:
    """Return the name and the options in a dataset's YAML file.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it isn't such a file.
    """
    content = read_settings("data", file, "data")
    if not isinstance(content["data"], str):
        raise ValueError(f"data: expected 'data: SCHEME:PLACE' in {file}, got {content['data']!r}.")
    return content["data"], {str(k): v for k, v in content.items() if k != "data"}
