"""The tester's side of the sandbox: its clock, faults, acts and logs, over HTTP under ``/sandbox`` and in Python."""
