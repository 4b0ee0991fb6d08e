"""What each fact changes in how everything stands: a function for each kind, by what the fact is about.

Each returns the message that it made final, if it did. They run live and when the log is read, so
they depend on nothing but that and the fact.
"""
