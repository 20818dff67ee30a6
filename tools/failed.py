"""Which tests failed in the last run: `python tools/failed.py --at-most 5` names them and says by its exit code whether
they are so few. None at all is no: such a run failed of something else, which no second try explains away.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

_KEPT = Path(__file__).resolve().parent.parent / ".pytest_cache" / "v" / "cache" / "lastfailed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-most", type=int, required=True, metavar="N", help="more than these are no accident")
    most: int = parser.parse_args().at_most
    failed = sorted(json.loads(_KEPT.read_text())) if _KEPT.exists() else []
    for one in failed:
        print(f"FAILED {one}")
    return 0 if 1 <= len(failed) <= most else 1


if __name__ == "__main__":
    sys.exit(main())
