"""The settings check: what is wrong, unwise or soon over, found by looking at all there is to see at one moment.

Each module looks at one kind of thing; `registry` has them all in one list. A look changes nothing and asks nobody but
the database and this machine, so it can be done at any time. What needs the network (proofs, DNS) is done elsewhere on
its own clock, written down, and only read here.
"""
