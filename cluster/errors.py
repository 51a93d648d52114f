"""Errors that a user can mend: shown as one line, without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """It could not run; the text says why and what to do."""
