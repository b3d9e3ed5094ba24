import pytest
import torch

from vexplain.behavior import Logit, LogOdds, Loss, Margin, Probability
from vexplain.core import Behavior, ClassScores

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [-3.0, 4.0, 1.0]], dtype=torch.float64)
ALL: list[Behavior] = [Probability(), Logit(), LogOdds(), Margin(), Margin("b"), Loss()]


def answers(kind: str) -> ClassScores:
    values = {"logits": LOGITS, "softmax": LOGITS.softmax(1), "sigmoid": LOGITS.sigmoid()}[kind]
    return ClassScores(values, kind, ("a", "b", "c"))  # type: ignore[arg-type]


@pytest.mark.parametrize("behavior", [Probability(), LogOdds(), Margin(), Margin(2), Loss()])
def test_logits_and_their_softmax_say_the_same(behavior: Behavior) -> None:
    from_logits, from_softmax = behavior(answers("logits"), 0), behavior(answers("softmax"), 0)
    torch.testing.assert_close(from_logits, from_softmax)


@pytest.mark.parametrize("behavior", ALL, ids=repr)
@pytest.mark.parametrize("kind", ["logits", "softmax", "sigmoid"])
def test_more_for_the_target_is_higher(behavior: Behavior, kind: str) -> None:
    values = behavior(answers(kind), 0)
    assert values.shape == (3,)
    assert values[0] > values[1] > values[2]


def test_closed_forms() -> None:
    p = LOGITS.softmax(1)
    assert torch.equal(Probability()(answers("softmax"), 1), p[:, 1])
    torch.testing.assert_close(LogOdds()(answers("logits"), 0), (p[:, 0] / (1 - p[:, 0])).log())
    torch.testing.assert_close(Logit()(answers("sigmoid"), 2), LOGITS[:, 2])
    torch.testing.assert_close(Logit()(answers("logits"), 2), LOGITS[:, 2])
    torch.testing.assert_close(Loss()(answers("logits"), 0), p[:, 0].log())
    best_other = torch.maximum(p[:, 1], p[:, 2])
    torch.testing.assert_close(Margin()(answers("logits"), 0), p[:, 0] - best_other)
    torch.testing.assert_close(Margin("c")(answers("logits"), 0), p[:, 0] - p[:, 2])


def test_saturated_probabilities_stay_finite() -> None:
    certain = ClassScores(torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double(), "softmax")
    for behavior in (Logit(), LogOdds(), Loss()):
        assert bool(behavior(certain, 0).isfinite().all())


def test_a_rival_must_exist_and_differ() -> None:
    with pytest.raises(ValueError, match="another class than the target"):
        Margin("a")(answers("logits"), 0)
    with pytest.raises(ValueError, match="no class is named"):
        Margin("zebra")(answers("logits"), 0)
    with pytest.raises(ValueError, match="at least two classes"):
        LogOdds()(ClassScores(torch.ones(2, 1).double(), "softmax"), 0)
