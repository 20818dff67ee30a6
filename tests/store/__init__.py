"""One suite, both databases."""
