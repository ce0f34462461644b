"""Keeps AWS KMS data keys available when one region's KMS is not."""
