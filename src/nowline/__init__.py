"""Nowline: self-hosted real-time analytics. Data comes in by `ingest` and leaves by `api`."""

__version__ = "0.1.0"
