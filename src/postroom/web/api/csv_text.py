"""CSV that a spreadsheet can open without harm (RFC 4180): what would be a formula there gets an apostrophe before."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

__all__ = ["csv_line"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Iterable[str]) -> str:
    """One line, with its end."""
    line = io.StringIO()
    csv.writer(line).writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
    return line.getvalue()
