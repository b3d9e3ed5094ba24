"""Files that torch saves whole: what they are, what they run, and what they tell."""

import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import vexplain as vx
from vexplain.core import ClipSpec, VideoClip
from vexplain.methods import loco
from vexplain.models import Model, load_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.(trace(_method)?|script)` is deprecated:DeprecationWarning"
)


class Network(nn.Module):
    """A convolution over space and time, the mean, and three classes, of (N, C, T, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(3, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, clips: Tensor) -> Tensor:
        scores: Tensor = self.head(self.convolution(clips).relu().mean((2, 3, 4)))
        return scores


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code from a stranger ran",))


def network() -> nn.Module:
    torch.manual_seed(0)
    return Network().eval()


def clips(n: int = 2) -> Tensor:
    return torch.rand(n, 4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def traced(file: Path) -> Path:
    torch.jit.trace(network(), clips().transpose(1, 2)).save(file)  # type: ignore[no-untyped-call]
    return file


def program(file: Path, module: nn.Module, example: Tensor, *, open_batch: bool = True) -> Path:
    shapes = ({0: torch.export.Dim("n", min=1)},) if open_batch else None
    with file.open("wb") as content:
        torch.export.save(torch.export.export(module, (example,), dynamic_shapes=shapes), content)
    return file


def described(file: Path) -> Path:
    yaml = file.with_suffix(".yaml")
    yaml.write_text(f"model: torch:{file.name}\nlayout: CTHW\nclip: {{frames: 4, size: 8}}\n")
    return yaml


@pytest.mark.parametrize("kind", ["torchscript", "module", "program"])
def test_every_kind_of_file_gives_the_answers_of_the_network(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "model.bin"  # the suffix says nothing
    if kind == "torchscript":
        traced(file)
    elif kind == "module":
        torch.save(network(), file)
    else:
        program(file, network(), clips().transpose(1, 2))
    model = load_model(described(file), allow_pickle=True, device="cpu")
    assert isinstance(model, Model)
    assert model.name == "model.bin"
    assert model.spec.clip is not None
    assert model.spec.clip.frames == 4
    torch.testing.assert_close(model(clips(3)), network()(clips(3).transpose(1, 2)))


@pytest.mark.parametrize("kind", ["torchscript", "program"])
def test_a_file_is_explained_from_end_to_end(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "model.pt"
    if kind == "torchscript":
        traced(file)
    else:
        program(file, network(), clips(1).transpose(1, 2), open_batch=False)
    model = load_model(described(file), allow_pickle=True)
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=2, h=2, w=2))
    clip = VideoClip(clips(1)[0], torch.arange(4) / 25)
    result = vx.explain(clip, model, method=method, target=1, progress=False)
    assert result.attribution.map.shape == (4, 8, 8)
    assert float(result.attribution.scores.abs().max()) > 0
    expected = network()(clips(1).transpose(1, 2))[0]
    torch.testing.assert_close(result.ledger.full.float(), expected)


def test_the_shape_of_a_programs_input_tells_the_spec(tmp_path: Path) -> None:
    example = clips().transpose(1, 2)
    model = load_model(program(tmp_path / "m.pt2", network(), example), allow_pickle=True)
    assert isinstance(model, Model)
    assert model.spec.layout == "CTHW"
    assert model.spec.clip == ClipSpec(frames=4, size=(8, 8))
    assert model.spec.batched
    one = program(tmp_path / "one.pt2", network(), example[:1], open_batch=False)
    model = load_model(one, allow_pickle=True)
    torch.testing.assert_close(model(clips(3)), network()(clips(3).transpose(1, 2)))
    with pytest.raises(ValueError, match="clip: the program was exported for another shape"):
        model(clips()[:, :3])
    two = program(tmp_path / "two.pt2", network(), example, open_batch=False)
    with pytest.raises(ValueError, match="for batches of exactly 2 clips"):
        load_model(two, allow_pickle=True)


class Unbatched(nn.Module):
    def forward(self, clip: Tensor) -> Tensor:
        return clip.mean((1, 2, 3))


class TwoPathways(nn.Module):
    def forward(self, pathways: list[Tensor]) -> Tensor:
        return torch.stack([one.flatten(1).mean(1) for one in pathways], 1)


class Wholes(nn.Module):
    def forward(self, clips: Tensor) -> Tensor:
        return clips.double().flatten(1)


def test_programs_without_a_batch_and_with_two_pathways(tmp_path: Path) -> None:
    alone = program(tmp_path / "m.pt2", Unbatched(), clips()[0].transpose(0, 1), open_batch=False)
    (tmp_path / "m.yaml").write_text("model: torch:m.pt2\nlayout: CTHW\n")
    model = load_model(alone, allow_pickle=True)
    torch.testing.assert_close(model(clips()), clips().mean((1, 3, 4)))
    batch = torch.export.Dim("n", min=1)
    both = torch.export.export(
        TwoPathways(), ([clips()[:, :1], clips()],), dynamic_shapes=([{0: batch}, {0: batch}],)
    )
    torch.export.save(both, tmp_path / "two.pt2")
    with pytest.raises(ValueError, match=r"expected one input of float32, .* got torch.float32, t"):
        load_model(tmp_path / "two.pt2", allow_pickle=True)
    (tmp_path / "two.yaml").write_text("model: torch:two.pt2\npathways: [4, 1]\n")
    scores = load_model(tmp_path / "two.yaml", allow_pickle=True)(clips(3))
    expected = [clips(3)[:, 0].flatten(1).mean(1), clips(3).flatten(1).mean(1)]
    torch.testing.assert_close(scores, torch.stack(expected, 1))


def test_what_would_run_code_is_opened_only_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tmp_path / "new.pt", tmp_path / "old.pt"):
        zipped = file.stem == "new"
        torch.save({"x": Evil()}, file, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match="is a pickle, which runs code of its own when loaded"):
            load_model(f"torch:{file}")
    exported = program(tmp_path / "m.pt2", network(), clips().transpose(1, 2))
    torch.save(Evil(), tmp_path / "inputs")
    exchange(exported, "sample_inputs/model.pt", (tmp_path / "inputs").read_bytes())
    with pytest.raises(ValueError, match=r"an exported program, which runs code .*--allow-pickle"):
        load_model(exported)
    assert "ran" not in capsys.readouterr().out
    with pytest.raises(ValueError, match="can't be opened"):
        load_model(exported, allow_pickle=True)
    assert "ran" in capsys.readouterr().out  # what the refusal is there for


class Writing(nn.Module):
    """Writes its clips into a file, and answers."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, clips: Tensor) -> Tensor:
        torch.save(clips, self.path)
        return clips.mean((1, 3, 4))


def scripted(file: Path, module: nn.Module) -> Path:
    torch.jit.script(module).save(file)  # type: ignore[no-untyped-call]
    return file


def test_torchscript_that_writes_files_is_opened_only_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    written = tmp_path / "written.pt"
    file = scripted(tmp_path / "m.pt", Writing(str(written)))
    with pytest.raises(
        ValueError,
        match=r"is a TorchScript archive, which can write files .*allow_pickle=True "
        r"\(--allow-pickle\), or use ONNX, or weights \(safetensors\) with python:\.",
    ):
        load_model(f"torch:{file}")
    assert not written.exists()
    model = load_model(f"torch:{file}", allow_pickle=True)
    torch.testing.assert_close(model(clips()), clips().mean((1, 3, 4)))
    assert written.exists()  # what the refusal is there for


class Greedy(nn.Module):
    """Takes petabytes, but refuses clips of two channels."""

    def forward(self, clips: Tensor) -> Tensor:
        if clips.shape[2] == 2:
            raise ValueError("I want colours.")
        return torch.zeros(1_000_000_000, 1_000_000)


def test_errors_of_torchscript_are_told_in_one_line(tmp_path: Path) -> None:
    model = load_model(described(traced(tmp_path / "m.pt")), allow_pickle=True)
    with pytest.raises(
        ValueError,
        match=r"TorchScript module failed \(RuntimeError: .*to have 3 channels, but got 1.*\)\. "
        "Check frames, size and layout in its spec",
    ) as error:
        model(clips()[:, :, :1])
    assert "\n" not in str(error.value)
    greedy = load_model(f"torch:{scripted(tmp_path / 'g.pt', Greedy())}", allow_pickle=True)
    with pytest.raises(ValueError, match=r"\(builtins.ValueError: I want colours\.\)\. Check"):
        greedy(clips()[:, :, :2])
    with pytest.raises(RuntimeError, match="allocate memory"):
        greedy(clips())


@pytest.mark.parametrize("kind", ["torchscript", "module", "program"])
def test_what_a_file_brings_itself_is_not_taken(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "model.bin"
    if kind == "torchscript":
        traced(file)
    elif kind == "module":
        torch.save(network(), file)
    else:
        program(file, network(), clips().transpose(1, 2))
    (tmp_path / "w.yaml").write_text("model: torch:model.bin\nweights: weights.pt\n")
    with pytest.raises(ValueError, match=r"weights: .*model\.bin holds its own; leave it out\."):
        load_model(tmp_path / "w.yaml", allow_pickle=True)
    (tmp_path / "a.yaml").write_text("model: torch:model.bin\narguments: {width: 8}\n")
    with pytest.raises(ValueError, match=r"arguments: .*model\.bin holds a network that is built"):
        load_model(tmp_path / "a.yaml", allow_pickle=True)


def exchange(file: Path, ending: str, content: bytes) -> None:
    """Put other content into the one entry of an archive whose name ends so."""
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert sum(name.endswith(ending) for name in held) == 1
    with zipfile.ZipFile(file, "w") as archive:
        for name, old in held.items():
            archive.writestr(name, content if name.endswith(ending) else old)


@pytest.mark.parametrize("entry", ["/data.pkl", "/constants.pkl"])
def test_a_pickle_inside_torchscript_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: str
) -> None:
    file = traced(tmp_path / "m.pt")
    exchange(file, entry, pickle.dumps(Evil(), protocol=2))
    with pytest.raises(ValueError, match="can't be opened"):
        load_model(f"torch:{file}", allow_pickle=True)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_alone_are_told_from_a_network(tmp_path: Path, zipped: bool) -> None:
    file = tmp_path / "weights.pt"
    torch.save(network().state_dict(), file, _use_new_zipfile_serialization=zipped)
    for allowed in (False, True):
        with pytest.raises(ValueError, match=r"holds weights without a network.*torchvision:NAME@"):
            load_model(f"torch:{file}", allow_pickle=allowed)
    torch.save(torch.zeros(3), file)
    with pytest.raises(ValueError, match="holds a Tensor without a network"):
        load_model(f"torch:{file}")


def test_damaged_and_foreign_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    whole = traced(tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[:2000])
    (tmp_path / "text.pt").write_text("no network")
    (tmp_path / "empty.pt").write_bytes(b"")
    start = whole.index(b"__torch__", whole.index(b"data.pkl"))
    (tmp_path / "bad.pt").write_bytes(whole[:start] + b"\x00" * 40 + whole[start + 40 :])
    (tmp_path / "old.pt").write_bytes(b"\x80\x02nonsense")
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for name, message in (
        ("cut", r"cut\.pt is cut off"),
        ("text", "is not a file that torch saved"),
        ("empty", "is not a file that torch saved"),
        ("bad", r"can't be opened \(RuntimeError: "),
        ("old", r"can't be opened \(\w+: "),
        ("other", "is a zip file, but neither TorchScript"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            load_model(f"torch:{tmp_path / name}.pt", allow_pickle=True)
        assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_model(f"torch:{tmp_path / 'gone.pt'}")


def test_what_cannot_run_as_asked_is_said(tmp_path: Path) -> None:
    file = traced(tmp_path / "m.pt")
    with pytest.raises(ValueError, match="compiled: TorchScript is compiled already"):
        load_model(f"torch:{file}", allow_pickle=True, compiled=True)
    with pytest.raises(ValueError, match="int8 can't be brought into TorchScript"):
        load_model(f"torch:{file}", allow_pickle=True, precision="int8")
    half = load_model(described(file), allow_pickle=True, precision="bfloat16")
    assert half(clips()).dtype == torch.bfloat16
    file = program(tmp_path / "p.pt2", network(), clips().transpose(1, 2))
    with pytest.raises(ValueError, match="precision: a program runs as it was exported, not bfl"):
        load_model(file, allow_pickle=True, precision="bfloat16")
    for fixed in (f"torch:{tmp_path / 'm.pt'}", str(file)):
        with pytest.raises(ValueError, match="channels_last: the file fixes how convolutions run"):
            load_model(fixed, allow_pickle=True, channels_last=True)
    wholes = program(tmp_path / "w.pt2", Wholes(), torch.zeros(2, 4, 3, 8, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"expected one input of float32, .* got torch.int64"):
        load_model(wholes, allow_pickle=True)
