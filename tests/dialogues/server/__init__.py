"""Conversations with our server, told as text: what clients say, honest and hostile, and all it answers."""
