"""Masking: nobody's address comes through, and everything else does."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.ingest.masking import Masker

SECRET = b"a secret of at least thirty-two bytes"
MASKER = Masker(SECRET)
HASHED = re.compile(r"email:[0-9a-f]{16}")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("203.0.113.77:4711", "203.0.113.0"),
        ("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234::"),
        ("[2001:db8:1234:5678::1]:443", "2001:db8:1234::"),
        ("fe80:1:2:3::1%eth0", "fe80:1:2::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("203.0.113.77, 198.51.100.9", "203.0.113.0, 198.51.100.0"),
        ("no address", None),
        ("", None),
    ],
)
def test_an_address_loses_what_tells_the_person(sent: str, kept: str | None) -> None:
    assert MASKER.metadata({"ip_address": sent}) == {"ip_address": kept}
    assert MASKER.metadata({"request": {"Client-IP": [sent]}}) == {"request": {"Client-IP": [kept]}}


@pytest.mark.parametrize(
    "address", ["bob@example.com", "Bob.O'Neil+tag@mail.example.co.uk", "bob%40example.com"]
)
def test_an_email_address_is_hashed_wherever_it_is(address: str) -> None:
    masked = MASKER.metadata(
        {"details": f"sent to {address}.", "deep": [{address: [f"<{address}>"]}], "n": 1}
    )
    text = json.dumps(masked)
    assert address not in text
    assert len(HASHED.findall(text)) == 3
    assert masked["details"].startswith("sent to email:")
    assert masked["n"] == 1


def test_the_same_address_has_the_same_hash_however_it_is_written() -> None:
    assert MASKER.text("bob@example.com") == MASKER.text("BOB@Example.com")
    assert MASKER.text("bob%40example.com") == MASKER.text("bob@example.com")
    assert MASKER.text("bob@example.com") != MASKER.text("rob@example.com")
    assert MASKER.text("bob@example.com") != Masker(b"x" * 32).text("bob@example.com")


@pytest.mark.parametrize(
    "address", ['"bob smith"@example.com', "bob@[192.168.0.1]", "bob@[2001:db8::1]"]
)
def test_rare_forms_of_an_address_are_hashed_too(address: str) -> None:
    assert HASHED.fullmatch(MASKER.text(address))


def test_an_address_in_a_browsers_name_is_hashed() -> None:
    masked = MASKER.metadata({"User-Agent": "Bot/1.2.3 (bob@example.com)", "ip": "1.2.3.4"})
    assert re.fullmatch(r"Bot/1 \(email:[0-9a-f]{16}\)", masked["User-Agent"])


def test_a_rule_holds_for_whatever_is_in_its_field() -> None:
    masker = Masker(SECRET, {"card-Number": "drop", "customer": "hash"})
    person = {"name": "Bob", "since": 2020}
    masked = masker.metadata(
        {"cardNumber": 1, "card_number": [{"n": "4111"}], "deep": [{"Customer": person}]}
    )
    assert masked.pop("cardNumber") == 1  # the rule has another name
    assert masked.pop("card_number") is None
    (hashed,) = masked.pop("deep")
    assert re.fullmatch("masked:[0-9a-f]{16}", hashed["Customer"])
    nested = {"ip": {"v4": "203.0.113.77", "all": ["198.51.100.9"]}}
    assert MASKER.metadata(nested) == {"ip": {"v4": "203.0.113.0", "all": ["198.51.100.0"]}}


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000 + " @", "a." * 50_000 + "@", '"' * 100_000, "a@" * 50_000, "a@b" * 30_000],
)
def test_a_long_text_is_gone_through_once(text: str) -> None:
    """Going through it again for each of its characters would take hours."""
    MASKER.text(text)
    MASKER.metadata({"user_agent": text, "ip": text})


def test_rules_say_what_is_hidden() -> None:
    masker = Masker(SECRET, {"ip": "hash", "user_agent": "drop", "card": "drop", "email": "keep"})
    sent = {"ip_address": "203.0.113.77", "user_agent": "curl/8.5", "card": "4111", "to": "a@b.co"}
    masked = masker.metadata({**sent, "feature": "export"})
    assert re.fullmatch("masked:[0-9a-f]{16}", masked.pop("ip_address"))
    assert masked == {"user_agent": None, "card": None, "to": "a@b.co", "feature": "export"}


def test_a_browser_is_told_but_not_its_build() -> None:
    agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/120.0.6099.71 Safari/537.36"
    kept = "Mozilla/5 (Macintosh; Intel Mac OS X 10) Chrome/120 Safari/537"
    assert MASKER.metadata({"user_agent": agent}) == {"user_agent": kept}


def test_what_is_no_address_stays_as_it_is() -> None:
    fields = {"version": "1.2.3.4", "price": "5 @ 3.20", "tags": ["@here", "100%"], "ok": None}
    assert MASKER.metadata(fields) == fields


@given(st.ip_addresses())
def test_no_address_keeps_its_host(address: IPv4Address | IPv6Address) -> None:
    (kept,) = MASKER.metadata({"ip": str(address)}).values()
    masked = ip_address(kept)
    host_bits = 8 if masked.version == 4 else 80
    assert int(masked) & ((1 << host_bits) - 1) == 0
    if address.version == masked.version:
        assert int(address) >> host_bits == int(masked) >> host_bits


@given(st.emails(), st.text(max_size=20), st.text(max_size=20))
def test_no_address_comes_through_any_text(email: str, before: str, after: str) -> None:
    local, _, domain = email.rpartition("@")
    masked = MASKER.text(f"{before} {email} {after}")
    # What RFC 5322 lets one quote or comment is found from its first plain character on.
    assert f"{local[-1]}@{domain}" not in masked or not re.fullmatch(r"[\w.-]+", local[-1] + domain)


@given(st.text())
def test_any_text_is_masked_without_an_error_and_once(text: str) -> None:
    once = MASKER.text(text)
    assert MASKER.text(once) == once
