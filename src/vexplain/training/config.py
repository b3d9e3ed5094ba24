"""What a training is: the model, the data, the folds, the rates; read from a YAML file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

from vexplain.core import ClipSpec
from vexplain.core.checks import (
    check_choice,
    check_number,
    check_positive,
    check_share,
    check_whole,
)
from vexplain.core.files import read_settings
from vexplain.datasets import Dataset
from vexplain.models.description import check_keys
from vexplain.training.augmentation import Augmentation

Schedule = Literal["cosine", "constant"]
Optimizer = Literal["adamw", "sgd"]
Precision = Literal["float32", "bfloat16", "float16"]
Freeze = Literal["none", "backbone"]

CHOICES: Mapping[str, tuple[str, ...]] = {
    "schedule": get_args(Schedule),
    "optimizer": get_args(Optimizer),
    "precision": get_args(Precision),
    "freeze": get_args(Freeze),
}
FREE = ("folder", "out", "only", "workers", "cache")
"""Fields that change nothing about what is learnt."""
MOST_SEED = 2**32 - 1
"""What scikit-learn, which draws the folds, takes."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A training; by default the paper's schedule (arXiv 2401.11796, section 4.2).

    Attributes:
        model: What to start from, as ``load_model`` names it: a torch model.
        data: The dataset, as ``open_dataset`` names it.
        classes: The names of the classes to learn, numbered in this order; empty = all of the
            dataset.
        arguments: What the network is built with, where it is built here.
        weights: A file of weights to start from, where the model's name doesn't say it already.
        shared_weights: A file of another network's weights, of which those are taken over that this
            one has too, by name and shape; the others stay as they are. The head that answers
            keeps its own start, where it is known which layer that is.
        clip: Fields of ``ClipSpec`` that shall be others than the model asks for.
        folds: K of the cross-validation, at least 2.
        split: The names of the parts to train on and to hold out, in place of folds.
        only: The folds to run, by number from 0; empty = all.
        epochs: How often every clip is seen.
        batch_size: Clips per step, over all processes together.
        learning_rate: The highest.
        weight_decay: Of weights; biases and norms have none.
        warm_up: Share of the steps in which the learning rate rises from 0.
        schedule: How it falls after that.
        label_smoothing: Share of the label that is spread over all classes.
        clip_norm: The largest norm of the gradient; 0 = any.
        optimizer: ``adamw``, or ``sgd`` with Nesterov's momentum of 0.9.
        ema: Decay of an exponential moving average of the weights, which is then what is measured
            and saved; None = none.
        freeze: ``backbone`` trains the head alone.
        precision: ``bfloat16`` and ``float16`` by autocast; what is measured is in float32.
        augmentation: What is done to training clips.
        seed: From 0 to 2**32 - 1. On a CPU the same seed gives the same result on the same machine,
            whatever the workers; on a GPU up to the order of sums in kernels other than cuDNN's.
        workers: Processes that read clips.
        channels_last: Whether convolutions keep their channels last; None = as for explaining.
        cache: Whether decoded clips are kept in a file (uint8), so that each is decoded once.
        out: Folder of the results; None = ``runs/`` and the name of the configuration's file.
        folder: Where relative paths of the model and the weights start.

    Raises:
        ValueError: On a value of another kind or out of range.
    """

    model: str
    data: str
    classes: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    shared_weights: str | None = None
    clip: Mapping[str, Any] = field(default_factory=dict)
    folds: int = 5
    split: tuple[str, str] | None = None
    only: tuple[int, ...] = ()
    epochs: int = 10
    batch_size: int = 16
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    warm_up: float = 0.1
    schedule: Schedule = "cosine"
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    optimizer: Optimizer = "adamw"
    ema: float | None = None
    freeze: Freeze = "none"
    precision: Precision = "float32"
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    workers: int = 2
    channels_last: bool | None = None
    cache: bool = False
    out: str | None = None
    folder: Path = Path()

    def __post_init__(self) -> None:
        for name in ("model", "data"):
            _check_kind(name, getattr(self, name), str, "a text")
        for name in ("arguments", "clip"):
            _check_kind(name, getattr(self, name), Mapping, "keys and values")
        _check_kind("classes", self.classes, tuple, "a list of names")
        for name in self.classes:
            _check_kind("classes", name, str, "names in quotation marks")
        check_keys([*map(str, self.clip)], [f.name for f in fields(ClipSpec)])
        for name in ("epochs", "batch_size"):
            check_whole(name, getattr(self, name))
        self._check_files()
        for name in ("seed", "workers"):
            check_whole(name, getattr(self, name), 0)
        if self.seed > MOST_SEED:
            raise ValueError(
                f"seed: expected a whole number from 0 to {MOST_SEED}, got {self.seed}."
            )
        check_whole("folds", self.folds, 2)
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        self._check_rates()
        self._check_folds()
        if not isinstance(self.channels_last, bool | None):
            raise ValueError(f"channels_last: expected true or false, got {self.channels_last!r}.")
        _check_kind("cache", self.cache, bool, "true or false")

    def _check_files(self) -> None:
        for name in ("weights", "shared_weights", "out"):
            _check_kind(name, getattr(self, name), str | None, "a text")
        for name in ("weights", "shared_weights"):
            if getattr(self, name) == "":
                raise ValueError(f"{name}: expected the name of a file, got ''; leave it out.")

    def _check_rates(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        for name in ("weight_decay", "clip_norm"):
            check_number(name, getattr(self, name))
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}.")
        for name in ("warm_up", "label_smoothing"):
            check_share(name, getattr(self, name))
        if self.ema is not None:
            check_share("ema", self.ema)
        if self.ema == 1:
            raise ValueError("ema: a decay of 1 would never learn; expected less, such as 0.999.")

    def _check_folds(self) -> None:
        split = self.split
        if split is not None and (
            not isinstance(split, tuple)
            or len(split) != 2
            or not all(isinstance(part, str) for part in split)
            or split[0] == split[1]
        ):
            raise ValueError(
                f"split: expected two names, of the part to train on and the part to hold out, "
                f"such as [train, test], got {split!r}."
            )
        _check_kind("only", self.only, tuple | list, "a whole number or a list of such")
        for number in self.only:
            check_whole("only", number, 0)
            if number >= self.n_folds:
                raise ValueError(
                    f"only: there is no fold {number}; they are counted from 0 to "
                    f"{self.n_folds - 1}."
                )

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return self.folds if self.split is None else 1

    @property
    def said(self) -> dict[str, Any]:
        """Every field that matters for what is learnt, as JSON has it."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in FREE}
        kept["augmentation"] = vars(self.augmentation)
        if not self.classes:
            del kept["classes"]
        plain: dict[str, Any] = json.loads(json.dumps(kept, default=dict))
        return plain


RATES = tuple(f.name for f in fields(Config) if f.type in (float, float | None))
"""Fields that are a number with a point."""


def _check_kind(name: str, value: object, kind: Any, expected: str) -> None:
    if not isinstance(value, kind):
        raise ValueError(f"{name}: expected {expected}, got {value!r}.")


def read_config(path: str | PathLike[str]) -> Config:
    """Read and check a training's YAML file.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it is not YAML, or a key or value is not understood.
    """
    file = Path(path)
    content = read_settings("config", file, "model", "data")
    if content.get("out") in (None, ""):
        content["out"] = str(Path("runs") / file.stem)
    try:
        return configured(content, file.parent)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def configured(content: Mapping[str, Any], folder: Path = Path()) -> Config:
    """Return the training that the content of a YAML file describes.

    Raises:
        ValueError: When a key or value is not understood.
    """
    known = [f.name for f in fields(Config) if f.name != "folder"]
    check_keys([*map(str, content)], known)
    given = {key: value for key, value in content.items() if value is not None}
    if given.get("channels_last") == "auto":
        del given["channels_last"]
    for name in ("split", "only", "classes"):
        if isinstance(given.get(name), list):
            given[name] = tuple(given[name])
    if isinstance(given.get("only"), int):
        given["only"] = (given["only"],)
    for name in RATES:
        given.update({name: _number(given[name])} if name in given else {})
    if "augmentation" in given:
        given["augmentation"] = augmented(given["augmentation"])
    return Config(**given, folder=folder)


def augmented(content: Any) -> Augmentation:
    """Return the augmentation that a YAML file describes.

    Raises:
        ValueError: When a key or value is not understood.
    """
    _check_kind("augmentation", content, Mapping, "keys and values")
    check_keys([*map(str, content)], [f.name for f in fields(Augmentation)])
    given: dict[str, Any] = {
        k: tuple(map(_number, v)) if isinstance(v, list) else _number(v) for k, v in content.items()
    }
    return Augmentation(**given)


def _number(value: Any) -> Any:
    """Return a number also where YAML has a text, as it has for 1e-4, which lacks a point."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def digest_of(said: Mapping[str, Any], dataset: Dataset) -> str:
    """Return a digest that is another one for another training or other data.

    Args:
        said: The configuration, and what it starts from.
        dataset: The data.
    """
    content = [said, dataset.name, dataset.class_names, dataset.rows]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words in which fields two configurations differ; the dataset where in none."""
    names = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    changed = [f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in names]
    return "; ".join(changed) or "the dataset lists other recordings"
