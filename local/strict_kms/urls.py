"""Where moto finds our handler in process: it derives this module's name from that of the backend's module."""

from moto.kms.urls import url_bases

from .responses import StrictKmsResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": StrictKmsResponse.dispatch}
