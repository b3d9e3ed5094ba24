"""Explains what a video classifier saw, by removing parts of the clip."""

__version__ = "0.1.0"
