from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vexplain.core import ModelSpec
from vexplain.models import Running, as_classifier
from vexplain.models.running import as_device, channels_last, placed


class Tiny(nn.Module):
    """Convolution over space and time, mean, two linear layers: (N, T, 3, H, W) to (N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv3d(3, 8, 3, padding=1)
        self.head = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        self.seen: list[torch.Size] = []

    def forward(self, clips: Tensor) -> Tensor:
        self.seen.append(clips.shape)
        scores: Tensor = self.head(self.conv(clips.transpose(1, 2)).mean((2, 3, 4)))
        return scores


def clips(n: int = 3) -> Tensor:
    return torch.rand(n, 4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "int8"])
def test_lower_precision_is_near_float32_and_not_equal(precision: str) -> None:
    plain = as_classifier(Tiny())
    lower = as_classifier(Tiny(), running=Running(precision=precision))  # type: ignore[arg-type]
    with torch.inference_mode():
        exact, near = plain(clips()), lower(clips()).float()
    assert not torch.equal(exact, near)
    torch.testing.assert_close(near, exact, atol=0.02, rtol=0.02)
    assert lower.name == f"Tiny ({precision})"
    assert plain.name == "Tiny"


def test_int8_answers_do_not_depend_on_the_batch() -> None:
    model = as_classifier(Tiny(), running=Running(precision="int8"))
    together = model(clips() * torch.tensor([1.0, 10.0, 0.1]).reshape(3, 1, 1, 1, 1))
    alone = [model(clips()[i : i + 1] * (1.0, 10.0, 0.1)[i]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=1e-5)


class Alone(Tiny):
    """Takes a single clip (T, 3, H, W), and answers with a tuple."""

    def forward(self, clips: Tensor) -> Any:
        return super().forward(clips[None])[0], "features"


def test_a_model_of_single_clips_is_given_whole_clips_also_in_int8() -> None:
    spec = ModelSpec(batched=False)
    module = Alone()
    found = as_classifier(module, spec, Running(precision="int8"))(clips())
    torch.testing.assert_close(found, as_classifier(Tiny())(clips()), atol=0.02, rtol=0.02)


def test_a_compiled_module_may_answer_with_a_tuple(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pair(Tiny):
        def forward(self, clips: Tensor) -> Any:
            return super().forward(clips), "features"

    monkeypatch.setattr(torch, "compile", lambda module, dynamic: module)
    model = as_classifier(Pair(), running=Running(compiled=True))
    torch.testing.assert_close(model(clips(1)), as_classifier(Tiny())(clips(1)))


def test_int8_leaves_the_users_module_alone() -> None:
    module = Tiny()
    placed(module, Running(precision="int8"))
    assert type(module.head[0]) is nn.Linear


def test_channels_last_changes_the_layout_and_not_the_answers() -> None:
    module, plain = Tiny(), as_classifier(Tiny())
    model = as_classifier(module, running=Running(channels_last=True))
    assert module.conv.weight.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(model(clips()), plain(clips()))
    flat = nn.Conv2d(3, 4, 3)
    channels_last(flat)
    assert flat.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_compiled_module_sees_no_batch_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def compiled(module: nn.Module, *, dynamic: bool) -> nn.Module:
        asked.append(dynamic)
        return module

    monkeypatch.setattr(torch, "compile", compiled)
    module = Tiny()
    model = as_classifier(module, running=Running(compiled=True))
    torch.testing.assert_close(model(clips(1)), as_classifier(Tiny())(clips(1)))
    assert model(clips(3)).shape == (3, 4)
    assert [shape[0] for shape in module.seen] == [2, 3]
    assert asked == [True]
    assert model.name == "Tiny (compiled)"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_module_answers_the_same() -> None:
    model, plain = as_classifier(Tiny(), running=Running(compiled=True)), as_classifier(Tiny())
    with torch.inference_mode():
        for n in (1, 4, 3):
            torch.testing.assert_close(model(clips(n)), plain(clips(n)), atol=1e-5, rtol=1e-5)


def test_auto_is_the_fastest_device_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, expected in (
        (True, False, "cuda"),
        (False, True, "mps"),
        (False, False, "cpu"),
    ):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        assert as_device("auto").type == expected


def test_a_callable_stays_on_the_cpu_with_auto() -> None:
    model = as_classifier(lambda x: x.flatten(1)[:, :2], running=Running(device="auto"))
    assert model.device.type == "cpu"


def test_what_cannot_run_is_named(unchecked: None) -> None:
    with pytest.raises(ValueError, match="precision: expected one of auto, float32"):
        Running(precision="fp8")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="int8 runs on the CPU only, got device 'cuda'"):
        Running(precision="int8", device="cuda")
    with pytest.raises(ValueError, match="int8 is for linear layers, and this module has none"):
        placed(nn.Conv2d(3, 4, 1), Running(precision="int8"))
    with pytest.raises(ValueError, match="precision: int8 is for torch modules; expected one"):
        as_classifier(lambda x: x, ModelSpec(), Running(precision="int8"))
    for name in ("gpu", "meta"):
        with pytest.raises(ValueError, match="device: expected auto, cpu, or cuda or mps"):
            as_device(name)
    with pytest.raises(ValueError, match="channels_last: this model has no convolutions"):
        placed(nn.Linear(3, 4), Running(channels_last=True))
    with pytest.raises(ValueError, match="channels_last is for torch modules"):
        as_classifier(lambda x: x, ModelSpec(), Running(channels_last=True))
    placed_already = as_classifier(Tiny())
    with pytest.raises(ValueError, match="Tiny is placed already; say them where it is loaded"):
        as_classifier(placed_already, running=Running(precision="bfloat16"))
