"""Postroom measured against its yardsticks, side by side in one run. See README.md; `python -m bench` runs it."""
