"""``wooshpay demo``: a payment from end to end, without key or network."""

from __future__ import annotations

from wooshpay.cli.demo.command import command

__all__ = ["command"]
