"""What an operator can order, and is shown."""
