"""``wooshpay export``: a section's objects as a file, in one go or in several."""

from __future__ import annotations

from wooshpay.cli.export.command import command

__all__ = ["command"]
