"""The scenario files themselves: whether what they expect is complete, before anything plays them."""
