"""The outlets station: what happens to messages, for programs: a stream of files, webhooks, commands.

Each outlet reads the journal's log behind a cursor of its own, so that nothing is done per message
where messages are sent, and a crash or a dead consumer loses nothing.
"""
