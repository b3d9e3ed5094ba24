"""Results: typed, printed, converted, and summed up over clips with intervals."""

import re
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
import scipy.stats

import vexplain as vx
from vexplain.evaluation import Better, Comparison, Evaluation, Interval, Measure, Score, compare

KINDS: tuple[tuple[str, Better], ...] = (("good [1]", "higher"), ("bad", "lower"))


def evaluation(
    clip: str, value: float | None, other: float | None, method: str = "m"
) -> Evaluation:
    note = "" if value is not None else "unreachable"
    scores = tuple(
        Score(Measure(name, value, better, note), {"random map": Measure(name, other, better)})
        for name, better in KINDS
    )
    return Evaluation(method, clip, clip, "target", "model", 0, scores, 3, 0.5)


VALUES = (0.3, 0.5, 0.1, 0.9, 0.4)


def test_means_and_intervals_are_scipys() -> None:
    found = compare([evaluation(str(i), v, 0.2) for i, v in enumerate(VALUES)], seed=4)
    line = found.lines[0]
    assert line.value.mean == pytest.approx(np.mean(VALUES))
    wanted = scipy.stats.bootstrap(
        (np.array(VALUES),),
        np.mean,
        method="percentile",
        random_state=np.random.default_rng(4),
    ).confidence_interval
    assert (line.value.low, line.value.high) == pytest.approx((wanted.low, wanted.high))
    assert line.gains["random map"].mean == pytest.approx(np.mean(VALUES) - 0.2)
    assert found.lines[1].gains["random map"].mean == pytest.approx(0.2 - np.mean(VALUES))
    assert (line.value.n_clips, line.n_undefined) == (5, 0)
    narrower = compare([evaluation(str(i), v, 0.2) for i, v in enumerate(VALUES)], confidence=0.5)
    assert (narrower.lines[0].value.high or 0) < (line.value.high or 0)


def test_undefined_numbers_are_left_out_of_means_and_counted() -> None:
    numbers = (("a", 0.2, 0.1), ("b", None, 0.3), ("c", 0.4, None))
    found = compare([evaluation(*three) for three in numbers])
    line = found.lines[0]
    assert line.value.mean == pytest.approx(0.3)
    assert (line.value.n_clips, line.n_undefined) == (2, 1)
    assert line.beside["random map"].mean == pytest.approx(0.2)
    assert line.gains["random map"].mean == pytest.approx(0.1)  # of the one clip that has both
    assert line.gains["random map"].low is None
    assert line.beside["random map"].n_clips == 2
    assert "undef." in str(found)
    nothing = compare([evaluation("a", None, None)]).lines[0]
    assert nothing.value == Interval(None, 0)
    assert nothing.n_undefined == 1


def test_a_clip_counts_once_however_many_explanations_it_has() -> None:
    found = compare([evaluation("a", 0.0, 0), evaluation("a", 1.0, 0), evaluation("b", 1.0, 0)])
    assert found.lines[0].value.mean == pytest.approx(0.75)
    assert found.lines[0].value.n_clips == 2


def test_methods_have_a_line_each_metric_by_metric() -> None:
    found = compare([evaluation("a", 0.1, 0), evaluation("a", 0.2, 0, "other")])
    assert [(line.metric, line.method) for line in found.lines] == [
        ("good [1]", "m"),
        ("good [1]", "other"),
        ("bad", "m"),
        ("bad", "other"),
    ]
    text = str(found)  # one clip: a column per method
    assert "One clip" in text
    assert "good [1] ↑" in text
    assert "bad ↓" in text


def test_models_have_lines_of_their_own() -> None:
    from dataclasses import replace

    one, other = evaluation("a", 0.1, 0), replace(evaluation("a", 0.9, 0), model="another")
    found = compare([one, other])
    assert [(line.model, line.value.mean) for line in found.lines[:2]] == [
        ("model", 0.1),
        ("another", 0.9),
    ]
    assert "m, another" in str(found)
    assert compare(one).lines == compare([one]).lines


def test_numbers_that_rest_on_fewer_clips_say_so() -> None:
    numbers = (("a", 0.2, 0.1), ("a", None, None), ("b", 0.4, None))
    found = compare([evaluation(*three) for three in numbers])
    line = found.lines[0]
    assert (line.value.n_clips, line.n_undefined) == (2, 1)
    assert line.beside["random map"].n_clips == 1
    assert "0.100 (of 1)" in str(found)
    assert re.search(r"\(of 1\) +2 +1", str(found))


def test_the_same_seed_gives_the_same_interval() -> None:
    many = [evaluation(str(i), i**0.5, 0.2) for i in range(30)]
    one, again, other = (
        compare(many, seed=seed, resamples=99).lines[0].value for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_equal_values_give_an_interval_without_width() -> None:
    found = compare([evaluation(str(i), 0.25, 0.5) for i in range(3)]).lines[0]
    assert (found.value.low, found.value.high) == (0.25, 0.25)


def test_what_makes_no_sense_is_refused(unchecked: None) -> None:
    with pytest.raises(ValueError, match="expected at least one, got none"):
        compare([])
    for wrong in ("95", None):
        with pytest.raises(ValueError, match="confidence: expected a finite number"):
            compare([evaluation("a", 0.1, 0)], confidence=cast(Any, wrong))
    for confidence in (0, 1, 2):
        with pytest.raises(ValueError, match="confidence: expected a level between 0 and 1"):
            compare([evaluation("a", 0.1, 0)], confidence=confidence)


def test_an_evaluation_prints_as_a_table_and_converts_to_pandas() -> None:
    one = evaluation("a", 0.12345, -0.00012)
    text = str(one)
    for word in ("m, target (a)", "good [1] ↑", "bad ↓", "0.123", "\N{MINUS SIGN}0.00012"):
        assert word in text
    frame = one.to_pandas()
    assert list(frame["metric"]) == ["good [1]", "bad"]
    assert list(frame["better"]) == ["higher", "lower"]
    assert frame["value"][0] == 0.12345
    assert frame["random map"][1] == -0.00012
    assert one["bad"].better == "lower"
    assert len(one) == 2
    with pytest.raises(KeyError, match="Did you mean bad"):
        one["bat"]
    undefined = evaluation("a", None, None)
    assert "unreachable" in str(undefined)
    assert undefined.to_pandas()["value"].isna().all()


def test_a_comparison_converts_to_pandas() -> None:
    found: Comparison = compare([evaluation(str(i), v, 0.2) for i, v in enumerate(VALUES)])
    frame = found.to_pandas()
    columns = ("metric", "better", "model", "method", "mean", "low", "high", "clips", "undefined")
    assert list(frame.columns[:9]) == [*columns]
    assert frame["gain over random map mean"][0] == pytest.approx(np.mean(VALUES) - 0.2)


def test_without_pandas_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pandas is not installed"):
        evaluation("a", 0.1, 0).to_pandas()


def test_importing_vexplain_stays_light() -> None:
    code = (
        "import sys, vexplain; vexplain.compare;"
        "assert not {'pandas', 'matplotlib.pyplot', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert vx.compare is compare
