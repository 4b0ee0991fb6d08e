"""The provider's HTTP APIs as data: operations, what their parameters may be, how answers are read.

Pure: no sockets, clocks or files, and nothing of the daemon.
"""
