"""What survives when the process dies: nothing that was acknowledged is lost, and nothing happens twice."""
