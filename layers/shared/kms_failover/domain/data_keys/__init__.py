"""Bundles, and how a client waits, hedges and gives up."""
