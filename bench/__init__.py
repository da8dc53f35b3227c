"""Every performance claim, each as a ratio to a raw ceiling that is measured in the same run."""
