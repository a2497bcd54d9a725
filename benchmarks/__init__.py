"""Benchmarks: ``python -m benchmarks``. Figures of one run stand side by side; only their ratios mean much.

What a benchmark of goals is made of: `rounds` takes samples by turns, `canned` is the server, `peers` are those who
take part, `goals` measures in child processes, `report` and `plot` show what was found.
"""
