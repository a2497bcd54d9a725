"""``wooshpay report``: what was taken, what was refused and what was given back, as pictures."""

from __future__ import annotations

from wooshpay.cli.report.command import command

__all__ = ["command"]
