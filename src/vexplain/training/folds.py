"""Who is learnt from and who is a test: grouped, stratified folds, or the dataset's own split."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vexplain.core import VexplainWarning
from vexplain.datasets import Dataset
from vexplain.training.config import Config


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One training.

    Attributes:
        number: From 0.
        training: The recordings learnt from, by their place in the dataset.
        held_out: Those that are measured.
    """

    number: int
    training: tuple[int, ...]
    held_out: tuple[int, ...]


def folds_of(dataset: Dataset, config: Config) -> tuple[Fold, ...]:
    """Return the folds of a dataset; recordings without a label are left out.

    Raises:
        ValueError: When there is nothing to learn or to measure, a class is in no training part,
            or somebody is in both.
    """
    labelled = [i for i, one in enumerate(dataset.recordings) if one.label is not None]
    missing = len(dataset) - len(labelled)
    if missing:
        _warn(f"label: {missing} of {len(dataset)} recordings have none and are left out.")
    if not labelled:
        raise ValueError(
            f"data: no recording of {dataset.name} has a label; nothing can be learnt."
        )
    found = split(dataset, labelled, config) if config.split else drawn(dataset, labelled, config)
    for fold in found:
        check_groups(dataset, fold, own_split=config.split is not None)
        check_classes(dataset, fold)
    return found


def _warn(message: str) -> None:
    warnings.warn(message, VexplainWarning, stacklevel=3)


def split(dataset: Dataset, labelled: Sequence[int], config: Config) -> tuple[Fold, ...]:
    """Return the one fold that the dataset's authors chose.

    Raises:
        ValueError: When there is no such split.
    """
    chosen = config.split or ("", "")
    for name in chosen:
        dataset.part(name)  # which says what there is
    parts = [tuple(i for i in labelled if dataset.recordings[i].split == name) for name in chosen]
    for name, part in zip(chosen, parts, strict=True):
        if not part:
            raise ValueError(f"split: no recording of {name!r} has a label.")
    return (Fold(number=0, training=parts[0], held_out=parts[1]),)


def drawn(dataset: Dataset, labelled: Sequence[int], config: Config) -> tuple[Fold, ...]:
    """Return K folds that hold every class in its share, and every group in one piece.

    Raises:
        ValueError: When there are fewer recordings or groups than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    labels = np.array([dataset.recordings[i].label for i in labelled])
    groups = [group_of(dataset, i) for i in labelled]
    grouped = any(dataset.recordings[i].group is not None for i in labelled)
    if len(set(groups)) < config.folds:
        what = "groups" if grouped else "recordings"
        raise ValueError(
            f"folds: {dataset.name} has {len(set(groups))} {what}, too few for {config.folds} "
            "folds. Ask for fewer folds, or for the dataset's own split."
        )
    kind = StratifiedGroupKFold if grouped else StratifiedKFold
    cut = kind(n_splits=config.folds, shuffle=True, random_state=config.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rare classes are named by check_classes
        try:
            parts = list(cut.split(np.zeros(len(labels)), labels, groups if grouped else None))
        except ValueError as error:
            raise ValueError(
                f"folds: no class of {dataset.name} has {config.folds} recordings ({error}) Ask "
                "for fewer folds."
            ) from error
    return tuple(
        Fold(
            number=number,
            training=tuple(labelled[i] for i in training),
            held_out=tuple(labelled[i] for i in held_out),
        )
        for number, (training, held_out) in enumerate(parts)
    )


def group_of(dataset: Dataset, i: int) -> str:
    """Return the group of a recording; one without is a group of its own."""
    one = dataset.recordings[i]
    return f"recording {one.name}" if one.group is None else f"group {one.group}"


def check_groups(dataset: Dataset, fold: Fold, *, own_split: bool) -> None:
    """Check that nobody is learnt from and measured.

    Raises:
        ValueError: When somebody is; the authors' own split is only warned of.
    """
    sides = [{group_of(dataset, i) for i in part} for part in (fold.training, fold.held_out)]
    both = sorted(sides[0] & sides[1])
    if not both:
        return
    message = (
        f"split: {len(both)} groups are learnt from and held out too, such as {both[0]}; the "
        "accuracy will be too high."
    )
    if not own_split:
        raise ValueError(message)
    _warn(f"{message} Use folds in place of the dataset's split.")


def check_classes(dataset: Dataset, fold: Fold) -> None:
    """Check that every class is learnt, and warn of classes that can't be measured.

    Raises:
        ValueError: When a class is in no recording that is learnt from.
    """
    learnt, measured = (
        Counter(dataset.recordings[i].label for i in part)
        for part in (fold.training, fold.held_out)
    )
    for k, name in enumerate(dataset.class_names):
        if not learnt[k]:
            raise ValueError(
                f"folds: fold {fold.number} would learn class {name!r} from none of its "
                f"{measured[k]} recordings ({len(fold.training)} are learnt from in all). Ask for "
                "other folds or another seed, or leave the class out of the dataset."
            )
    absent = [name for k, name in enumerate(dataset.class_names) if not measured[k]]
    if absent:
        _warn(
            f"folds: fold {fold.number} holds out no recording of {', '.join(absent)}; not "
            "measured there."
        )
