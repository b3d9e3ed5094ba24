import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from vexplain.behavior import LogOdds, Probability
from vexplain.core import (
    Attribution,
    Method,
    OutputKind,
    Segmentation,
    VexplainWarning,
    VideoClip,
)
from vexplain.engine import Interrupted, explain, summarise
from vexplain.sampling import AllButOne, Binomial, Exhaustive, MonteCarlo, ShapleyKernel
from vexplain.summary import LinearSurrogate, MeanWhenKept, RemovalEffect, ShapleyRegression

T, H, W = 4, 6, 8


@dataclass(frozen=True, eq=False)
class Bars:
    """A stand-in for step 1: every frame is a region."""

    frames: int
    height: int = H
    width: int = W

    @property
    def n_features(self) -> int:
        return self.frames

    def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
        size = (len(present), self.frames, self.height, self.width)
        return present.float()[:, :, None, None].expand(size)

    def paint(self, scores: Tensor) -> Tensor:
        return scores[:, None, None].expand(self.frames, self.height, self.width)


@dataclass(frozen=True)
class IntoFrames:
    def __call__(self, clip: VideoClip) -> Segmentation:
        return Bars(*clip.frames.shape[:1], *clip.frames.shape[2:])


@dataclass(frozen=True)
class ToBlack:
    def soften(self, keep: Tensor) -> Tensor:
        return keep

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Callable[[Tensor], Tensor]:
        return lambda keep: keep[:, :, None] * clip.frames


@dataclass(frozen=True)
class NoPicture:
    def __call__(self, attribution: Attribution, segmentation: Segmentation) -> Tensor:
        t, h, w = attribution.map.shape
        return torch.zeros(t, 4, h, w)


@dataclass
class Model:
    """Softmax over weighted mean brightnesses of the frames; counts what it is asked."""

    weights: Tensor = field(default_factory=lambda: torch.tensor([3.0, -1.0, 0.0, 0.5]))
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    outputs: OutputKind = "auto"
    class_names: tuple[str, ...] | None = ("jumping", "sitting")
    name: str = "model"
    batches: list[int] = field(default_factory=list)
    answer: Callable[[Tensor], Tensor] = lambda logits: logits

    def __call__(self, clips: Tensor) -> Tensor:
        self.batches.append(len(clips))
        evidence = clips.mean((2, 3, 4)).double() @ self.weights.double()
        return self.answer(torch.stack([evidence, -evidence], 1))


LOCO = Method(
    "loco",
    IntoFrames(),
    AllButOne(),
    Exhaustive(),
    ToBlack(),
    Probability(),
    RemovalEffect(),
    NoPicture(),
)
LIME = replace(
    LOCO, sizes=Binomial(0.5), samples=MonteCarlo(100), summary=LinearSurrogate(ridge=0.0)
)
SHAP = replace(LIME, sizes=ShapleyKernel(), summary=ShapleyRegression())
RISE = replace(LIME, samples=MonteCarlo(100, jitter=True), summary=MeanWhenKept())


@pytest.fixture
def clip() -> VideoClip:
    frames = torch.rand(T, 3, H, W, generator=torch.Generator().manual_seed(5))
    return VideoClip(frames, torch.arange(T).double())


def effects(clip: VideoClip, model: Model) -> Tensor:
    return clip.frames.mean((1, 2, 3)).double() * model.weights.double() * 2


def test_log_odds_of_an_additive_model_come_out_exactly(clip: VideoClip) -> None:
    model = Model()
    for method in (LOCO, LIME, SHAP):
        found = explain(clip, model, method=replace(method, behavior=LogOdds()))[0]
        torch.testing.assert_close(found.attribution.scores, effects(clip, model))
        assert torch.equal(found.attribution.map[:, 0, 0], found.attribution.scores.float())


def test_one_forward_pass_per_coalition_and_two_anchors(clip: VideoClip) -> None:
    model = Model()
    found = explain(clip, model, method=LOCO, batch_size=3)[0]
    assert model.batches == [1, 1, 3, 1]
    assert len(found.ledger.coalitions) == 4
    assert set(found.seconds) == {"segmentation", "sampling", "removal", "inference", "summary"}
    assert found.manifest["seed"] == 0


@pytest.mark.parametrize("method", [LOCO, LIME, SHAP, RISE], ids=lambda m: m.summary)
def test_same_seed_same_result_for_every_batch_size(clip: VideoClip, method: Method) -> None:
    results = [
        explain(clip, Model(), method=method, seed=3, batch_size=size)[0] for size in (1, 7, 64, 7)
    ]
    for other in results[1:]:
        assert torch.equal(results[0].ledger.coalitions.present, other.ledger.coalitions.present)
        assert torch.equal(results[0].attribution.map, other.attribution.map)
    another = explain(clip, Model(), method=method, seed=4)[0]
    same = torch.equal(results[0].ledger.coalitions.present, another.ledger.coalitions.present)
    assert same == (method is LOCO)


def test_the_target_is_the_class_predicted_unless_given(clip: VideoClip) -> None:
    assert explain(clip, Model(), method=LOCO)[0].target_name == "jumping"
    by_name, by_number = explain(clip, Model(), method=LOCO, targets=["Sitting", 1])
    assert by_name.target == by_number.target == 1
    assert torch.equal(by_name.attribution.scores, by_number.attribution.scores)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("jumpin", "no class is named 'jumpin'. Did you mean jumping"),
        (2, r"expected a class number in 0..1, got 2"),
        (-1, r"expected a class number in 0..1, got -1"),
    ],
)
def test_a_target_that_does_not_exist(clip: VideoClip, target: int | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain(clip, Model(), method=LOCO, targets=[target])


def test_names_need_class_names(clip: VideoClip) -> None:
    with pytest.raises(ValueError, match="has no class names"):
        explain(clip, Model(class_names=None), method=LOCO, targets=["jumping"])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda s: s[:, 0], r"expected class scores \(N, K\)"),
        (lambda s: s.repeat(2, 1), r"expected class scores \(N, K\)"),
        (lambda s: s * torch.nan, "got NaN or infinity"),
        (lambda s: [1, 2], "expected a tensor of class scores, got list"),
        (lambda s: torch.ones(len(s), len(s) + 1), "expected scores of 2 classes"),
        (lambda s: s.repeat(1, 2), "class_names: expected one name per class"),
    ],
)
def test_a_model_that_answers_nonsense(
    clip: VideoClip, answer: Callable[[Tensor], Tensor], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        explain(clip, Model(answer=answer, outputs="logits"), method=LOCO, batch_size=4)


def test_outputs_are_told_by_the_first_answers(clip: VideoClip) -> None:
    def kind(answer: Callable[[Tensor], Tensor]) -> str:
        return explain(clip, Model(answer=answer), method=LOCO)[0].ledger.kind

    assert kind(lambda s: s) == "logits"
    assert kind(lambda s: s.softmax(1)) == "softmax"
    with pytest.warns(VexplainWarning, match="taken for sigmoid"):
        assert kind(lambda s: s.sigmoid() * 0.9) == "sigmoid"


def test_memory_that_runs_out_halves_the_batch(clip: VideoClip) -> None:
    def short(scores: Tensor) -> Tensor:
        if len(scores) > 5:
            raise RuntimeError("[enforce fail] can't allocate memory: you tried 12 GB")
        return scores

    model = Model(answer=short)
    found = explain(clip, model, method=LIME, batch_size=32)[0]
    assert torch.equal(found.ledger.scores, explain(clip, Model(), method=LIME)[0].ledger.scores)
    assert model.batches[2:5] == [32, 16, 8]
    assert max(model.batches[5:]) == 4


def test_memory_that_never_suffices_is_an_error(clip: VideoClip) -> None:
    def short(scores: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = Model(answer=lambda s: s if len(model.batches) < 3 else short(s))
    with pytest.raises(MemoryError, match="memory ran out with a single clip"):
        explain(clip, model, method=LIME, batch_size=2)


def test_other_errors_of_the_model_pass_through(clip: VideoClip) -> None:
    def broken(scores: Tensor) -> Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        explain(clip, Model(answer=broken), method=LIME)


class Recorder:
    def __init__(self, interrupt_at: int | None = None) -> None:
        self.total, self.done, self.stopped, self.interrupt_at = 0, 0, False, interrupt_at

    def start(self, total: int) -> None:
        self.total = total

    def advance(self, rows: int) -> None:
        self.done += rows
        if self.interrupt_at is not None and self.done >= self.interrupt_at:
            raise KeyboardInterrupt

    def stop(self) -> None:
        self.stopped = True


def test_progress_is_told_and_stopped(clip: VideoClip) -> None:
    told = Recorder()
    explain(clip, Model(), method=LIME, progress=told, batch_size=7)
    assert (told.total, told.done, told.stopped) == (100, 100, True)


def test_an_interrupted_run_keeps_its_answers_and_goes_on(clip: VideoClip) -> None:
    with (
        pytest.warns(VexplainWarning, match="stopped after 40 of 100 samples"),
        pytest.raises(Interrupted) as caught,
    ):
        explain(clip, Model(), method=LIME, progress=Recorder(40), batch_size=10)
    half = caught.value.explanations[0]
    assert len(half.ledger.coalitions) == 40
    assert half.ledger.planned == 100
    model = Model()
    whole = explain(clip, model, method=LIME, resume=half, batch_size=10)[0]
    assert model.batches == [10] * 6
    at_once = explain(clip, Model(), method=LIME)[0]
    assert torch.equal(whole.attribution.scores, at_once.attribution.scores)
    with pytest.raises(ValueError, match="resume: the interrupted run had another seed"):
        explain(clip, Model(), method=LIME, seed=1, resume=half)


def test_another_target_or_summary_costs_no_forward_pass(clip: VideoClip) -> None:
    model = Model()
    first = explain(clip, model, method=LIME)[0]
    asked = len(model.batches)
    other = summarise(first, target="sitting", behavior=LogOdds(), summary=MeanWhenKept())
    assert len(model.batches) == asked
    direct = explain(
        clip,
        Model(),
        method=replace(LIME, behavior=LogOdds(), summary=MeanWhenKept()),
        targets=[1],
    )[0]
    assert torch.equal(other.attribution.map, direct.attribution.map)
    assert other.target_name == "sitting"


def test_rise_of_a_constant_model_is_flat_and_warns(clip: VideoClip) -> None:
    with pytest.warns(VexplainWarning, match="answer never changed"):
        found = explain(clip, Model(answer=lambda s: s * 0 + 7), method=RISE)[0]
    assert found.attribution.map.abs().max() < 1e-12


def test_one_region_and_too_few_samples_warn(clip: VideoClip) -> None:
    one = VideoClip(clip.frames[:1], clip.pts_seconds[:1])
    with pytest.warns(VexplainWarning, match="the whole clip is one region"):
        explain(one, Model(torch.ones(1)), method=LOCO)
    with pytest.warns(VexplainWarning, match="3 samples are fewer than the 4 regions"):
        explain(clip, Model(), method=replace(LIME, samples=MonteCarlo(3)))


def test_the_fit_says_how_far_to_trust(clip: VideoClip) -> None:
    fit = explain(clip, Model(), method=replace(LIME, behavior=LogOdds()))[0].attribution.fit
    assert fit.r2 == pytest.approx(1)
    assert fit.reliability == pytest.approx(1)
    assert fit.effective_rows is not None
    assert 1 < fit.effective_rows < 100
    noise = torch.Generator().manual_seed(0)
    noisy = Model(answer=lambda s: torch.randn(s.shape, generator=noise))
    weak = explain(clip, noisy, method=LIME)[0].attribution.fit
    assert weak.r2 is not None
    assert weak.r2 < 0.3
    assert explain(clip, Model(), method=LOCO)[0].attribution.fit.reliability is None


def test_a_clean_run_does_not_warn(clip: VideoClip) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(clip, Model(), method=LIME)
