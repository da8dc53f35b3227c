"""Behaviour that only the whole desk has: commands twice, commands at once, and who may give them."""
