"""Tests of the domain: pure, no store."""
