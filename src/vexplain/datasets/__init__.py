"""Clips with labels: readers of the field's datasets, and a synthetic set whose truth is known.

A dataset is a list of recordings. Each has a label, a group and, where it is known, the place of
the evidence; none is read before it is asked.
"""

from vexplain.datasets.checking import Report, check_dataset
from vexplain.datasets.opening import READERS, Reader, open_dataset
from vexplain.datasets.recordings import Dataset, Problem, Recording, VideoRecording
from vexplain.datasets.synthetic import ACTIONS, SyntheticRecording

__all__ = [
    "ACTIONS",
    "READERS",
    "Dataset",
    "Problem",
    "Reader",
    "Recording",
    "Report",
    "SyntheticRecording",
    "VideoRecording",
    "check_dataset",
    "open_dataset",
]
