from dataclasses import replace

import pytest
import torch
from torch import Tensor

import vexplain as vx
from vexplain.core import Classifier, Explanation, ModelSpec
from vexplain.models import Running, as_classifier
from vexplain.models.adapters import Model
from vexplain.segmentation import Grid
from vexplain.tuning import Trial, agreement, asking, best, sizes, tuned, ways

METHOD = replace(vx.methods.loco(), segmentation=Grid(t=2, h=2, w=2))


def clip() -> vx.VideoClip:
    return vx.clip_from_array(torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)))


def load(running: Running) -> Classifier:
    """A model that is right in float32, wrong in int8, and can't run in float16."""
    if running.precision == "float16":
        raise ValueError("no half precision here")
    sign = -1 if running.precision == "int8" else 1

    def answer(clips: Tensor) -> Tensor:
        weights = torch.arange(4 * 8 * 8.0).reshape(4, 1, 8, 8) * sign / 1000
        return (clips * weights).sum((1, 3, 4))

    return as_classifier(answer, ModelSpec(outputs="logits"))


def test_every_way_is_timed_and_compared_with_float32() -> None:
    told: list[str] = []
    trials = tuned(
        clip(),
        load,
        list(ways(Running(), compiled=False)),
        method=METHOD,
        batch_sizes=(2, 4),
        tell=told.append,
    )
    first = [(t.running.precision, t.running.channels_last, t.batch_size) for t in trials[:5]]
    assert first == [
        ("float32", False, 2),
        ("float32", True, 2),
        ("bfloat16", False, 2),
        ("bfloat16", True, 2),
        ("int8", False, 2),
    ]
    assert trials[5].batch_size == 4
    assert all(t.seconds > 0 for t in trials)
    assert [t.agreement for t in trials[:3]] == pytest.approx([1, 1, 1])
    assert trials[4].agreement < 0
    assert told[0] == "left out float16: no half precision here"


def test_the_fastest_that_keeps_the_explanation_is_best() -> None:
    def trial(seconds: float, agreement: float, **running: object) -> Trial:
        return Trial(
            running=Running(**running),  # type: ignore[arg-type]
            batch_size=2,
            seconds=seconds,
            agreement=agreement,
        )

    slow, wrong = trial(3, 1.0), trial(1, 0.98, precision="int8")
    right = trial(2, 0.995, precision="bfloat16", channels_last=True, compiled=True)
    assert best([slow, wrong, right]) is right
    assert right.options == "--precision bfloat16 --batch-size 2 --channels-last --compile"


def test_options_run_a_model_as_it_was_measured() -> None:
    plain = Trial(
        running=Running(precision="float32", device="cuda"), batch_size=4, seconds=1, agreement=1
    )
    assert plain.options == "--precision float32 --batch-size 4 --channels-first --device cuda"


def test_int8_is_tried_on_the_cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    on_cuda = ways(Running(device="auto"), compiled=True)
    assert not any(way.precision == "int8" for way in on_cuda)
    assert any(way.precision == "int8" for way in ways(Running(device="cpu"), compiled=False))


def test_a_model_that_answers_at_random_gets_no_recommendation() -> None:
    wrong = Trial(running=Running(), batch_size=1, seconds=1, agreement=0.4)
    with pytest.raises(ValueError, match="the explanation is another one each time"):
        best([wrong])


def test_the_first_way_must_run() -> None:
    with pytest.raises(ValueError, match="no half precision here"):
        tuned(clip(), load, [Running(precision="float16")], method=METHOD, batch_sizes=(1,))


def test_agreement_is_spearmans() -> None:
    from scipy.stats import spearmanr

    found = vx.explain(clip(), load(Running()), method=METHOD, progress=False)
    scores = found.attribution.scores

    def scored(values: Tensor) -> Explanation:
        return replace(found, attribution=replace(found.attribution, scores=values))

    other = scores + 0.3 * torch.rand(8, generator=torch.Generator().manual_seed(1)).double()
    expected = spearmanr(scores, other).statistic
    assert agreement(found, scored(other)) == pytest.approx(expected)
    flat = torch.ones(8, dtype=torch.float64)
    assert agreement(scored(flat), scored(flat)) == 1
    assert agreement(found, scored(flat)) == 0


def test_a_gpu_is_tried_with_what_fits_its_memory() -> None:
    here = load(Running())
    assert isinstance(here, Model)
    assert sizes(here, clip()) == (4, 1, 2, 8)
    there = replace(here, device=torch.device("cuda"))
    assert sizes(there, clip()) == (128, 64, 32, 8)
    assert sizes(replace(there, batch_bytes=2 * clip().frames.nbytes), clip()) == (2, 1)


@pytest.mark.parametrize(("at_least", "expected"), [(8, 36), (128, 144), (10_000, 256)])
def test_a_trial_fills_its_batches(at_least: int, expected: int) -> None:
    method = asking(clip(), at_least)
    assert method.segmentation(clip()).n_features == expected
