"""How good is an explanation: curves, minimal keeps, drops, fidelity, localisation, stability.

Pure functions first (``curves``, ``localisation``, ``concentration``, ``rank_correlation`` …); a
metric is a frozen dataclass around them that says what the model is to be asked, and in which
direction its number is better. ``evaluate`` asks everything in one go.
"""

from vexplain.evaluation.case import Ask, Asking, Bench, Better, Case, Measure, Metric
from vexplain.evaluation.comparison import Comparison, Interval, Line, compare
from vexplain.evaluation.concentration import Entropy, Sparseness, entropy, gini
from vexplain.evaluation.curves import Curve, block_ends, mean_curve, nearest_ends
from vexplain.evaluation.drawing import curve_figure, has_curve, save_curves
from vexplain.evaluation.drops import AverageDrop, FillReliability, IncreaseInConfidence
from vexplain.evaluation.fidelity import Infidelity, SensitivityN, correlation, infidelity
from vexplain.evaluation.games import (
    PUBLISHED_LEVELS,
    Deletion,
    Insertion,
    MinimalKeeps,
    SymmetricGain,
)
from vexplain.evaluation.localisation import (
    BestIoU,
    EnergyInside,
    IoU,
    PointingGame,
    TemporalIoU,
    best_threshold,
    energy_inside,
    iou_at_best_threshold,
    iou_at_threshold,
    pointing_game,
    pointing_game_by_frame,
    temporal_iou,
)
from vexplain.evaluation.orders import (
    ColumnWise,
    FrameWise,
    Order,
    Ranked,
    RegionWise,
    Stops,
    VoxelWise,
    stops_by_value,
)
from vexplain.evaluation.results import Evaluation, Score, Stopped
from vexplain.evaluation.run import USUAL, WITH_TRUTH, evaluate
from vexplain.evaluation.stability import (
    BudgetStability,
    InputStability,
    ModelRandomisation,
    SeedStability,
    rank_correlation,
)
from vexplain.evaluation.subjects import Subject
from vexplain.truth import (
    read_truth,
    truth_from_boxes,
    truth_from_tracks,
    truth_from_volume,
)

__all__ = [
    "PUBLISHED_LEVELS",
    "USUAL",
    "WITH_TRUTH",
    "Ask",
    "Asking",
    "AverageDrop",
    "Bench",
    "BestIoU",
    "Better",
    "BudgetStability",
    "Case",
    "ColumnWise",
    "Comparison",
    "Curve",
    "Deletion",
    "EnergyInside",
    "Entropy",
    "Evaluation",
    "FillReliability",
    "FrameWise",
    "IncreaseInConfidence",
    "Infidelity",
    "InputStability",
    "Insertion",
    "Interval",
    "IoU",
    "Line",
    "Measure",
    "Metric",
    "MinimalKeeps",
    "ModelRandomisation",
    "Order",
    "PointingGame",
    "Ranked",
    "RegionWise",
    "Score",
    "SeedStability",
    "SensitivityN",
    "Sparseness",
    "Stopped",
    "Stops",
    "Subject",
    "SymmetricGain",
    "TemporalIoU",
    "VoxelWise",
    "best_threshold",
    "block_ends",
    "compare",
    "correlation",
    "curve_figure",
    "energy_inside",
    "entropy",
    "evaluate",
    "gini",
    "has_curve",
    "infidelity",
    "iou_at_best_threshold",
    "iou_at_threshold",
    "mean_curve",
    "nearest_ends",
    "pointing_game",
    "pointing_game_by_frame",
    "rank_correlation",
    "read_truth",
    "save_curves",
    "stops_by_value",
    "temporal_iou",
    "truth_from_boxes",
    "truth_from_tracks",
    "truth_from_volume",
]
