"""The benchmarks stand beside the package and are not installed. Their path goes last, as the package is there too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
