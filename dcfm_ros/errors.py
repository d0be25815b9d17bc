"""The package's own exceptions: one line each, what was found, what was expected, what to do."""

from __future__ import annotations


class DcfmError(Exception):
    """Base of every error that a user can cause or repair."""


class SettingsError(DcfmError):
    """A setting has a wrong name, type or value."""


class CheckpointError(DcfmError):
    """A checkpoint is missing, damaged, unsafe or made for another network."""


class DeviceError(DcfmError):
    """The compute device asked for is absent or cannot do what was asked."""


class ImageError(DcfmError):
    """An image message cannot be read as an image."""


class BagError(DcfmError):
    """A rosbag or video cannot be read, or does not hold what was asked for."""


class EvaluationError(DcfmError):
    """An evaluation cannot be computed from the inputs given."""


class ResourceError(DcfmError):
    """A file that the package installs is not there."""


class GeometryError(DcfmError):
    """A camera cannot be placed in space: its calibration or its mount cannot be used."""


class TransformError(GeometryError):
    """There is no transform between two frames at a time.

    Attributes:
        target: the frame asked for.
        source: the frame that it was asked from.
        may_come: whether data that has not arrived yet could still give it.
    """

    def __init__(self, message: str, target: str, source: str, *, may_come: bool) -> None:
        super().__init__(message)
        self.target, self.source, self.may_come = target, source, may_come


class CostmapError(DcfmError):
    """A costmap cannot be computed from the classes, images or sizes given."""
