"""What survives when processes, databases, connections and disks fail under load: all that was acknowledged, once."""
