"""`AoKey`: ranges, words and numbers of TCP-AO keys, and a key that shows nowhere."""

import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import given

from rhi.errors import InvalidValueError
from rhi.model.tcp_ao import AoAlgorithm, AoKey, to_ao_keys
from tests.model.anything import ANYTHING, HUGE, refusal, refusal_or_none


def test_ao_key_takes_text_and_words() -> None:
    key = AoKey("sésame", 1, 2, "aes-128-cmac-96")

    assert key.key == "sésame".encode()
    assert (key.send_id, key.receive_id) == (1, 2)
    assert key.algorithm is AoAlgorithm.AES_128_CMAC_96


def test_ao_key_without_algorithm_has_hmac_sha_1() -> None:
    assert AoKey(b"x", 0, 255).algorithm is AoAlgorithm.HMAC_SHA_1_96


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", 1, 1), "ao_keys: key: must have 1 to 80 bytes, this one has 0"),
        (("secret" * 14, 1, 1), "ao_keys: key: must have 1 to 80 bytes, this one has 84"),
        ((["secret"], 1, 1), "ao_keys: key of type list: must be text or bytes"),
        (("secret", 256, 1), "ao_keys: send_id 256: must be 0 to 255"),
        (("secret", 1, -1), "ao_keys: receive_id -1: must be 0 to 255"),
        (("secret", True, 1), "ao_keys: send_id True: must be 0 to 255"),
        (("secret", HUGE, 1), "ao_keys: send_id of type int: must be 0 to 255"),
        (
            ("secret", 1, 1, "md5"),
            "ao_keys: algorithm 'md5': must be hmac-sha-1-96 or aes-128-cmac-96",
        ),
    ],
)
def test_ao_key_out_of_range_is_one_sentence_without_the_key(arguments: Any, message: str) -> None:
    assert refusal(AoKey, *arguments) == message


def test_ao_key_is_a_value_that_does_not_show_its_secret() -> None:
    key = AoKey("sesame", 1, 2)

    assert key == AoKey(b"sesame", 1, 2) == pickle.loads(pickle.dumps(key))
    assert hash(key) == hash(AoKey(b"sesame", 1, 2))
    assert "sesame" not in repr(key)
    with pytest.raises(dataclasses.FrozenInstanceError):
        key.send_id = 3  # type: ignore[misc]


def test_to_ao_keys_takes_keys_and_json_objects_in_order() -> None:
    first = AoKey("one", 1, 1)

    assert to_ao_keys([first, {"key": "two", "send_id": 2, "receive_id": 2}]) == (first, AoKey("two", 2, 2))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("secret", "ao_keys of type str: must be a list of rhi.AoKey"),
        ({"key": "secret"}, "ao_keys of type dict: must be a list of rhi.AoKey"),
        (["secret"], "ao_keys: has a str; each must be an rhi.AoKey"),
        ([{"key": "secret"}], "ao_keys: each has key, send_id, receive_id and perhaps algorithm"),
        (
            [{"key": "secret", "send_id": 1, "receive_id": 1, "secret": 1}],
            "ao_keys: each has key, send_id, receive_id and perhaps algorithm",
        ),
        ([AoKey("a", 1, 1), AoKey("b", 1, 2)], "ao_keys: two keys have send_id 1; number each key once"),
        ([AoKey("a", 1, 7), AoKey("b", 2, 7)], "ao_keys: two keys have receive_id 7; number each key once"),
    ],
)
def test_to_ao_keys_refuses_in_one_sentence_without_the_key(values: Any, message: str) -> None:
    assert refusal(to_ao_keys, values) == message


@given(ANYTHING)
def test_ao_keys_anything_is_taken_or_one_sentence(value: Any) -> None:
    refusal_or_none(to_ao_keys, value)
    refusal_or_none(AoKey, value, 1, 1)
    refusal_or_none(AoKey, "key", value, value)
    refusal_or_none(AoKey, "key", 1, 1, value)


def test_ao_key_error_does_not_keep_the_text_for_tracebacks() -> None:
    with pytest.raises(InvalidValueError) as caught:
        AoKey("secret\ud800", 1, 1)

    assert caught.value.__suppress_context__
