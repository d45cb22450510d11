"""Where the token is looked for: headers, cookies, query string, JSON; alone and in order."""

import itertools
from typing import Any

import pytest

from tests.compat.harness import ALL_LOCATIONS, Both
from tests.compat.minting import CSRF, access, bearer, expired, refresh

HEADERS = [
    "Bearer {}",
    "Bearer  {}",
    " Bearer {} ",
    "Bearer {},",
    ",Bearer {}",
    "Bearer\t{}",
    "bearer {}",
    "BEARER {}",
    "Bearer{}",
    "Bearer: {}",
    "Bearer {} x",
    "Bearer {}, Bearer {}",
    "Basic dTpw, Bearer {}",
    "Bearer {}, Basic dTpw",
    "Basic dTpw,Bearer {}",
    "Basic dTpw, , Bearer {}",
    "Foo 1, Bearer, Baz 3",
    "Basic dTpw",
    "{}",
    "{} {}",
    "JWT {}",
    'Digest username="a, Bearer b", Bearer {}',
    "Token token={}",
    "Bearer",
    "Bearer ",
    ",",
    "",
]


@pytest.mark.parametrize("value", HEADERS)
@pytest.mark.parametrize("kind", ["Bearer", "JWT", "", "Basic"])
def test_the_header_is_read_as_fje_reads_it(value: str, kind: str) -> None:
    """Scheme, blanks, comma lists: the same token is found, or the same refusal given."""
    both = Both({"JWT_HEADER_TYPE": kind})
    both.ask("/required", headers={"Authorization": value.replace("{}", access())})


@pytest.mark.parametrize("name", ["Authorization", "X-Token", "x-token", "Cookie-Token"])
def test_a_header_of_another_name(name: str) -> None:
    """JWT_HEADER_NAME is followed, whatever its case in the request."""
    both = Both({"JWT_HEADER_NAME": "X-Token"})
    both.ask("/required", headers={name: f"Bearer {access()}"})


def test_two_authorization_headers() -> None:
    """Two header fields arrive as one list, by WSGI; FJE sees two Bearer values, or the one."""
    both = Both()
    good = f"Bearer {access()}"
    both.ask("/required", headers=[("Authorization", good), ("Authorization", good)])
    both.ask("/required", headers=[("Authorization", "Basic dTpw"), ("Authorization", good)])


COMBINATIONS = [
    list(combination)
    for size in (2, 3, 4)
    for combination in itertools.permutations(ALL_LOCATIONS, size)
]


def everywhere(**tokens: str) -> dict[str, Any]:
    """A POST with a token in each of the locations named."""
    request: dict[str, Any] = {"method": "POST", "headers": {"X-CSRF-TOKEN": CSRF}}
    if "headers" in tokens:
        request["headers"].update(bearer(tokens["headers"]))
    if "cookies" in tokens:
        request["cookies"] = {"access_token_cookie": tokens["cookies"]}
    if "query_string" in tokens:
        request["query_string"] = {"jwt": tokens["query_string"]}
    if "json" in tokens:
        request["json"] = {"access_token": tokens["json"]}
    return request


@pytest.mark.parametrize("order", COMBINATIONS, ids="+".join)
def test_the_first_location_with_a_token_counts(order: list[str]) -> None:
    """With tokens everywhere, the first in the configured order is taken, and named so."""
    tokens = {place: access(sub=place) for place in ALL_LOCATIONS}
    answer = Both({"JWT_TOKEN_LOCATION": order}).ask("/required", **everywhere(**tokens))
    assert answer.body["identity"] == answer.body["location"] == order[0]


@pytest.mark.parametrize("order", COMBINATIONS, ids="+".join)
@pytest.mark.parametrize("path", ["/required", "/optional", "/refresh"])
def test_no_token_anywhere(order: list[str], path: str) -> None:
    """The refusal lists the locations in their order, with what was missing in each."""
    Both({"JWT_TOKEN_LOCATION": order}).ask(path, method="POST")


@pytest.mark.parametrize("order", COMBINATIONS, ids="+".join)
def test_the_token_is_in_the_last_location(order: list[str]) -> None:
    """A token in a later location is found when the earlier locations are empty."""
    answer = Both({"JWT_TOKEN_LOCATION": order}).ask(
        "/required", **everywhere(**{order[-1]: access()})
    )
    assert answer.body["location"] == order[-1]


@pytest.mark.parametrize("order", [c for c in COMBINATIONS if len(c) == 2], ids="+".join)
@pytest.mark.parametrize("bad", ["x", "expired", "refresh"])
def test_a_bad_token_ends_the_search(order: list[str], bad: str) -> None:
    """A token that is there and bad is refused, though a later location has a good one."""
    token = {"x": lambda: "x", "expired": expired, "refresh": refresh}[bad]()
    request = everywhere(**{order[0]: token, order[1]: access()})
    answer = Both({"JWT_TOKEN_LOCATION": order}).ask("/required", **request)
    assert answer.status in (401, 422)


def test_a_cookie_without_csrf_ends_the_search() -> None:
    """A cookie without its CSRF value is refused even though the header would do."""
    request = everywhere(cookies=access(), headers=access())
    del request["headers"]["X-CSRF-TOKEN"]
    answer = Both({"JWT_TOKEN_LOCATION": ["cookies", "headers"]}).ask("/required", **request)
    assert (answer.status, answer.msg) == (401, "Missing CSRF token")


@pytest.mark.parametrize("locations", ["headers", "cookies", "query_string", "json"])
@pytest.mark.parametrize("placed", ALL_LOCATIONS)
def test_a_guard_may_name_its_locations(locations: str, placed: str) -> None:
    """`locations=` of a guard stands in for the option."""
    both = Both({"JWT_TOKEN_LOCATION": ["headers"]})
    answer = both.ask(f"/at:{locations}", **everywhere(**{placed: access()}))
    assert (answer.status == 200) is (locations == placed)


def test_a_guards_list_of_locations_has_its_order() -> None:
    """The locations of a guard are tried in their order."""
    tokens = {place: access(sub=place) for place in ALL_LOCATIONS}
    for order in COMBINATIONS[:12]:
        answer = Both().ask(f"/at:{'+'.join(order)}", **everywhere(**tokens))
        assert answer.body["location"] == order[0]


BODIES: list[dict[str, Any]] = [
    {"json": {}},
    {"json": {"access_token": ""}},
    {"json": {"access_token": None}},
    {"json": {"other": "x"}},
    {"json": {"access_token": "x"}},
    {"json": []},
    {"json": None},
    {"json": 0},
    {"json": ""},
    {"data": "{", "content_type": "application/json"},
    {"data": "", "content_type": "application/json"},
    {"data": "access_token=x"},
    {"data": {"access_token": "x"}},
    {"data": '{"access_token": "x"}', "content_type": "text/plain"},
    {"data": '{"access_token": "x"}', "content_type": "application/vnd.api+json"},
    {"data": '{"access_token": "x"}', "content_type": "application/json; charset=utf-8"},
    {},
]


@pytest.mark.parametrize("body", BODIES, ids=str)
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("path", ["/required", "/optional", "/refresh"])
def test_json_bodies(body: dict[str, Any], method: str, path: str) -> None:
    """A body that is not JSON, has no token or has a bad one is answered as by FJE."""
    Both({"JWT_TOKEN_LOCATION": ["json"]}).ask(path, method=method, **body)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/a+json"]
)
def test_json_tokens(method: str, content_type: str) -> None:
    """A token in a JSON body is found under each method, and each kind by its own key."""
    both = Both({"JWT_TOKEN_LOCATION": ["json"]})
    body = f'{{"access_token": "{access()}", "refresh_token": "{refresh()}"}}'
    for path in ("/required", "/refresh"):
        answer = both.ask(path, method=method, data=body, content_type=content_type)
        assert (answer.status, answer.body["location"]) == (200, "json")


@pytest.mark.parametrize("prefix", ["", "Bearer ", "JWT:", "é"])
@pytest.mark.parametrize("sent", ["{}", "Bearer {}", "JWT:{}", "é{}", "", "Bearer ", "x"])
def test_query_string_prefixes(prefix: str, sent: str) -> None:
    """The prefix must be there exactly, and is removed."""
    options = {"JWT_TOKEN_LOCATION": ["query_string"], "JWT_QUERY_STRING_VALUE_PREFIX": prefix}
    Both(options).ask("/required", query_string={"jwt": sent.replace("{}", access())})


def test_several_values_in_the_query_string() -> None:
    """The first of several values counts."""
    both = Both({"JWT_TOKEN_LOCATION": ["query_string"]})
    answer = both.ask("/required", query_string=f"jwt={access(sub='a')}&jwt={access(sub='b')}")
    assert answer.body["identity"] == "a"


@pytest.mark.parametrize("place", ALL_LOCATIONS)
@pytest.mark.parametrize("path", ["/required", "/optional"])
def test_the_location_is_told(place: str, path: str) -> None:
    """get_jwt_request_location names the place, None for an optional request without a token."""
    both = Both({"JWT_TOKEN_LOCATION": ALL_LOCATIONS})
    assert both.ask(path, **everywhere(**{place: access()})).body["location"] == place
    assert both.ask("/optional", method="POST").body["location"] is None


def test_the_location_before_verification_is_none() -> None:
    """get_jwt_request_location never raises, unlike the other getters."""
    assert Both().run(lambda lib: lib.get_jwt_request_location()) is None
