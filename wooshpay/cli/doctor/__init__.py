"""``wooshpay doctor``: whether calls can work from here, and what to change if not."""

from wooshpay.cli.doctor.command import command

__all__ = ["command"]
