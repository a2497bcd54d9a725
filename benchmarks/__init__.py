"""Benchmarks: ``python -m benchmarks sandbox``. Figures of one run stand side by side; only their ratios mean much."""
