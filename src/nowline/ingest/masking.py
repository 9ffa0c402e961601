"""What is hidden of people before anything is stored or logged (CONTRACT: ingest, events). Pure.

Addresses of networks are cut to where they tell no single person any more: IPv4 to /24, IPv6 to
/48. E-mail addresses, wherever in a text, become a keyed hash: the same address always the same
one, so that its events can be counted and found, by whoever knows the address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import msgspec

IP_FIELDS = frozenset({"ip_address", "ip", "client_ip", "remote_addr", "x_forwarded_for"})
USER_AGENT_FIELDS = frozenset({"user_agent"})
DEFAULT_RULES: Mapping[str, str] = {"ip": "truncate", "email": "hash", "user_agent": "coarse"}
# Every character is looked at once (possessive, and only where a local part begins), for texts of
# any length are sent. A local part may be quoted, a domain be an address (RFC 5321, section 4.1.2).
_LOCAL = r"[\w.!#$&'*+/=?^`{|}~-]"
_EMAIL = re.compile(
    rf'(?:(?<!{_LOCAL}){_LOCAL}++|"[^"\n]{{1,64}}+")(?:@|%40)'
    r"(?:[\w-]++(?:\.[\w-]++)+|\[[0-9a-f.:]{3,64}+\])",
    re.IGNORECASE,
)
# "Chrome/120.0.6099.71" says which build somebody runs, "Chrome/120" which browser.
_MINOR_VERSION = re.compile(r"(?<=\d)(?:[._]\d+)+")
_PORT = re.compile(r"^(?:\[(?P<v6>[^\]]+)\]|(?P<v4>\d+\.\d+\.\d+\.\d+))(?::\d+)?$")
_HASH_BYTES = 8
# The same browsers and networks come again and again; longer texts are not kept.
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 512
# No address is longer, with a zone and a port.
_LONGEST_ADDRESS = 100


class Masker:
    """Masks texts and metadata.

    Args:
        secret: Of the server; hashes of another server's are others.
        rules: What becomes of `ip`, `email`, `user_agent` and of any field of the metadata by
            name: `truncate` and `coarse` tell less, `hash` tells only whether it is the same,
            `drop` tells nothing, and `keep` hides only e-mail addresses in it. What is not
            named is as in `DEFAULT_RULES`.
    """

    def __init__(self, secret: bytes, rules: Mapping[str, str] = DEFAULT_RULES) -> None:
        self._key = hashlib.blake2b(secret, person=b"nowline-masking", digest_size=32).digest()
        rules = {**DEFAULT_RULES, **rules}
        self._hides_email = rules.pop("email") == "hash"
        ip, user_agent = rules.pop("ip"), rules.pop("user_agent")
        named = dict.fromkeys(IP_FIELDS, ip) | dict.fromkeys(USER_AGENT_FIELDS, user_agent)
        named |= {plain_name(name): rule for name, rule in rules.items()}
        self._rules = {name: rule for name, rule in named.items() if rule != "keep"}

    def text(self, text: str) -> str:
        """The text with every e-mail address in it hashed."""
        if not self._hides_email or ("@" not in text and "%40" not in text):
            return text
        return _EMAIL.sub(self._hashed_email, text)

    def optional(self, text: str | None) -> str | None:
        """The same of a text that may not be there."""
        return None if text is None else self.text(text)

    def key(self, event_id: str) -> int:
        """What an event's id is known by: a 64-bit number that only this server can make."""
        return int.from_bytes(self._digest(f"event:{event_id}"), "big", signed=True)

    def metadata(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The object, masked, whatever is nested in it."""
        return {self.text(name): self._value(name, value) for name, value in fields.items()}

    def _value(self, name: str, value: object) -> Any:  # noqa: ANN401 - any JSON
        rule = self._rules.get(plain_name(name))
        if rule is not None:
            return self._ruled(rule, value)
        if isinstance(value, dict):
            return self.metadata(value)
        if isinstance(value, list):
            return [self._value(name, each) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def _ruled(self, rule: str, value: object) -> Any:  # noqa: ANN401 - any JSON
        """What a rule makes of a value, whatever is nested in it."""
        if value is None or rule == "drop":
            return None
        if isinstance(value, list):
            return [self._ruled(rule, each) for each in value]
        if isinstance(value, dict) and rule != "hash":
            return {self.text(name): self._ruled(rule, each) for name, each in value.items()}
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if rule == "hash":
            return self._hashed("masked", text)
        return _without_hosts(text) if rule == "truncate" else _coarse(self.text(text))

    def _hashed_email(self, match: re.Match[str]) -> str:
        return self._hashed("email", re.sub("%40", "@", match[0], flags=re.IGNORECASE).lower())

    def _hashed(self, kind: str, text: str) -> str:
        return f"{kind}:{self._digest(f'{kind}:{text}').hex()}"

    def _digest(self, text: str) -> bytes:
        # RFC 7693: a keyed BLAKE2 is a MAC, and several times faster than HMAC.
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=_HASH_BYTES).digest()


def plain_name(name: str) -> str:
    """A field's name as rules have it: `User-Agent` is `user_agent`."""
    return name.lower().replace("-", "_")


def _without_hosts(text: str) -> str | None:
    """Each address, of a list as proxies make it, without its host; None if one is none."""
    masked = [_network(each.strip()) for each in text.split(",")]
    return None if None in masked else ", ".join(each for each in masked if each)


def _network(text: str) -> str | None:
    return _known_network(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(maxsize=_MOST_KNOWN)
def _known_network(text: str) -> str | None:
    match = _PORT.match(text)
    try:
        address = ip_address((match["v6"] or match["v4"]) if match else text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv4Address):
        return str(IPv4Address(int(address) >> 8 << 8))
    return str(IPv6Address(int(address) >> 80 << 80))


def _coarse(text: str) -> str:
    return _known_coarse(text) if len(text) <= _LONGEST_KNOWN else _MINOR_VERSION.sub("", text)


@lru_cache(maxsize=_MOST_KNOWN)
def _known_coarse(text: str) -> str:
    return _MINOR_VERSION.sub("", text)
