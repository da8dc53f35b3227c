"""Tests of the versioned rules and the arithmetic over them."""
