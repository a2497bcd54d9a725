"""Fuzzing: what is tried (`targets`), what it is tried with (`mutations`), and by whom (`engines`)."""
