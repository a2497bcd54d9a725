"""Says what pip-audit knows of the installed packages. Fails for a known weakness, not for having no answer.

Reads pip-audit's JSON from standard input.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    text = sys.stdin.read()
    if not text.strip():
        print("pip-audit had no answer: the packages were not audited.")
        return 0
    packages = json.loads(text)["dependencies"]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    weak = [package for package in packages if package.get("vulns")]
    print(f"{len(packages) - len(unknown)} packages audited, {len(unknown)} unknown to the index that could be asked.")
    for package in weak:
        for weakness in package["vulns"]:
            fixed = ", ".join(weakness["fix_versions"]) or "no release yet"
            print(f"{package['name']} {package['version']}: {weakness['id']}, mended in {fixed}")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
