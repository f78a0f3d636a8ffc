"""Bounds on JSON, found before it is parsed."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.doors.json_bounds import DEPTH_LIMIT, LARGE_BYTES, VALUES_LIMIT, check_shape, parsed
from models.errors import Invalid, TooLarge

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_as_deep_as_it_may_be_and_no_deeper() -> None:
    check_shape(nested(DEPTH_LIMIT))
    check_shape(b"[" + b"[]," * 500 + b"0]")
    for document in (nested(DEPTH_LIMIT + 1), nested(1_000_000), b'{"a":' * (DEPTH_LIMIT + 1), b"[" * 5_000_000):
        with pytest.raises(Invalid):
            check_shape(document)


@pytest.mark.parametrize("value", [b"[]", b"0", b'""', b'{"a":1}', b'{"a":[]}'])
def test_many_values_are_refused_before_they_are_made(value: bytes) -> None:
    check_shape(b"[" + b",".join([value] * 1_000) + b"]")
    with pytest.raises(TooLarge):
        check_shape(b"[" + b",".join([value] * (2 * VALUES_LIMIT + 2)) + b"]")


def test_marks_in_texts_do_not_count() -> None:
    for text in ("[" * 1_000, "," * 1_000_000, '\\"[' * 1_000, '"' * 1_000, "\\" * 1_001 + '"["' * 500):
        document = json.dumps({"text": text}).encode()
        check_shape(document)
        assert asyncio.run(parsed(document)) == {"text": text}


@pytest.mark.slow
@given(VALUES)
def test_what_is_small_passes_and_is_parsed(value: Any) -> None:
    document = json.dumps(value).encode()
    check_shape(document)
    assert asyncio.run(parsed(document)) == value


@given(st.binary(max_size=300))
def test_what_is_no_json_is_left_to_the_parser(document: bytes) -> None:
    check_shape(document)


@pytest.mark.parametrize("document", [b"\xb1", b'{"a": "\xff"}', b"\xff\xfe\x00"])
def test_what_is_no_text_is_no_json(document: bytes) -> None:
    with pytest.raises(json.JSONDecodeError, match="no Unicode text"):
        asyncio.run(parsed(document))


def test_a_large_document_is_parsed_beside_the_loop() -> None:
    document = json.dumps(["x" * 100] * (LARGE_BYTES // 50)).encode()

    async def story() -> tuple[int, Any]:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        beside = asyncio.create_task(others())
        found = await parsed(document)
        beside.cancel()
        return turns, found

    turns, found = asyncio.run(story())
    assert len(found) == LARGE_BYTES // 50
    assert turns > 0, "the loop ran meanwhile"
