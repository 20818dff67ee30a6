"""Every point where a test may kill the process is really reached by the code, and under no other name."""

from __future__ import annotations

import re

from postroom.failpoints import POINTS
from tests.house.tree import SOURCE, modules


def test_points_and_code_name_the_same() -> None:
    texts = [path.read_text() for path in modules() if path != SOURCE / "failpoints.py"]
    reached = {name for text in texts for name in re.findall(r"\breach\(\s*\"([^\"]+)\"", text)}
    assert reached == set(POINTS)
