"""The version of the package; a release is tagged vVERSION."""

__version__ = "0.2.0"
