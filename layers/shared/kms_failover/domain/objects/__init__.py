"""Objects brought under the local region's key, and what is owed to them."""
