"""The life cycle told a second time, small and independent, and a machine that holds the desk to it."""
