"""Commands that talk to a running sandbox: its health, its clock, simulated actions, faults and the reset."""
