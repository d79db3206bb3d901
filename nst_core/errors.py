"""Every error that NST Lab raises on purpose.

    NSTError
     +-- ConfigError         a setting, or a combination of settings, that cannot be used
     |    +-- LayerError     a layer that VGG-19, or these weights, do not have
     +-- ImageError          a picture or mask that cannot be read, used or written
     +-- WeightsError        network weights that cannot be found, fetched or trusted
     +-- DeviceError         a device that this machine does not have
     +-- DivergenceError     an optimisation that left the finite numbers
     +-- OutOfMemoryError    a size that does not fit into memory
     +-- CheckpointError     a checkpoint that does not belong to this run
     +-- StalePictureError   a picture asked of a step after the loop had gone on
     +-- StoreError          a data folder or database that cannot be used
     +-- ArchiveError        a ZIP of runs that cannot be read, trusted or made
     +-- RunError            a run that is not there, or not in a state for what was asked
          +-- QueueFullError      as many runs wait as may

A message says what was wrong, with the value, and what to do about it. Errors of other
libraries are turned into these where they arise, so that a caller needs only this tree.
"""


class NSTError(Exception):
    """The root: catch this to catch all of them."""


class ConfigError(NSTError, ValueError):
    """A setting is out of its range, unknown, or does not go with another."""


class LayerError(ConfigError):
    """A layer is not in VGG-19, or lies deeper than the weights at hand reach."""


class ImageError(NSTError, ValueError):
    """A picture or mask is missing, broken, too large, too small, or cannot be written."""


class WeightsError(NSTError):
    """Weights are missing, truncated, of wrong shapes, or fail their hash."""


class DeviceError(NSTError, ValueError):
    """The device asked for is not on this machine."""


class DivergenceError(NSTError):
    """The loss became infinite or not a number."""


class OutOfMemoryError(NSTError):
    """The pictures at this size do not fit into the device's memory."""


class CheckpointError(NSTError):
    """A checkpoint is broken, or was made with other settings, pictures or weights."""


class StalePictureError(NSTError):
    """A step's picture or checkpoint was asked for after the loop had gone on."""


class StoreError(NSTError):
    """The data folder or the database is missing, of another version, full or out of reach."""


class ArchiveError(NSTError, ValueError):
    """A ZIP of runs is broken, none of ours, too large, or of a newer version."""


class RunError(NSTError, ValueError):
    """A run is not there, or what was asked of it does not go with its state."""


class QueueFullError(RunError):
    """As many runs wait as may."""
