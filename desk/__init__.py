"""The use cases: may they, load, ask, save."""
