"""Reads clips from video files, folders of pictures and arrays; writes mp4, webm and gif.

Frames are counted as they are decoded, never looked up by their time stamps: those of XviD files
are not monotonic, and what a container says about its number of frames is only a hint. Pixels are
taken as squares: a pixel aspect in the file is ignored. Everything is computed on the CPU.
"""

from vexplain.video.clips import (
    SourceFrame,
    clip_from_array,
    digest,
    frame_rate,
    read_clip,
    source_frames,
)
from vexplain.video.sampling import sample_indices
from vexplain.video.writing import write_video

__all__ = [
    "SourceFrame",
    "clip_from_array",
    "digest",
    "frame_rate",
    "read_clip",
    "sample_indices",
    "source_frames",
    "write_video",
]
