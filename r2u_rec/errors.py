"""The exceptions a caller may want to tell apart. Everything else is a ValueError or a TypeError."""

from __future__ import annotations


class R2UError(Exception):
    """Root of the package's own exceptions."""


class DataError(R2UError, ValueError):
    """Input data cannot be used; the message lists the first offending rows and how many there are."""


class UnknownRecordError(R2UError, KeyError):
    """Record ids were named that are not there (never were, or are already forgotten)."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0]) if self.args else ""


class SettingsError(R2UError, ValueError):
    """A setting, or a combination of settings, is refused; the message names the remedy."""


class DivergenceError(R2UError, ArithmeticError):
    """A loss is not finite; the message names the step and the term."""


class CapabilityError(R2UError, TypeError):
    """A method needs something of a model or task that it does not offer."""


class EvidenceError(R2UError, RuntimeError):
    """A number about forgetting cannot be supported: a reference is missing or the self-test failed."""


class DownloadError(R2UError, RuntimeError):
    """Data could not be had from any source, or what came was not what the card promises."""
