"""Errors of what a user set up, and can mend."""

from __future__ import annotations


class ConfigurationError(Exception):
    """A file that the configuration names can't be used as a whole: one line says which, why and what to do."""


class PositionError(ConfigurationError):
    """A saved position in a source from which this program can't read on."""
