"""Errors that a user can mend: shown as one line, without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """It could not run; the text says why and what to do."""


class LostError(Exception):
    """An actor, a worker or a node died: all go back to the last checkpoint."""
