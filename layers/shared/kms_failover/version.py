"""Of this package; apart from its face, so that what is below the face may say it."""

__version__ = "0.1.0"
