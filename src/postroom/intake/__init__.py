"""Taking a message in: check, route, compose, then everything in one transaction. What cannot be taken is refused
whole.
"""
