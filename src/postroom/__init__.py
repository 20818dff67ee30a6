"""Postroom: the outgoing-mail department of business applications."""

__all__ = ["__version__"]

__version__ = "0.1.0"
