"""Every operation as a command: ``wooshpay payment-intents create --amount 1999 --currency USD``.

`sections` finds the commands, `operation` is one of them, `options` reads what was typed, `descriptions` writes the
help, `dry_run` shows a request without sending it, `output` prints what came back, `outcome` reports the
outcome of a call when that fails.
"""
