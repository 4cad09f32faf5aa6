"""Addresses and their names."""

from __future__ import annotations

import pytest

from common.errors import InputError
from common.streaming.address import is_address, parse_address


def test_names_come_from_the_path() -> None:
    address = parse_address(" https://user:secret@host:8080/a%20b/take%201.mlpvid?key=/x#y ")
    assert (address.name, address.stem, address.scheme) == ("take 1.mlpvid", "take 1", "https")
    assert str(address) == "https://host:8080/a%20b/take%201.mlpvid?key=/x#y"  # without the password
    assert parse_address("s3://bucket/x.mlpvid").name == "x.mlpvid" and parse_address("HTTP://host").name == "http"


def test_paths_are_no_addresses() -> None:
    assert is_address("https://x") and is_address("s3://a/b") and is_address("C2://x")
    assert not any(map(is_address, ("x.mlpvid", "C:\\x", "/a://b", "http:/x", "", "a b://c")))


@pytest.mark.parametrize("text", ["http://", "http://[x/y", "http://host:port/x", "http://a b/x", "https:///x.mlpvid"])
def test_addresses_without_a_server_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a web address"):
        parse_address(text)
