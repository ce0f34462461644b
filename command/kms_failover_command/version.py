"""Of this package; tests hold it to the library's, of whose modules it uses more than the face."""

__version__ = "0.1.0"
