import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import vexplain as vx


def test_the_public_list_is_there_and_the_version_comes_from_one_place() -> None:
    for name in vx.__all__:
        assert getattr(vx, name) is not None
    assert set(vx.__all__) <= set(dir(vx))
    assert version("vexplain") == vx.__version__
    with pytest.raises(AttributeError, match="no attribute 'explane'"):
        _ = vx.explane


def test_importing_is_cheap_and_brings_no_heavy_library() -> None:
    code = (
        "import sys, vexplain, vexplain.cli\n"
        "heavy = {'torch', 'av', 'cv2', 'skimage', 'sklearn', 'matplotlib', 'onnxruntime'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


PEAK = """
import resource, sys, torch, vexplain as vx
torch.set_num_threads(1)
clip = vx.clip_from_array(torch.rand(16, 3, 112, 112, generator=torch.Generator().manual_seed(0)))
model = lambda clips: torch.stack([clips.mean((1, 2, 3, 4)), clips.amax((1, 2, 3, 4))], 1)
method = getattr(vx.methods, sys.argv[1])(n_samples=int(sys.argv[2]))
vx.explain(clip, model, method=method, progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(method: str, n_samples: int) -> int:
    """The most memory, in bytes, that a process of its own takes to explain a clip."""
    words = [sys.executable, "-W", "ignore", "-c", PEAK, method, str(n_samples)]
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(run.stdout) * 1024


def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    """1,000 more clips of this size would be 2.4 GB; their rows and answers may cost 64 MB."""
    assert peak("rise", 1200) - peak("rise", 200) < 64 << 20


@pytest.mark.slow
@pytest.mark.parametrize("method", ["rise", "lime", "kernel_shap"])
def test_memory_is_the_same_for_200_and_for_4000_samples(method: str) -> None:
    assert peak(method, 4000) - peak(method, 200) < 64 << 20


def test_no_machine_path_is_in_the_package() -> None:
    root = Path(vx.__file__).parent
    for file in root.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "/home/" not in text
        assert "/tmp/" not in text
