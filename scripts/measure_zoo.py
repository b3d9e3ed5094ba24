"""Measure which methods find the object in what the miniature zoo sees, and write docs/zoo.md.

    python scripts/measure_zoo.py --clips 28

For every network, clips of the test part that it names rightly are explained for their class, and
the share of each map's positive part that lies on the object is written beside that of random maps
and of a centre prior. Rows of networks that are not measured stay. About an hour on two cores
with 28 clips and 1,000 samples.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from vexplain import evaluation
from vexplain.core import Method, VideoClip
from vexplain.core.files import write_atomically
from vexplain.datasets import ACTIONS, open_dataset
from vexplain.engine import explain
from vexplain.methods import kernel_shap, lime, rise
from vexplain.models import load_model
from vexplain.models.adapters import Model
from vexplain.models.zoo import specimens
from vexplain.rendering import contact_sheet


@dataclass(frozen=True, eq=False)
class Known:
    """A clip that a network names rightly, its class, and where the object is."""

    clip: VideoClip
    label: int
    truth: Bool[Tensor, "T H W"]


def methods(samples: int) -> dict[str, Method]:
    """Return the methods that are measured."""
    return {
        "3D RISE": rise(n_samples=samples),
        "3D LIME": lime(n_samples=samples),
        "3D Kernel SHAP": kernel_shap(n_samples=samples),
    }


def known(model: Model, data: str) -> Iterator[Known]:
    """Go through the test clips that the network names rightly, class after class."""
    for recording in open_dataset(data).part("test").recordings:
        if recording.label is None or model.spec.clip is None:
            continue
        clip = recording.read(model.spec.clip)
        truth = recording.truth(clip)
        with torch.inference_mode():
            right = int(model(clip.frames[None]).argmax()) == recording.label
        if right and truth is not None and bool(truth.any()):
            yield Known(clip, recording.label, truth)


def chosen(found: Iterator[Known], n: int) -> list[Known]:
    """Return ``n`` clips, as many of each class as can be."""
    each = -(-n // len(ACTIONS))
    taken: list[Known] = []
    for one in found:
        if sum(other.label == one.label for other in taken) < each:
            taken.append(one)
        if len(taken) == n:
            break
    return taken


def measured(name: str, options: argparse.Namespace) -> list[str]:
    """Return the rows of one network: a row per method."""
    model = load_model(f"zoo:{name}")
    if not isinstance(model, Model):
        raise TypeError(f"{name}: expected a network of the zoo, got {type(model).__name__}.")
    clips = chosen(known(model, specimens()[name].data), options.clips)
    rows = []
    for method, how in methods(options.samples).items():
        numbers: dict[str, list[float]] = {"energy": [], "random map": [], "centre prior": []}
        for number, one in enumerate(clips):
            explanation = explain(one.clip, model, method=how, targets=[one.label], seed=0)[0]
            metrics = [evaluation.EnergyInside()]
            score = evaluation.evaluate(explanation, model, metrics=metrics, truth=one.truth)
            [energy] = score
            numbers["energy"].append(energy.value or 0.0)
            for other, measure in energy.beside.items():
                numbers[other].append(measure.value or 0.0)
            if options.pictures and number < options.shown:
                picture = options.pictures / f"{name}-{method.split()[1]}-{number}.png".lower()
                contact_sheet(explanation, picture)
        rows.append(row(name, method, numbers, clips))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def row(name: str, method: str, numbers: dict[str, list[float]], clips: list[Known]) -> str:
    """Return a row of the table."""
    energy, centre = np.asarray(numbers["energy"]), np.asarray(numbers["centre prior"])
    rng = np.random.default_rng(0)
    drawn = rng.choice(energy / centre.mean(), (2000, len(energy))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    share = np.mean([float(one.truth.float().mean()) for one in clips])
    cells = [
        name,
        method,
        f"{energy.mean():.3f}",
        f"{centre.mean():.3f}",
        f"{np.mean(numbers['random map']):.3f}",
        f"{share:.3f}",
        f"{energy.mean() / centre.mean():.1f} ({low:.1f} to {high:.1f})",
        f"{int((energy > centre).sum())} of {len(clips)}",
    ]
    return f"| {' | '.join(cells)} |"


def network(line: str) -> str:
    """Return the network that a row of the table is about; of other lines anything else."""
    return line.partition(" | ")[0].removeprefix("| ")


COLUMNS = "network, method, energy, centre prior, random maps, size of object, times, clips"
HEAD = f"| {' | '.join(COLUMNS.split(', '))} |\n|{' --- |' * 8}\n"
BEGIN, END = "<!-- measured -->", "<!-- end -->"


def main() -> None:
    """Measure, and write the table into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clips", type=int, default=28)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--network", action="append", choices=[*specimens()])
    parser.add_argument("--pictures", type=Path, help="folder for contact sheets")
    parser.add_argument("--shown", type=int, default=3, help="contact sheets per network, method")
    parser.add_argument("--page", type=Path, default=Path("docs/zoo.md"))
    options = parser.parse_args()
    names = options.network or [*specimens()]
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    new = [one for name in names for one in measured(name, options)]
    before, _, rest = options.page.read_text(encoding="utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    kept = [one for one in old.splitlines() if network(one) not in names]
    rows = [one for name in specimens() for one in kept + new if network(one) == name]
    table = HEAD + "\n".join(rows) + "\n"
    print(table)
    write_atomically(options.page, f"{before}{BEGIN}\n\n{table}\n{END}{after}".encode())


if __name__ == "__main__":
    main()
