"""What is wrong with a command line or a settings file."""

from __future__ import annotations

from r2u_rec.errors import R2UError


class UsageError(R2UError, ValueError):
    """The command line or a settings file cannot be understood; the program exits with status 2."""
