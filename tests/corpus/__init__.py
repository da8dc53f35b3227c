"""One sample of every event as it was first written: what the log of an older release holds."""
