"""One attempt: from a job in hand through a courier to what is to be written down about it."""
