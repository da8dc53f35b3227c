"""What the trade knows: pure, without input or output, clock or web."""
