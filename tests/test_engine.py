import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

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
from vexplain.engine import Interrupted, ServerLostError, explain, rivals, summarise
from vexplain.models import as_classifier
from vexplain.sampling import AllButOne, Binomial, Exhaustive, MonteCarlo, OnlyOne, ShapleyKernel
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
    with pytest.raises(Interrupted, match="stopped after 40 of 100 samples") as caught:
        explain(clip, Model(), method=LIME, progress=Recorder(40), batch_size=10)
    half = caught.value.explanations[0]
    assert len(half.ledger.coalitions) == 40
    assert half.ledger.planned == 100
    model = Model()
    whole = explain(clip, model, method=LIME, resume=half, batch_size=10)[0]
    assert model.batches == [1, 1] + [10] * 6
    assert whole.seconds["inference"] > half.seconds["inference"] > 0
    at_once = explain(clip, Model(), method=LIME)[0]
    assert torch.equal(whole.attribution.scores, at_once.attribution.scores)
    others: list[tuple[str, VideoClip, Model, Method, int]] = [
        ("seed", clip, Model(), LIME, 1),
        ("clip", VideoClip(clip.frames.flip(0), clip.pts_seconds), Model(), LIME, 0),
        ("model", clip, Model(torch.ones(T)), LIME, 0),
        ("method", clip, Model(), replace(LIME, samples=MonteCarlo(101)), 0),
    ]
    for name, other_clip, other_model, other_method, seed in others:
        with pytest.raises(ValueError, match=f"interrupted run had another .*{name}"):
            explain(other_clip, other_model, method=other_method, seed=seed, resume=half)
    with pytest.warns(VexplainWarning, match="stopped after 40 of 100 samples"):
        summarise(half, target=1)


def test_a_lost_server_keeps_the_answers_and_goes_on(clip: VideoClip) -> None:
    class Remote(Model):
        def __call__(self, clips: Tensor) -> Tensor:
            if len(self.batches) == 5:
                raise ConnectionError("the server is down")
            return super().__call__(clips)

    with pytest.raises(
        ServerLostError, match="after 30 of 100 samples: the server is down"
    ) as caught:
        explain(clip, Remote(), method=LIME, batch_size=10)
    half = caught.value.explanations[0]
    whole = explain(clip, Model(), method=LIME, resume=half)[0]
    at_once = explain(clip, Model(), method=LIME)[0]
    assert torch.equal(whole.attribution.scores, at_once.attribution.scores)
    with pytest.raises(ConnectionError, match=r"^the server is down$"):
        explain(clip, Remote(batches=[0] * 3), method=LIME)


def test_a_model_that_changes_its_input_in_place_changes_nothing_else(clip: VideoClip) -> None:
    def spoil(clips: Tensor) -> Tensor:
        clips -= 0.45
        clips /= 0.25
        return torch.stack([clips.mean((1, 2, 3, 4)), clips.amax((1, 2, 3, 4))], 1)

    before = clip.frames.clone()
    spoiled = explain(clip, as_classifier(spoil), method=LOCO)[0]
    assert torch.equal(clip.frames, before)
    careful = explain(clip, as_classifier(lambda c: spoil(c.clone())), method=LOCO)[0]
    assert torch.equal(spoiled.attribution.scores, careful.attribution.scores)


@pytest.mark.parametrize(
    ("outputs", "answer"),
    [
        ("softmax", lambda s: s),
        ("sigmoid", lambda s: s * 10),
        ("softmax", lambda s: s.sigmoid() * 0.3),
        ("auto", lambda s: s.softmax(1) if len(s) == 1 else s - 9),
    ],
)
def test_scores_that_are_not_what_was_said(
    clip: VideoClip, outputs: OutputKind, answer: Callable[[Tensor], Tensor]
) -> None:
    with pytest.raises(ValueError, match="outputs: the model's scores are taken for"):
        explain(clip, Model(outputs=outputs, answer=answer), method=LOCO, batch_size=4)


def test_a_single_logit_has_no_softmax(clip: VideoClip) -> None:
    single = Model(class_names=None, answer=lambda s: s[:, :1])
    with pytest.raises(ValueError, match="a single class score has no softmax"):
        explain(clip, single, method=LOCO)
    good = Model(class_names=None, outputs="sigmoid", answer=lambda s: s[:, :1].sigmoid())
    assert explain(clip, good, method=LOCO)[0].attribution.scores.any()


def test_a_summary_that_does_not_fit_the_samples_warns(clip: VideoClip) -> None:
    sampled = explain(
        clip, Model(), method=replace(LIME, samples=MonteCarlo(100), sizes=OnlyOne())
    )[0]
    with pytest.warns(VexplainWarning, match="finds nothing in these samples"):
        summarise(sampled, summary=RemovalEffect())


def test_memory_that_does_not_suffice_for_the_first_clip(clip: VideoClip) -> None:
    def short(scores: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(MemoryError, match="memory ran out with a single clip"):
        explain(clip, Model(answer=short), method=LIME)


def test_rise_is_the_slow_mean_over_the_applied_keeps() -> None:
    from vexplain.core import Game
    from vexplain.segmentation import SoftCells

    cells = SoftCells((5, 9, 8), (2, 3, 2))
    rows = MonteCarlo(40, jitter=True)(Binomial(0.5)(12), torch.Generator().manual_seed(0))
    values = torch.randn(40, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    keeps = cells.keep(rows.present, rows.jitter).double()
    game = Game(
        rows, values * 1e30, values[0], values[0], lambda r: cells.keep(r.present, r.jitter)
    )
    found = MeanWhenKept()(game).maps
    assert found is not None
    for m in range(2):
        centred = values[:, m] - values[:, m].mean()
        slow = sum(centred[i] * keeps[i] for i in range(40)) / keeps.sum(0)
        torch.testing.assert_close(found[m] / 1e30, slow, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ({"seed": 1.5}, "seed: expected a whole number from 0, got 1.5"),
        ({"seed": -1}, "seed: expected a whole number from 0, got -1"),
        ({"batch_size": 0}, "batch_size: expected a whole number from 1, got 0"),
        ({"targets": [True]}, "target: expected the number or name of a class, got True"),
        ({"targets": [1.0]}, "target: expected the number or name of a class, got 1.0"),
        ({"targets": []}, "targets: expected at least one class, got none"),
    ],
)
def test_wrong_arguments_are_named(
    clip: VideoClip, argument: dict[str, Any], error: str, unchecked: None
) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        explain(clip, Model(), method=LOCO, **argument)


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


def test_rivals_are_the_likeliest_other_classes_summarised_in_one_pass(clip: VideoClip) -> None:
    saved = explain(clip, Model(), method=RISE)[0]
    found = rivals(saved, 5)
    ranked = saved.ledger.full.argsort(descending=True).tolist()
    assert [one.target for one in found] == [k for k in ranked if k != saved.target][:5]
    for one in found:
        again = summarise(saved, target=one.target)
        assert torch.equal(one.attribution.map, again.attribution.map)
    assert rivals(saved, 0) == []


def test_rise_of_a_constant_model_is_flat_and_warns(clip: VideoClip) -> None:
    with pytest.warns(VexplainWarning, match="answer for 'jumping' never changed"):
        found = explain(clip, Model(answer=lambda s: s * 0 + 7), method=RISE)[0]
    assert found.attribution.map.abs().max() < 1e-12


def test_one_region_and_too_few_samples_warn(clip: VideoClip) -> None:
    one = VideoClip(clip.frames[:1], clip.pts_seconds[:1])
    with pytest.warns(VexplainWarning, match="the whole clip is one region"):
        explain(one, Model(torch.ones(1)), method=LOCO)
    with pytest.warns(VexplainWarning, match="3 samples .* are few for 4 regions"):
        explain(clip, Model(), method=replace(LIME, samples=MonteCarlo(3)))


def test_the_fit_says_how_far_to_trust(clip: VideoClip) -> None:
    fit = explain(clip, Model(), method=replace(LIME, behavior=LogOdds()))[0].attribution.fit
    assert fit.r2 == pytest.approx(1)
    assert fit.reliability == pytest.approx(1)
    assert fit.effective_rows is not None
    assert 1 < fit.effective_rows < 100
    noise = torch.Generator().manual_seed(0)
    noisy = Model(answer=lambda s: torch.randn(s.shape, generator=noise))
    with pytest.warns(VexplainWarning, match="explains the answers worse than their mean"):
        weak = explain(clip, noisy, method=LIME)[0].attribution.fit
    assert weak.r2 is not None
    assert weak.r2 < 0.3
    assert explain(clip, Model(), method=LOCO)[0].attribution.fit.reliability is None


def test_a_clean_run_does_not_warn(clip: VideoClip) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explain(clip, Model(), method=LIME)[0]
    assert found.attribution.scores.any()
