"""What fires by itself: ask a view what is due, command the desk, let the aggregate decide."""
