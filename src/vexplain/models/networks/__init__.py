"""The paper's three networks in plain PyTorch: TimeSformer, TANet and TPN.

Each is a small module that takes normalised clips (N, T, 3, H, W) and returns logits (N, K), and
has a frozen configuration, ``TANet(TANetConfig.small(n_classes=8, frames=16))``. A checkpoint of
MMAction2 becomes one by renaming its keys; nothing of MMAction2 has to be installed.
"""

from vexplain.models.networks.opening import NETWORKS, load, opened, save
from vexplain.models.networks.tanet import TANet, TANetConfig
from vexplain.models.networks.timesformer import TimeSformer, TimeSformerConfig
from vexplain.models.networks.tpn import TPN, TPNConfig

__all__ = [
    "NETWORKS",
    "TPN",
    "TANet",
    "TANetConfig",
    "TPNConfig",
    "TimeSformer",
    "TimeSformerConfig",
    "load",
    "opened",
    "save",
]
