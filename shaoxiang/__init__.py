"""The composition root: settings, clock, logs, wiring and the command line."""
