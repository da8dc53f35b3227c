"""Versioned data and pure functions over it: calendar, deadlines, catalogue, rubric."""
