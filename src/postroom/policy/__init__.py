"""The decisions, and nothing but decisions: what an answer means, when to try again, how fast, and which way mail goes.

Everything here is pure: time and chance are arguments, settings come as a `Snapshot`, answers as `Result`s, and no
decision reads a socket, a database or a clock.
"""
