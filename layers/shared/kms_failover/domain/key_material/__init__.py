"""Imported key material, kept valid."""
