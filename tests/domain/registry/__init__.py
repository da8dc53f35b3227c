"""Tests of the register: organisations' people."""
