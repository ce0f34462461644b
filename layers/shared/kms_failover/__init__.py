"""Keeps AWS KMS data keys available when one region's KMS is not."""

__version__ = "0.1.0"
