"""The way of a request: who may ask, what is asked, faults, idempotency keys, the log."""
