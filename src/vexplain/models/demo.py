"""The small network of ``vexplain demo``: it says what the ball in a synthetic clip does."""

from importlib.resources import files

from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor, nn

WEIGHTS = "demo.safetensors"


def _conv(
    n_in: int, n_out: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> nn.Sequential:
    """Return convolution, batch norm and ReLU; kernel and stride are (T, H, W)."""
    time, height, width = kernel
    pad = (time // 2, height // 2, width // 2)
    convolution = nn.Conv3d(n_in, n_out, kernel, stride, pad, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(n_out), nn.ReLU(inplace=True))


class DemoNetwork(nn.Module):
    """Two convolutions over space, then three over space and time, and their mean.

    It takes clips (N, T, 3, H, W), RGB in [0, 1], and normalises them itself; trained on
    16 × 64 × 64. It returns logits (N, K). In evaluation mode a clip's answer does not depend
    on the other clips of its batch.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _conv(3, 16, (1, 7, 7), (1, 4, 4)),
            _conv(16, 32, (1, 3, 3), (1, 1, 1)),
            _conv(32, 48, (3, 3, 3), (1, 2, 2)),
            _conv(48, 64, (3, 3, 3), (2, 1, 1)),
            _conv(64, 96, (3, 3, 3), (2, 2, 2)),
        )
        self.head = nn.Linear(96, n_classes)

    def forward(self, clips: Float[Tensor, "N T 3 H W"]) -> Float[Tensor, "N K"]:
        """Return one logit per class."""
        centred = (clips.transpose(1, 2) - 0.45) / 0.25
        pooled = self.features(centred).mean(dim=(2, 3, 4))
        logits: Tensor = self.head(pooled)
        return logits


def demo_network(n_classes: int) -> DemoNetwork:
    """Return the network with fresh weights.

    Raises:
        ValueError: On fewer than two classes.
    """
    if n_classes < 2:
        raise ValueError(f"n_classes: expected at least 2, got {n_classes}.")
    return DemoNetwork(n_classes)


def load_demo_network() -> DemoNetwork:
    """Return the network with the bundled weights, in evaluation mode."""
    weights = load((files("vexplain") / "assets" / WEIGHTS).read_bytes())
    network = demo_network(len(weights["head.bias"]))
    network.load_state_dict(weights)
    return network.eval()
