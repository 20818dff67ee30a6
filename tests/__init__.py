"""Postroom's tests. Which folder holds what is told in `conftest.py`."""
