"""What can happen, aggregate by aggregate: the facts that the log keeps."""
