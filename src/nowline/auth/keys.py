"""API keys: `nl_<id>_<secret>`, of which only a digest is kept. Pure rules."""

from __future__ import annotations

import hashlib
import secrets

_PREFIX = "nl_"
# By this name the key given at start is listed.
START_KEY_NAME = "NOWLINE_INGEST_KEY"
START_KEY_ID = "start"


def generate() -> tuple[str, str]:
    """A new key's id, and the secret that is shown once."""
    key_id = secrets.token_hex(8)
    return key_id, f"{_PREFIX}{key_id}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """What is stored and looked up of a secret, which is too long to guess from it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def looks_like(credential: str) -> bool:
    """Whether a credential may be a generated key, and is worth a look into the database."""
    return credential.startswith(_PREFIX)
