"""Fine-tuning of video classifiers with cross-validation, as in the paper (arXiv 2401.11796)."""

from vexplain.training.augmentation import Augmentation
from vexplain.training.config import Config, configured, read_config
from vexplain.training.folds import Fold, folds_of
from vexplain.training.measures import Epoch
from vexplain.training.processes import is_first_process
from vexplain.training.results import FoldResult, Results
from vexplain.training.running import train
from vexplain.training.trainable import Trainable, trainable

__all__ = [
    "Augmentation",
    "Config",
    "Epoch",
    "Fold",
    "FoldResult",
    "Results",
    "Trainable",
    "configured",
    "folds_of",
    "is_first_process",
    "read_config",
    "train",
    "trainable",
]
