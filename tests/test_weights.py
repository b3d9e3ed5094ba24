"""Weights files: what is read, what is refused, and that nothing in a file ever runs."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vexplain.models import load_model
from vexplain.models.weights import load_weights, state_in

STRANGER = """
from pathlib import Path

Path({mark!r}).write_text("imported")

class Stranger:
    def __init__(self, *arguments):
        Path({mark!r}).write_text("made")
    def __setstate__(self, state):
        Path({mark!r}).write_text("filled")
    def __reduce__(self):
        return Stranger, (1, 2), {{"a": 3}}
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Path]:
    """A module whose import, and whose class, leave a mark."""
    mark = tmp_path / "mark"
    (tmp_path / "stranger.py").write_text(STRANGER.format(mark=str(mark)))
    monkeypatch.syspath_prepend(tmp_path)
    import stranger  # type: ignore[import-not-found]

    return stranger, mark


def forgotten(mark: Path) -> None:
    """Forget the module, as in a process that never saw it."""
    sys.modules.pop("stranger", None)
    mark.unlink(missing_ok=True)


def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return nn.Linear(3, 2).state_dict()


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value)


@pytest.mark.parametrize("wrapped", ["", "state_dict", "model_state_dict", "model_state"])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_of_both_formats_with_and_without_a_wrapping(
    tmp_path: Path, wrapped: str, zipped: bool
) -> None:
    content = {wrapped: weights(), "epoch": 3} if wrapped else weights()
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    assert_same(state_in(tmp_path / "w.pt"), weights())


def test_safetensors(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "w.safetensors")
    assert_same(state_in(tmp_path / "w.safetensors"), weights())


@pytest.mark.parametrize("allow_pickle", [False, True])
def test_nothing_of_a_checkpoints_metadata_is_imported_made_or_filled(
    tmp_path: Path, stranger: tuple[ModuleType, Path], allow_pickle: bool
) -> None:
    module, mark = stranger
    meta = {
        "accuracy": np.float64(76.25),
        "history": np.arange(4.0),
        "hooks": [module.Stranger()],
        "type": module.Stranger,
    }
    torch.save({"meta": meta, "state_dict": weights()}, tmp_path / "w.pth")
    forgotten(mark)
    assert_same(state_in(tmp_path / "w.pth", allow_pickle=allow_pickle), weights())
    assert not mark.exists()
    assert "stranger" not in sys.modules


class Shell:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("exit 3",)


def test_a_checkpoint_that_names_the_shell_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": weights(), "meta": Shell()}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="can't be read as weights only; convert it"):
        state_in(tmp_path / "w.pth")


def test_a_pickled_module_is_read_only_where_pickle_is_allowed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(nn.Linear(3, 2), tmp_path / "module.pt")
    with pytest.raises(ValueError, match="no named tensors that can be read as weights only"):
        state_in(tmp_path / "module.pt")
    assert_same(state_in(tmp_path / "module.pt", allow_pickle=True), weights())


def test_a_pickle_that_fails_says_so(tmp_path: Path, stranger: tuple[ModuleType, Path]) -> None:
    module, mark = stranger
    torch.save(module.Stranger(), tmp_path / "w.pt")
    forgotten(mark)
    (tmp_path / "stranger.py").unlink()
    with pytest.raises(ValueError, match=r"w\.pt can't be unpickled \(ModuleNotFoundError: No mod"):
        state_in(tmp_path / "w.pt", allow_pickle=True)


def test_what_is_no_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        state_in(tmp_path / "gone.pt")
    torch.save(weights(), tmp_path / "w.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "w.pt").read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cut\.pt is cut off; get it again"):
        state_in(tmp_path / "cut.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.pt is no torch file, by its first bytes"):
        state_in(tmp_path / "text.pt")
    save_file(weights(), tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        state_in(tmp_path / "cut.safetensors")
    torch.save({"a": 3}, tmp_path / "numbers.pt")
    with pytest.raises(ValueError, match=r"read as weights only: a is no tensor. Keep"):
        state_in(tmp_path / "numbers.pt")
    others: list[object] = [{}, [torch.zeros(1)]]
    for content in others:
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(ValueError, match="holds no named tensors"):
            state_in(tmp_path / "other.pt")


class Wrapper(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def test_the_prefix_of_parallel_training_is_taken_off_where_it_is_one(tmp_path: Path) -> None:
    wrapper = Wrapper(nn.Linear(3, 2))
    torch.save(wrapper.state_dict(), tmp_path / "w.pt")
    module = nn.Linear(3, 2)
    load_weights(module, tmp_path / "w.pt")
    assert torch.equal(module.weight, wrapper.get_parameter("module.weight"))
    other = Wrapper(nn.Linear(3, 2))
    load_weights(other, tmp_path / "w.pt")
    assert torch.equal(module.weight, other.get_parameter("module.weight"))


def test_a_file_that_does_not_fit_is_told_in_one_short_sentence(tmp_path: Path) -> None:
    torch.save(
        {f"weight of a layer with number {i}": torch.zeros(1) for i in range(99)}, tmp_path / "w.pt"
    )
    with pytest.raises(ValueError, match=r"doesn't fit Linear: Missing key\(s\)") as raised:
        load_weights(nn.Linear(3, 2), tmp_path / "w.pt")
    assert len(str(raised.value).replace(str(tmp_path), "")) < 500


def test_a_factorys_weights_may_be_a_pickle_where_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n"
        "def make():\n    return nn.Sequential(nn.Flatten(), nn.Linear(12, 2))\n"
    )
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    torch.save(module, tmp_path / "net.pt")
    (tmp_path / "net.yaml").write_text("model: python:net.py:make\nweights: net.pt\n")
    with pytest.raises(ValueError, match="weights"):
        load_model(tmp_path / "net.yaml")
    clip = torch.rand(1, 1, 3, 2, 2)
    model = load_model(tmp_path / "net.yaml", allow_pickle=True)
    torch.testing.assert_close(model(clip), module(clip))
