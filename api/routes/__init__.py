"""The routers: one per aggregate for the commands, and one per question for the views."""
