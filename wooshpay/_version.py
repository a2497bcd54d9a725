"""The version, written once: read here by the build and by the client's User-Agent."""

__version__ = "0.1.0"
