"""From what was seen to a route, and who is told."""
