"""Real counterparts for the tests and benchmarks: servers, databases, certificates, a proxy, the recording sink.

Every class here runs without pytest (`with Sink.start(folder) as sink: ...`), binds 127.0.0.1 on a port of its own,
keeps its files in the folder it is given, stops what it started, and shows the end of the server's log when something
goes wrong. The pytest fixtures are in `fixtures.py` and nowhere else.
"""
