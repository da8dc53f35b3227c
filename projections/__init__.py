"""The views: each answers one question, is folded from the log, and can be thrown away and folded again."""
