"""Brings the Markdown beside the code, and a page for each section of the API, into the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from sections import page_name, page_of, pages

ROOT = Path(__file__).parents[1]
BESIDE_THE_CODE = ("README.md", "CHANGELOG.md", "LICENSE", "wooshpay/**/README.md", "wooshpay/**/guides/*.md")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the sections into the navigation."""
    config.nav = _filled(config.nav)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files, each under its path in the repository, so that links mean the same here and there."""
    for pattern in BESIDE_THE_CODE:
        for path in sorted(ROOT.glob(pattern)):
            file = File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path))
            if file.src_uri == "LICENSE":
                file.dest_uri = "license.txt"
            files.append(file)
    for module in pages():
        files.append(File.generated(config, page_name(module), content=page_of(module)))
    return files


def _filled(nav: Any) -> Any:
    if nav == "<sections>":
        return [page_name(module) for module in pages()]
    if isinstance(nav, dict):
        return {title: _filled(entry) for title, entry in nav.items()}
    return [_filled(entry) for entry in nav] if isinstance(nav, list) else nav
