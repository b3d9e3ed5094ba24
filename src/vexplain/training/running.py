"""A training from its configuration to its results: fold by fold, resumed where it stopped."""

import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from vexplain.core import Progress, VexplainWarning
from vexplain.datasets import Dataset, open_dataset
from vexplain.models.running import as_device
from vexplain.progress import Bar
from vexplain.training.card import write_results
from vexplain.training.clips import seeded
from vexplain.training.config import Config, differences, digest_of
from vexplain.training.fitting import Fit, fit_of, fitted
from vexplain.training.folds import Fold, folds_of
from vexplain.training.measures import Epoch, Scores
from vexplain.training.processes import accelerator_for
from vexplain.training.results import FoldResult, Results, read_fold, write_fold
from vexplain.training.states import State, read_state, write_state
from vexplain.training.trainable import trainable

STATE, RESULT = "state.pt", "fold.json"

Told = Callable[[int, Epoch], None]
"""Is told of every epoch, with the number of its fold."""


def train(
    config: Config,
    *,
    dataset: Dataset | None = None,
    out: Path | str | None = None,
    folds: Sequence[int] | None = None,
    resume: bool = True,
    device: str = "auto",
    progress: bool | Progress = True,
    told: Told | None = None,
) -> Results:
    """Fine-tune a network with cross-validation, as the paper does (arXiv 2401.11796, 4.2).

    A fold that is finished is not trained again, and one that was interrupted goes on after its
    last whole epoch, with the same result as if it had never stopped.

    Args:
        config: The training.
        dataset: The data, in place of those that the configuration names.
        out: Folder of the results, in place of the configuration's.
        folds: Which folds to run, in place of the configuration's.
        resume: Whether to go on from what lies in the folder; else that is removed.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; with several processes, as
            ``accelerate launch`` starts them, each has its own and ``auto`` is expected.
        progress: True shows a bar, False nothing; or an object of your own.
        told: Is told of every epoch.

    Raises:
        FileNotFoundError: When a file is missing.
        ImportError: When accelerate, or what the model needs, is missing.
        OSError: When a result can't be written; what was there before is still there.
        ValueError: When the model, the data or the folds don't fit each other, what lies in the
            folder is of another training, too many recordings can't be read, or the loss is no
            number any more.
    """
    accelerator = accelerator_for(config, device)
    data = dataset if dataset is not None else open_dataset(data_of(config))
    chosen = replace(config, only=tuple(folds)) if folds is not None else config
    warn_of_problems(data)
    planned = folds_of(data, chosen)
    folder = Path(out or config.out or Path("runs") / "training")
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(
        config=chosen,
        dataset=data,
        folder=folder,
        digest=digest_of(config, data),
        accelerator=accelerator,
        device=accelerator.device if accelerator.num_processes > 1 else as_device(device),
        progress=Bar("training") if progress is True else progress or None,
        told=told,
    )
    wanted = [fold for fold in planned if fold.number in (chosen.only or range(len(planned)))]
    for fold in planned:
        job.check(fold, fresh=not resume and fold in wanted)
    for fold in wanted:
        if job.finished(fold) is None:
            job.run(fold)
    return job.results(planned)


def warn_of_problems(data: Dataset) -> None:
    """Warn of what the dataset lists and can't be used."""
    if data.problems:
        first = data.problems[0]
        warnings.warn(
            f"data: {len(data.problems)} recordings that {data.name} lists can't be used, such as "
            f"{first.name}: {first.reason}",
            VexplainWarning,
            stacklevel=3,
        )


def data_of(config: Config) -> str:
    """Return the dataset's name; a YAML file is looked for beside the configuration."""
    beside = config.folder / config.data
    in_yaml = config.data.endswith((".yaml", ".yml"))
    return str(beside) if in_yaml and beside.is_file() else config.data


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A training while it runs.

    Attributes:
        config: The training.
        dataset: The data.
        folder: Where the results go.
        digest: Of both.
        accelerator: Devices and processes.
        device: Where this process computes.
        progress: Is told of every step.
        told: Is told of every epoch.
    """

    config: Config
    dataset: Dataset
    folder: Path
    digest: str
    accelerator: Any
    device: torch.device
    progress: Progress | None
    told: Told | None

    def place(self, fold: Fold) -> Path:
        """Return the folder of a fold."""
        return self.folder / f"fold{fold.number}"

    def check(self, fold: Fold, *, fresh: bool) -> None:
        """Make a fold's folder; what is in it is removed, or must be of this training.

        Raises:
            ValueError: When it is of another one.
        """
        place = self.place(fold)
        if self.accelerator.is_main_process:
            place.mkdir(exist_ok=True)
            for part in place.glob(".part-*"):  # left by a process that was killed
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            for name in (STATE, RESULT) if fresh else ():
                (place / name).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        for found in (self.state(fold), self.finished(fold)):
            if found is not None and found.digest != self.digest:
                raise ValueError(
                    f"out: {place} holds another training "
                    f"({differences(found.said, self.config.said)}). Say --fresh to remove it, or "
                    "give another folder."
                )

    def state(self, fold: Fold) -> State | None:
        """Return where a fold stopped, if it did."""
        file = self.place(fold) / STATE
        return read_state(file) if file.is_file() else None

    def finished(self, fold: Fold) -> FoldResult | None:
        """Return what a fold came to, if it is finished."""
        file = self.place(fold) / RESULT
        return read_fold(file) if file.is_file() else None

    def run(self, fold: Fold) -> None:
        """Train a fold to its end, and write its result."""
        place = self.place(fold)
        torch.manual_seed(seeded(self.config.seed, fold.number).initial_seed())
        found = trainable(self.config, self.dataset.class_names)
        accelerator = accelerator_for(self.config, str(self.device))  # with a scaler of its own
        cache = self.folder / "cache" if self.config.cache else None
        fit = fit_of(self.config, self.dataset, fold, found, accelerator, self.device, cache)
        stopped = self.state(fold)
        done = fit.restore(stopped) if stopped else []
        del stopped  # as large as the network three times over
        main = accelerator.is_main_process

        def told(history: list[Epoch], best: bool) -> None:
            if main and best:
                found.save(place / "best", fit.result)
            if main:
                write_state(fit.state(history, self.digest), place / STATE)
            if main and self.told:
                self.told(fold.number, history[-1])

        history, scores = fitted(fit, done, told, self.progress if main else None)
        if main:
            model = found.save(place / "last", fit.result)
            write_fold(self.result(fit, history, scores, model), place / RESULT)
            (place / STATE).unlink(missing_ok=True)
        accelerator.wait_for_everyone()
        accelerator.free_memory()

    def result(self, fit: Fit, history: list[Epoch], scores: Scores, model: str) -> FoldResult:
        """Return what a fold came to."""
        sure, predicted = scores.logits.softmax(1).max(1)
        names = [self.dataset.recordings[i].name for i in scores.index.tolist()]
        place = f"{self.place(fit.fold)}/"
        return FoldResult(
            fold=fit.fold.number,
            digest=self.digest,
            said=self.config.said,
            history=tuple(history),
            recordings=tuple(names),
            labels=tuple(scores.labels.tolist()),
            predicted=tuple(predicted.tolist()),
            probability=tuple(round(p, 6) for p in sure.tolist()),
            training=len(fit.fold.training),
            unreadable=dict(fit.unreadable),
            trained=fit.found.name,
            model=model.replace(place, ""),
            best_model=model.replace(place, "").replace("last", "best"),
            device=device_name(self.device),
        )

    def results(self, planned: Sequence[Fold]) -> Results:
        """Return what all finished folds came to, and write it."""
        done = [result for fold in planned if (result := self.finished(fold)) is not None]
        found = Results(
            folds=tuple(done),
            n_folds=len(planned),
            class_names=self.dataset.class_names,
            dataset=self.dataset.name,
            folder=self.folder,
        )
        if self.accelerator.is_main_process:
            write_results(found, self.config)
        self.accelerator.wait_for_everyone()
        return found


def device_name(device: torch.device) -> str:
    """Return what a device is called."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return "the processor" if device.type == "cpu" else device.type
