"""The house as a whole, from the command line down."""
