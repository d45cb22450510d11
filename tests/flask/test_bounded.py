"""The reader of requests: lengths first, and no more than it allows."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask, Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import create_environ

from flask_signet.exceptions import DecodeError, InvalidQueryParamError, RequestTooLargeError
from flask_signet.flask.bounded import (
    FORM,
    MAX_BODY,
    MAX_COOKIES,
    arguments_of,
    body_of,
    bound_body,
    cookies_of,
    fields_of,
    form_of,
    has_a_name_twice,
    json_of,
    says_json,
)

JSON = "application/json"


class Stream(io.BytesIO):
    """A body that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.given = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.given += len(data)
        return data


def request(body: bytes = b"", kind: str = JSON, *, is_chunked: bool = False, **more: Any) -> Any:
    """A request; chunked, the server ends its body and no header says its length."""
    environ = create_environ(method="POST")
    stream = Stream(body)
    environ.update({"wsgi.input": stream, "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))})
    if is_chunked:
        del environ["CONTENT_LENGTH"]
        environ.update({"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"})
    environ.update(more)
    return Request(environ)


def given(carrier: Request) -> int:
    """How many bytes of the body were read."""
    found: int = carrier.environ["wsgi.input"].given
    return found


@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_bound_of_a_body_is_exact(is_chunked: bool) -> None:
    """As many bytes as the limit are read, one more is refused."""
    assert body_of(request(b"x" * 1_000, is_chunked=is_chunked), 1_000) == b"x" * 1_000
    assert body_of(request(is_chunked=is_chunked), 1_000) == b""
    with pytest.raises(RequestTooLargeError, match="it may have 1000 bytes"):
        body_of(request(b"x" * 1_001, is_chunked=is_chunked), 1_000)


def test_a_long_body_is_not_read() -> None:
    """By its length nothing is read of it; chunked, little more than the limit."""
    said, chunked = request(b"x" * 10_000_000), request(b"x" * 10_000_000, is_chunked=True)
    for each in (said, chunked):
        with pytest.raises(RequestTooLargeError):
            json_of(each, 1_000)
    assert given(said) == 0
    assert given(chunked) <= 1_001


def test_whoever_reads_a_bounded_body_reads_no_more() -> None:
    """Werkzeug's own readers raise too, and hand over no half of a body."""
    readers: list[tuple[str, Callable[[Request], object]]] = [
        (JSON, Request.get_json),
        (JSON, Request.get_data),
        (FORM, lambda each: each.form),
        (FORM, lambda each: each.stream.read()),
    ]
    for kind, read in readers:
        carrier = request(b"a=" + b"x" * 2_000, kind, is_chunked=True)
        bound_body(carrier, 1_000)
        with pytest.raises(RequestTooLargeError):
            read(carrier)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "", "\xb2"])
def test_a_length_that_is_none_is_no_body(length: str) -> None:
    """Without a length, and without a server that ends the body, nothing is read."""
    assert body_of(request(b'{"a": 1}', CONTENT_LENGTH=length), 1_000) == b""


def test_a_length_with_a_sign_gives_no_more_than_it_says() -> None:
    """For Werkzeug before 2.3.8, "+7" is 7, and later none: the bound holds in both."""
    assert body_of(request(b'{"a": 1}', CONTENT_LENGTH="+7"), 1_000) in (b"", b'{"a": 1')
    with suppress(RequestTooLargeError):
        assert body_of(request(b"x" * 2_000, CONTENT_LENGTH="+2000"), 1_000) == b""


def test_a_body_that_breaks_off_holds_nothing() -> None:
    """A client that hangs up, and a server that says so, make no error of ours."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("connection reset")

    for kind, empty in ((JSON, None), (FORM, {})):
        cut = request(b'{"a": 1}', kind, CONTENT_LENGTH="100")
        assert (json_of(cut, 1_000) if kind == JSON else form_of(cut, 1_000).to_dict()) == empty
        broken = request(b"", kind, is_chunked=True, **{"wsgi.input": Broken()})
        found = json_of(broken, 1_000) if kind == JSON else form_of(broken, 1_000).to_dict()
        assert found == empty


def test_what_the_application_has_read_stays_read() -> None:
    """A body that is in memory already is there for all; only its parsing is bounded."""
    app = Flask("read")
    with app.test_request_context(method="POST", data=b'{"a": 1}', content_type=JSON) as context:
        carrier = context.request
        assert carrier.get_json() == {"a": 1}
        assert json_of(carrier, 1_000) == {"a": 1}
        with pytest.raises(RequestTooLargeError):
            json_of(carrier, 5)
    form = request(b"a=1", FORM, is_chunked=True)
    assert form.form["a"] == "1"
    bound_body(form, 1_000)
    assert form_of(form, 1_000)["a"] == "1"


def test_fields_of_a_form_are_counted_before_they_are_made() -> None:
    """A thousand are read, one more is refused."""
    assert len(form_of(request(b"&".join([b"a=1"] * 1_000), FORM), MAX_BODY).getlist("a")) == 1_000
    many = request(b"&".join([b"a=1"] * 1_001), FORM)
    with pytest.raises(RequestTooLargeError, match="1000 fields"):
        form_of(many, MAX_BODY)
    assert "form" not in many.__dict__


@pytest.mark.parametrize(
    "kind",
    [JSON + ";" + "a=b;" * 100, FORM + " " * 300, "multipart/form-data; boundary=" + "b" * 300],
)
def test_a_long_content_type_is_not_parsed(kind: str) -> None:
    """It is neither JSON nor a form."""
    carrier = request(b"a=1", kind)
    assert not says_json(carrier)
    assert not form_of(carrier, MAX_BODY)
    assert given(carrier) == 0


def test_a_multipart_form_may_be_long() -> None:
    """It may hold files, which go to disk; a guard that looks for a CSRF value lets it be."""
    part = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 100_000
    carrier = request(part + file + b"\r\n--b--\r\n", "multipart/form-data; boundary=b")
    assert form_of(carrier, 1_000)["csrf"] == "x"
    carrier.close()


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b'{"a": [1]}', JSON, {"a": [1]}),
        (b"a=1", FORM, {"a": "1"}),
        (b"[1]", JSON, {}),
        (b"{", JSON, {}),
        (b"[" * 10_000, JSON, {}),
        (b'{"a": "\\ud800"}', JSON, {}),
        (b'{"a": ["\\ud83d\\ude00"]}', JSON, {"a": ["\N{GRINNING FACE}"]}),
        (b"\xff", FORM, {}),
        (b"x", "text/plain", {}),
        (b"x", "multipart/form-data", {}),
    ],
)
def test_fields(body: bytes, kind: str, found: dict[str, Any]) -> None:
    """An object of JSON or a form has fields; all else has none."""
    with Flask("fields").test_request_context(method="POST", data=body, content_type=kind) as made:
        assert dict(fields_of(made.request)) == found


def test_flasks_limit_stays_the_applications_in_a_guard() -> None:
    """A lower MAX_CONTENT_LENGTH raises Werkzeug's error there, which may have a handler."""
    app = Flask("limited")
    app.config["MAX_CONTENT_LENGTH"] = 10
    for kind, read in ((JSON, json_of), (FORM, form_of)):
        with (
            app.test_request_context(method="POST", data=b"x" * 11, content_type=kind) as made,
            pytest.raises(RequestEntityTooLarge),
        ):
            read(made.request, 1_000)
        with (
            app.test_request_context(method="POST", data=b"x" * 11, content_type=kind) as made,
            pytest.raises(RequestTooLargeError),
        ):
            fields_of(made.request)


@pytest.mark.parametrize(
    ("body", "twice"),
    [
        (b'{"a": 1, "b": 1}', False),
        (b'{"a": {"a": 1}}', False),
        (b'{"a": 1, "a": 1}', True),
        (b'{"a": 1, "\\u0061": 2}', True),
        (b'{"b": [{"a": 1, "a": 2}]}', True),
        (b"{", True),
        (b"[" * 10_000, True),
    ],
)
def test_a_name_that_stands_twice_is_seen(body: bytes, twice: bool) -> None:
    """Written in any way, in any object of the body."""
    assert has_a_name_twice(request(body)) is twice


def test_a_query_string_is_measured_first() -> None:
    """Of one that is too long, or has too many parameters, nothing is taken apart."""
    assert arguments_of(request(QUERY_STRING="a=1&b=2")).to_dict() == {"a": "1", "b": "2"}
    assert not arguments_of(request(QUERY_STRING="a=\xff"))
    for query, error in (("a" * 8_193, DecodeError), ("&" * 1_000, InvalidQueryParamError)):
        carrier = request(QUERY_STRING=query)
        with pytest.raises(error):
            arguments_of(carrier)
        assert "args" not in carrier.__dict__


def test_cookies_are_measured_first() -> None:
    """Of a header that is too long no cookie is taken."""
    assert cookies_of(request(HTTP_COOKIE="a=1; b=2; a=3"), "a") == ["1", "3"]
    assert cookies_of(request(HTTP_COOKIE="a=1" + ";" * 999), "a") == ["1"]
    for cookies in ("a=1;" + "b" * MAX_COOKIES, "a=1" + ";" * 1_000):
        carrier = request(HTTP_COOKIE=cookies)
        with pytest.raises(DecodeError):
            cookies_of(carrier, "a")
        assert "cookies" not in carrier.__dict__
