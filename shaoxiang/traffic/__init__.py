"""A city's traffic, made up from a seed: who reports what when, and how those who are called behave.

`habits` are the tables, `plan` writes one matter's course of commands from them, `play` runs plans through the real
desk, and `copies` stamps many cases out of few that were played.
"""
