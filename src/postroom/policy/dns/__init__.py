"""What the DNS says about a domain's mail, as pure decisions: SPF, DKIM, DMARC, MX.

Whatever needs answers is a generator: it yields a `Question` and is sent its `Answer`, one after the other, so it can
be run over sockets, over a table, or over nonsense. `probe.dns` runs them over `wire.dns`.
"""
