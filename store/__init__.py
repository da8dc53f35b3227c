"""The store: the log of facts, the vault of persons, the photos, and the tokens."""
