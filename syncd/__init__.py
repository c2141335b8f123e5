"""syncd: a folder that is always safe, on storage that can read none of it."""

__version__ = "0.1.0"
