"""What holds on a GPU too. Every test here needs one, and is skipped where there is none."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import vexplain as vx
from test_training import colours, config
from vexplain import catalog, removal, segmentation
from vexplain.core import Explanation, Method, Segmenter
from vexplain.models import Running, as_classifier
from vexplain.models.loading import DEMO
from vexplain.models.running import Precision
from vexplain.removal import Fill
from vexplain.training import train

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    # Few samples make loose scores; here they only have to be the same ones.
    pytest.mark.filterwarnings("ignore::vexplain.core.VexplainWarning"),
]

SAMPLES = 200
SAMPLED = ("lime", "kernel-shap", "rise")
METHODS = tuple(catalog.METHODS)
FILLS: dict[str, Fill] = {
    "region-mean": removal.RegionMean(),
    "blur-3d": removal.Blur3D(),
    "inpaint": removal.Inpaint(),
    "noisy-linear": removal.NoisyLinear(),
}
CUTS: dict[str, Segmenter] = {
    "slic": segmentation.Slic(),
    "flow": segmentation.Flow(),
    "soft-grid": segmentation.SoftGrid(),
    "sliding-window": segmentation.SlidingWindow(),
}


def explained(
    method: str | Method,
    device: str,
    *,
    precision: Precision = "auto",
    batch_size: int | None = None,
) -> Explanation:
    if isinstance(method, str):
        method = catalog.METHODS[method](**({"n_samples": SAMPLES} if method in SAMPLED else {}))
    clip = Path(vx.__file__).parent / "assets" / "demo.mp4"
    model = vx.load_model(f"zoo:{DEMO}", device=device, precision=precision)
    return vx.explain(clip, model, method=method, batch_size=batch_size, progress=False)


def likeness(one: Explanation, other: Explanation) -> float:
    a, b = (e.attribution.scores.double().flatten() for e in (one, other))
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def same_questions(one: Explanation, other: Explanation) -> bool:
    a, b = one.ledger.coalitions, other.ledger.coalitions
    return torch.equal(a.present, b.present) and torch.equal(a.jitter, b.jitter)


@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_explains_as_the_cpu_does(method: str) -> None:
    here, there = explained(method, "cpu"), explained(method, "cuda")
    assert same_questions(here, there)
    assert torch.allclose(here.ledger.scores, there.ledger.scores, atol=0.02)
    assert likeness(here, there) > 0.999
    assert there.attribution.map.device.type == "cpu"
    numbers = torch.arange(here.segmentation.n_features, dtype=torch.float32)
    assert torch.equal(here.segmentation.paint(numbers), there.segmentation.paint(numbers))


@pytest.mark.parametrize("fill", list(FILLS))
def test_a_gpu_removes_as_the_cpu_does(fill: str) -> None:
    method = replace(catalog.METHODS["lime"](n_samples=20), removal=removal.Remove(FILLS[fill]))
    here, there = explained(method, "cpu"), explained(method, "cuda")
    assert torch.allclose(here.ledger.scores, there.ledger.scores, atol=0.02)


@pytest.mark.parametrize("cut", list(CUTS))
def test_a_gpu_cuts_as_the_cpu_does(cut: str) -> None:
    method = replace(catalog.METHODS["lime"](n_samples=20), segmentation=CUTS[cut])
    here, there = explained(method, "cpu"), explained(method, "cuda")
    assert here.segmentation.n_features == there.segmentation.n_features
    assert torch.allclose(here.ledger.scores, there.ledger.scores, atol=0.02)


def test_a_gpu_repeats_itself_to_the_bit() -> None:
    one, two = (explained("rise", "cuda") for _ in range(2))
    assert torch.equal(one.ledger.scores, two.ledger.scores)
    assert torch.equal(one.attribution.scores, two.attribution.scores)


def test_the_batch_size_changes_no_more_than_rounding() -> None:
    usual = explained("rise", "cuda")
    for batch_size in (1, 7, 64):
        other = explained("rise", "cuda", batch_size=batch_size)
        assert same_questions(usual, other)
        assert likeness(usual, other) > 0.9999


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_finds_the_same(precision: Precision) -> None:
    usual = explained("rise", "cuda")
    half = explained("rise", "cuda", precision=precision)
    assert likeness(usual, half) > 0.98


def test_more_samples_take_no_more_memory() -> None:
    peaks = []
    for n in (1000, 4000):  # the keeps of a thousand fill the budget of the summary
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        explained(catalog.METHODS["rise"](n_samples=n), "cuda", batch_size=50)
        peaks.append(torch.cuda.max_memory_allocated())
    assert peaks[1] < 1.05 * peaks[0]


class Glutton(torch.nn.Module):
    """Takes 1 GiB per clip."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, clips: Tensor) -> Tensor:
        torch.empty(len(clips) << 28, device=clips.device).fill_(1)
        bright = clips.mean((1, 2, 3, 4)) * self.weight
        return torch.stack([bright, 1 - bright], 1)


def test_batches_are_halved_when_memory_runs_out() -> None:
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((4 << 30) / whole)
    try:
        clip = vx.clip_from_array(torch.rand(4, 3, 16, 16))
        method = catalog.METHODS["rise"](n_samples=16)
        spec = vx.ModelSpec(outputs="logits")
        model = as_classifier(Glutton(), spec, Running(device="cuda"))
        made = vx.explain(clip, model, method=method, batch_size=16, progress=False)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(made.ledger.scores) == 16


def test_an_evaluation_on_a_gpu_measures_the_same() -> None:
    lime = explained("lime", "cpu")
    found = [
        vx.evaluate(lime, vx.load_model(f"zoo:{DEMO}", device=device), progress=False)
        for device in ("cpu", "cuda")
    ]
    here, there = ({score.name: score.value for score in one} for one in found)
    assert here.keys() == there.keys()
    assert all(there[name] == pytest.approx(here[name], abs=0.02, nan_ok=True) for name in here)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_trains(precision: str, tmp_path: Path) -> None:
    wanted = config(epochs=3, precision=precision)
    found = train(wanted, dataset=colours(), out=tmp_path, device="cuda", progress=False)
    for fold in found.folds:
        losses = [epoch.loss for epoch in fold.history]
        assert losses[-1] < losses[0]
        assert fold.device == torch.cuda.get_device_name()
