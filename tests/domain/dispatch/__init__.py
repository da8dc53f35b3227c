"""Tests of the aggregates of a case: what each may decide, and what it refuses."""
