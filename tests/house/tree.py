"""The files the house rules are about."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "SOURCE", "committed", "functions", "modules"]

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "postroom"


def modules() -> list[Path]:
    """Every module of the product."""
    return sorted(SOURCE.rglob("*.py"))


def committed() -> list[Path]:
    """Every file that belongs to the project: those git knows, or without git all but what is made."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode == 0:
        return [ROOT / name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    made = {".venv", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.relative_to(ROOT).parts)]


def functions(module: Path) -> Iterator[tuple[str, int]]:
    """Name and length in lines of each function, its docstring not counted."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            docstring = node.body[0] if ast.get_docstring(node) else None
            words = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
            yield node.name, node.end_lineno - node.lineno + 1 - words
