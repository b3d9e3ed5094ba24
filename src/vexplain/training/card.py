"""The files about a training: tables, pictures, and a card that says how it was made."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from vexplain.core.files import printable, write_atomically
from vexplain.training.config import Config
from vexplain.training.measures import Epoch
from vexplain.training.results import FoldResult, Results, table
from vexplain.training.writing import kept

FILES = (
    "results.json", "history.csv", "predictions.csv", "confusion.csv", "confusion.png",
    "curves.png", "README.md",
)  # fmt: skip
"""What ``write_results`` writes."""

CARD = """# {title}

`{model}`, fine-tuned by vexplain on {dataset}: {summary}.

| fold | learnt from | held out | accuracy | among the top 5 | best epoch (accuracy) |
| --- | --- | --- | --- | --- | --- |
{folds}

Accuracy is the share of held-out clips, one clip per recording, whose highest score is that of
their class, after the last epoch, computed in float32. The best epoch is chosen by the same
held-out clips, so its accuracy is too high; it is there to choose a network, not to report. ± is
the standard deviation over the folds (with n - 1).

## Recall of each class, over the folds

| class | clips | recognised |
| --- | --- | --- |
{recalls}

confusion.csv and confusion.png say which classes are taken for which, history.csv and curves.png
how the training went.

## How it was made

    vexplain train CONFIG.yaml

with this configuration, by vexplain {version} and torch {torch} on {device}, in {minutes:.1f}
minutes:

```yaml
{config}```

{origin}{unreadable}
## How to load it

    vexplain explain CLIP --model {load}

or `vexplain.load_model("{load}")`, from this folder.
"""


def write_results(results: Results, config: Config) -> None:
    """Write everything about the finished folds into the folder of a training.

    Raises:
        OSError: When a file can't be written.
    """
    folder, results = results.folder, spelled(results)
    contents = (
        json.dumps(numbers(results), indent=1, ensure_ascii=False).encode(),
        lines(history(results)),
        lines(predictions(results)),
        lines(confusion(results)),
        confusion_picture(results),
        curves_picture(results),
        printable(card(results, config)).encode(),  # the configuration names files too
    )
    for name, content in zip(FILES, contents, strict=True):
        with kept(folder / name):
            write_atomically(folder / name, content)


def spelled(results: Results) -> Results:
    """Return the results with names that every file can hold."""

    def fold(one: FoldResult) -> FoldResult:
        texts: dict[str, Any] = {
            name: printable(getattr(one, name)) for name in ("trained", "model", "best_model")
        }
        return replace(
            one,
            recordings=tuple(map(printable, one.recordings)),
            unreadable={printable(k): printable(v) for k, v in one.unreadable.items()},
            **texts,
        )

    return replace(
        results,
        folds=tuple(map(fold, results.folds)),
        class_names=tuple(map(printable, results.class_names)),
        dataset=printable(results.dataset),
    )


def numbers(results: Results) -> dict[str, Any]:
    """Return the results as JSON has them."""
    return {
        "model": results.model,
        "dataset": results.dataset,
        "accuracy": results.accuracy,
        "deviation": results.deviation,
        "folds": [
            {
                "fold": fold.fold,
                "accuracy": fold.accuracy,
                "top5": fold.history[-1].top5,
                "best_epoch": fold.best.epoch,
                "best_accuracy": fold.best.top1,
                "learnt_from": fold.training,
                "held_out": len(fold.labels),
                "unreadable": dict(fold.unreadable),
                "seconds": fold.seconds,
                "device": fold.device,
                "model": fold.model,
                "best_model": fold.best_model,
            }
            for fold in results.folds
        ],
        "n_folds": results.n_folds,
        "recall": dict(zip(results.class_names, results.recalls, strict=True)),
        "confusion": results.confusion.tolist(),
        "versions": {"vexplain": version("vexplain"), "torch": torch.__version__},
        "seconds": results.seconds,
    }


def lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows as a CSV file."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def history(results: Results) -> Iterable[Sequence[Any]]:
    """Go through the rows of history.csv."""
    names = tuple(Epoch.__dataclass_fields__)
    yield ("fold", *names)
    for fold in results.folds:
        for epoch in fold.history:
            yield (fold.fold, *(getattr(epoch, name) for name in names))


def predictions(results: Results) -> Iterable[Sequence[Any]]:
    """Go through the rows of predictions.csv."""
    names = results.class_names
    yield "fold", "recording", "class", "predicted", "probability"
    for fold in results.folds:
        rows = zip(fold.recordings, fold.labels, fold.predicted, fold.probability, strict=True)
        for name, label, predicted, probability in rows:
            yield fold.fold, name, names[label], names[predicted], probability


def confusion(results: Results) -> Iterable[Sequence[Any]]:
    """Go through the rows of confusion.csv: true classes; its columns are what was predicted."""
    yield ("true \\ predicted", *results.class_names)
    for name, row in zip(results.class_names, results.confusion.tolist(), strict=True):
        yield (name, *row)


def png(figure: Any) -> bytes:
    """Return a figure as a PNG file."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
    return file.getvalue()


def confusion_picture(results: Results) -> bytes:
    """Return the picture of the confusion matrix: shares of each true class."""
    from matplotlib.figure import Figure

    counts, names = results.confusion, results.class_names
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(3.5 + 0.33 * len(names), 16.0)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = max(9 - len(names) // 10, 3)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size, parse_math=False)
    axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(names) <= 20:
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if shares[row, column] > 0.5 else "black"
            if count:
                axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=7)
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    return png(figure)


def curves_picture(results: Results) -> bytes:
    """Return the picture of loss and accuracy, epoch by epoch, one line per fold."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for fold in results.folds:
        epochs = [epoch.epoch for epoch in fold.history]
        said = fold is results.folds[0]
        shown: list[tuple[Any, str, str, str]] = [
            (left, "loss", "#0072b2", "learnt from, as changed"),
            (left, "held_out_loss", "#d55e00", "held out"),
            (right, "top1", "#d55e00", "highest score"),
            (right, "top5", "#999999", "among the five highest"),
        ]
        for axes, name, color, label in shown:
            values = [getattr(epoch, name) for epoch in fold.history]
            axes.plot(epochs, values, ".-", color=color, lw=1, label=label if said else None)
    left.set(xlabel="epoch", ylabel="cross-entropy")
    right.set(xlabel="epoch", ylabel="held-out accuracy", ylim=(0, 1.02))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return png(figure)


def card(results: Results, config: Config) -> str:
    """Return the card, which holds no date and no place, so that it can be made again."""
    folds = [
        (
            fold.fold,
            fold.training,
            len(fold.labels),
            f"{fold.accuracy:.2%}",
            f"{fold.history[-1].top5:.2%}",
            f"{fold.best.epoch} ({fold.best.top1:.2%})",
        )
        for fold in results.folds
    ]
    counts = results.confusion.sum(1).tolist()
    recalls = [
        (name, n, "not measured" if share is None else f"{share:.2%}")
        for name, n, share in zip(results.class_names, counts, results.recalls, strict=True)
    ]
    names = sorted({name for fold in results.folds for name in fold.unreadable})
    count = "1 recording" if len(names) == 1 else f"{len(names)} recordings"
    unread = f"{count} couldn't be read: {', '.join(names[:20])}.\n"
    first = results.folds[0]
    return CARD.format(
        title=f"{results.model} on {results.dataset}",
        model=results.model,
        dataset=results.dataset,
        summary=f"held-out accuracy {results}",
        folds=table(folds, ()).split("\n", 2)[-1],
        recalls=table(recalls, ()).split("\n", 2)[-1],
        version=version("vexplain"),
        torch=torch.__version__,
        device=" and ".join(sorted({fold.device for fold in results.folds})),
        minutes=results.seconds / 60,
        config=yaml.safe_dump(
            {**config.said, "workers": config.workers}, sort_keys=False, allow_unicode=True
        ),
        origin=started_from(first.said.get("origin", {})),
        unreadable=unread if names else "",
        load=within(first.model, f"fold{first.fold}"),
    )


def started_from(origin: Mapping[str, Any]) -> str:
    """Return in words, for the card, which files a training started from."""
    digests = dict(origin.get("sha256", {}))
    if "shared_weights" in origin:
        digests["shared_weights"] = origin["shared_weights"]
    files = [f"- `{name}`, SHA-256 `{digest}`" for name, digest in digests.items()]
    return "\n".join(["It started from:", "", *files, "", ""]) if files else ""


def within(model: str, folder: str) -> str:
    """Return a model's name as it is from the folder above its own."""
    scheme, colon, file = model.rpartition(":")
    return f"{scheme}{colon}{Path(folder) / file}"
