"""HTTP: a router per aggregate, the views, what changed, and how the house is doing."""
