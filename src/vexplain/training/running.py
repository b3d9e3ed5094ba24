"""A training from its configuration to its results: fold by fold, resumed where it stopped."""

import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from vexplain.core import Progress, VexplainWarning
from vexplain.datasets import Dataset, open_dataset
from vexplain.models.running import as_device
from vexplain.progress import Bar
from vexplain.training.card import FILES, write_results
from vexplain.training.clips import seeded
from vexplain.training.config import Config, differences, digest_of
from vexplain.training.fitting import Fit, fit_of, fitted
from vexplain.training.folds import Fold, folds_of
from vexplain.training.measures import Epoch, Scores
from vexplain.training.origins import origin_of
from vexplain.training.processes import (
    accelerator_for,
    deterministic,
    one_opencv_thread,
    seed_all,
    told_plainly,
)
from vexplain.training.results import FoldResult, Results, read_fold, write_fold
from vexplain.training.states import State, read_state, told_of, write_state
from vexplain.training.trainable import in_yaml, reference_of, shared_file, trainable

STATE, RESULT, CACHE = "state.pt", "fold.json", "cache"
ABANDONED = 600
"""Seconds after which a half-written file is taken for one whose process was killed."""

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
        resume: Whether to go on from what lies in the folder; else the folders of these folds are
            removed, and the cache and the files about all folds.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; with several processes, as
            ``accelerate launch`` starts them, each has its own and ``auto`` is expected.
        progress: True shows a bar, False nothing; or an object of your own.
        told: Is told of every epoch.

    Raises:
        FileNotFoundError: When a file is missing.
        ImportError: When accelerate, or what the model needs, is missing.
        MemoryError: When memory runs out.
        OSError: When a result can't be written; what was there before is still there.
        ValueError: When the model, the data or the folds don't fit each other, what lies in the
            folder is of another training, too many recordings can't be read, or the loss is no
            number any more.
    """
    accelerator = accelerator_for(config, device)
    data = dataset if dataset is not None else open_dataset(data_of(config))
    data = data.of_classes(config.classes) if config.classes else data
    chosen = replace(config, only=tuple(folds)) if folds is not None else config
    warn_of_problems(data)
    planned = folds_of(data, chosen)
    folder = Path(out or config.out or Path("runs") / "training")
    folder.mkdir(parents=True, exist_ok=True)
    origin = origin_of(
        reference_of(config), in_yaml=in_yaml(config.model), shared=shared_file(config)
    )
    said = {**config.said, **({"origin": origin} if origin else {})}
    job = Job(
        config=chosen,
        dataset=data,
        folder=folder,
        said=said,
        digest=digest_of(said, data),
        accelerator=accelerator,
        device=accelerator.device if accelerator.num_processes > 1 else as_device(device),
        progress=Bar("training") if progress is True else progress or None,
        told=told,
    )
    wanted = [fold for fold in planned if fold.number in (chosen.only or range(len(planned)))]
    for fold in planned:
        if resume or fold not in wanted:
            job.check(fold, wanted=fold in wanted)
    job.prepare(wanted, fresh=not resume, whole=len(wanted) == len(planned))
    for fold in wanted:
        if job.finished(fold) is None:
            with deterministic(), one_opencv_thread(), told_plainly(chosen):
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
    return str(beside) if in_yaml(config.data) and beside.is_file() else config.data


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A training while it runs.

    Attributes:
        config: The training.
        dataset: The data.
        folder: Where the results go.
        said: What the training is: the configuration, and what it starts from.
        digest: Of that and the data.
        accelerator: Devices and processes.
        device: Where this process computes.
        progress: Is told of every step.
        told: Is told of every epoch.
    """

    config: Config
    dataset: Dataset
    folder: Path
    said: Mapping[str, Any]
    digest: str
    accelerator: Any
    device: torch.device
    progress: Progress | None
    told: Told | None

    def place(self, fold: Fold) -> Path:
        """Return the folder of a fold."""
        return self.folder / f"fold{fold.number}"

    def check(self, fold: Fold, *, wanted: bool) -> None:
        """Check that what lies in a fold's folder is of this training.

        Args:
            fold: The fold.
            wanted: Whether it is to be trained now.

        Raises:
            ValueError: When it is of another one, or of another number of processes.
        """
        place = self.place(fold)
        state = self.state(fold, lazily=True)
        for found in (state, self.finished(fold)):
            if found is not None and found.digest != self.digest:
                advice = "Say --fresh to remove it"
                if not wanted:
                    advice = "Say --fresh for all folds, without --fold or only, to remove it"
                raise ValueError(
                    f"out: {place} holds another training "
                    f"({differences(found.said, self.said)}). {advice}, or give another folder."
                )
        processes = self.accelerator.num_processes
        if wanted and state is not None and state.processes != processes:
            raise ValueError(
                f"out: {place / STATE} was left by {state.processes} processes, and now there are "
                f"{processes}. Start as many as before, say --fresh, or give another folder."
            )

    def prepare(self, wanted: Sequence[Fold], *, fresh: bool, whole: bool) -> None:
        """Make the folders of the wanted folds, and remove what shall not be there.

        Args:
            wanted: The folds.
            fresh: Whether to remove what is left of an earlier training.
            whole: Whether all folds are wanted; then folds that are no more are removed too.
        """
        if self.accelerator.is_main_process:
            places = [self.place(fold) for fold in wanted]
            if fresh:
                others = {file.parent for name in (STATE, RESULT) for file in self.left(name)}
                for place in {*places, *(others if whole else ()), self.folder / CACHE}:
                    remove(place)
                for name in FILES:
                    (self.folder / name).unlink(missing_ok=True)
            for place in places:
                place.mkdir(exist_ok=True)
            for place in (self.folder, self.folder / CACHE, *places):
                tidy(place)
        self.accelerator.wait_for_everyone()

    def left(self, name: str) -> list[Path]:
        """Return the files of that name in the folders of folds."""
        return list(self.folder.glob(f"fold*/{name}"))

    def state(self, fold: Fold, *, lazily: bool = False) -> State | None:
        """Return where a fold stopped, if it did."""
        file = self.place(fold) / STATE
        found = read_state(file, lazily=lazily) if file.is_file() else None
        if found:
            check_there(file, found.best)
        return found

    def finished(self, fold: Fold) -> FoldResult | None:
        """Return what a fold came to, if it is finished."""
        file = self.place(fold) / RESULT
        found = read_fold(file) if file.is_file() else None
        if found:
            check_there(file, found.model, found.best_model)
        if found and found.digest == self.digest:
            most = max(*found.labels, *found.predicted)
            if most >= len(self.dataset.class_names):
                raise ValueError(
                    f"out: {file} is not the result of a fold (there is no class {most}). Say "
                    "--fresh to begin anew."
                )
        return found

    def run(self, fold: Fold) -> None:
        """Train a fold to its end, and write its result."""
        place = self.place(fold)
        seed_all(seeded(self.config.seed, fold.number).initial_seed())
        found = trainable(self.config, self.dataset.class_names)
        accelerator = accelerator_for(self.config, str(self.device))  # with a scaler of its own
        cache = self.folder / CACHE if self.config.cache else None
        fit = fit_of(self.config, self.dataset, fold, found, accelerator, self.device, cache)
        stopped = self.state(fold)
        with told_of(place / STATE):
            done = fit.restore(stopped) if stopped else []
        best_model = stopped.best if stopped else ""
        del stopped  # as large as the network three times over
        main = accelerator.is_main_process

        def told(history: list[Epoch], best: bool) -> None:
            nonlocal best_model
            if main and best:
                best_model = from_folder(found.save(place / "best", fit.result), place)
            if main:
                state = fit.state(history, self.digest, self.said, best_model)
                write_state(state, place / STATE)
            if main and self.told:
                self.told(fold.number, history[-1])

        history, scores = fitted(fit, done, told, self.progress if main else None)
        if main:
            models = from_folder(found.save(place / "last", fit.result), place), best_model
            write_fold(self.result(fit, history, scores, models), place / RESULT)
            (place / STATE).unlink(missing_ok=True)
        accelerator.wait_for_everyone()
        accelerator.free_memory()

    def result(
        self, fit: Fit, history: list[Epoch], scores: Scores, models: tuple[str, str]
    ) -> FoldResult:
        """Return what a fold came to; the models are the last and the best."""
        sure, predicted = scores.logits.softmax(1).max(1)
        names = [self.dataset.recordings[i].name for i in scores.index.tolist()]
        return FoldResult(
            fold=fit.fold.number,
            digest=self.digest,
            said=self.said,
            history=tuple(history),
            recordings=tuple(names),
            labels=tuple(scores.labels.tolist()),
            predicted=tuple(predicted.tolist()),
            probability=tuple(round(p, 6) for p in sure.tolist()),
            training=len(fit.fold.training) - len(fit.lost(fit.fold.training)),
            unreadable=dict(fit.unreadable),
            trained=fit.found.name,
            model=models[0],
            best_model=models[1],
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


def remove(place: Path) -> None:
    """Remove a folder, if it is there; of a link the link alone, not what it leads to."""
    if place.is_symlink():
        place.unlink()
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(place)


def check_there(file: Path, *models: str) -> None:
    """Check that the networks are there that a file in a fold's folder names.

    Raises:
        ValueError: When one isn't.
    """
    for model in models:
        named = file.parent / model.rpartition(":")[2]
        weights = named.with_suffix(".safetensors")
        if not named.is_file() or not (weights.is_file() or named.with_suffix("").is_dir()):
            raise ValueError(
                f"out: {file} names the network {model!r}, which is not beside it, or not its "
                "weights. Put it back, or say --fresh to begin anew."
            )


def tidy(folder: Path) -> None:
    """Remove what a process left half-written that was killed, long enough ago to be sure."""
    for part in folder.glob(".part-*"):
        with suppress(FileNotFoundError):  # its process is alive and done
            if time.time() - part.stat().st_mtime > ABANDONED:
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def from_folder(model: str, folder: Path) -> str:
    """Return a model's name as it is from a folder, in place of that from here."""
    return model.replace(f"{folder}/", "")


def device_name(device: torch.device) -> str:
    """Return what a device is called."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return "the processor" if device.type == "cpu" else device.type
