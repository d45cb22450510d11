"""From a value to keys, without an application: which keys a value stands for."""

import json
from math import inf
from typing import Any

import pytest

from flask_signet import Key, KeyRing
from flask_signet.exceptions import InvalidKeyError
from flask_signet.keys.reading import (
    KeyRules,
    is_json_object,
    is_pem,
    jwks_of,
    read_keys,
    read_timed_keys,
)
from flask_signet.keys.schedule import TimedKey
from tests.jose import keys
from tests.keys.forms import (
    EC_KEY,
    OCT,
    PRIVATE,
    RSA,
    RSA_KEY,
    SECRET,
    SECRETS,
    TEXT,
)

HS256 = KeyRules("HS256", ("HS256",))
RS256 = KeyRules("RS256", ("RS256",))


# ── keys for the acceptable algorithms ───────────────────────────────────────────────────


@pytest.mark.parametrize("form", SECRETS)
def test_every_form_is_one_key_for_each_algorithm(form: str) -> None:
    """A form of a secret is that secret, once for each algorithm that it may serve."""
    (key,) = read_keys(SECRETS[form], HS256)
    assert key.sign(b"text") == Key.from_secret(SECRET).sign(b"text")


def test_one_value_serves_several_algorithms() -> None:
    """Of a PEM, each algorithm of its kind gets a key, in the order of the rules."""
    rules = KeyRules("RS256", ("RS256", "PS256", "ES256"))
    with pytest.raises(InvalidKeyError):
        read_keys(RSA, KeyRules("ES256", ("ES256",)))
    assert [key.algorithm for key in read_keys(keys.pem(RSA), rules)] == ["RS256", "PS256"]


def test_the_algorithm_that_a_value_must_serve() -> None:
    """A value that serves others, and not the algorithm that signs, is refused."""
    rules = KeyRules("RS256", ("RS256", "ES256"))
    assert read_keys(EC_KEY, rules) == [EC_KEY]
    with pytest.raises(InvalidKeyError, match="it is a key for ES256, not for RS256"):
        read_keys(EC_KEY, rules, must_serve="RS256")
    assert read_keys([EC_KEY, RSA_KEY], rules, must_serve="RS256") == [EC_KEY, RSA_KEY]


def test_lists_rings_and_sets_are_taken_apart_at_any_depth() -> None:
    """A list, a tuple, a key ring and a JWKS, one within another, are the keys in them."""
    second = Key.from_secret(TEXT)
    value = [(SECRETS["Key"],), KeyRing(second), {"keys": [OCT]}, json.dumps({"keys": [OCT]})]
    found = read_keys(value, HS256)
    assert [key.sign(b"text") for key in found] == [
        each.sign(b"text") for each in (SECRETS["Key"], second, *[SECRETS["Key"]] * 2)
    ]


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "{a secret}"])
def test_a_text_that_is_no_jwk_is_a_secret(text: str) -> None:
    """A secret may begin with a brace: only a JSON object with kty or keys is a JWK."""
    (key,) = read_keys(text + TEXT, HS256)
    assert key.sign(b"text") == Key.from_secret(text + TEXT).sign(b"text")


@pytest.mark.parametrize(
    ("value", "says"),
    [([], "no key in it"), ({"keys": 5}, "in a list"), ({"keys": ["k"]}, "has JWKs in its list")],
)
def test_what_has_no_key_in_it(value: Any, says: str) -> None:
    """A value without any key is an error, not an empty ring."""
    with pytest.raises(InvalidKeyError, match=says):
        read_keys(value, HS256)


def test_weak_keys_are_the_rules_to_allow() -> None:
    """A weak secret, as a text or as a Key, is a key or an error, as the rules say."""
    strong = KeyRules("HS256", ("HS256",), allow_weak=False)
    for value in ("short", Key.from_secret("short", allow_weak=True)):
        assert read_keys(value, HS256)[0].weakness
        with pytest.raises(InvalidKeyError, match="weak"):
            read_keys(value, strong)


def test_names_are_given_where_the_rules_say_so() -> None:
    """A key without a name gets its thumbprint by names_keys; one with a name keeps it."""
    naming = KeyRules("RS256", ("RS256",), names_keys=True)
    nameless = PRIVATE["JWK without alg and kid"]
    for value in (keys.pem(RSA), RSA, nameless):
        assert read_keys(value, RS256)[0].kid is None
        assert read_keys(value, naming)[0].kid == RSA_KEY.thumbprint()
    assert read_keys({**nameless, "kid": "mine"}, naming)[0].kid == "mine"


# ── keys that say their own algorithm, with their moments ────────────────────────────────


def test_the_moments_of_a_jwk_are_read() -> None:
    """nbf and exp of a JWK are from when on it signs and until when it verifies."""
    jwk = {**EC_KEY.to_private_jwk(), "nbf": 100, "exp": 200}
    timed = TimedKey(RSA_KEY, 7, 8)
    found = read_timed_keys([jwk, EC_KEY, timed], RS256)
    assert [(each.signs_from, each.verifies_until) for each in found] == [
        (100, 200),
        (0, inf),
        (7, 8),
    ]
    assert [each.key.algorithm for each in found] == ["ES256", "ES256", "RS256"]


@pytest.mark.parametrize("text", [False, True], ids=["mapping", "text"])
def test_a_jwks_is_all_its_keys(text: bool) -> None:
    """A JWKS, as a mapping or as JSON text, stands for all its keys, with their moments."""
    jwks = {"keys": [EC_KEY.to_private_jwk(), {**RSA_KEY.to_private_jwk(), "exp": 200}]}
    found = read_timed_keys(json.dumps(jwks) if text else jwks, RS256)
    assert [(each.key.algorithm, each.verifies_until) for each in found] == [
        ("ES256", inf),
        ("RS256", 200),
    ]


def test_the_rules_decide_where_a_key_leaves_a_choice() -> None:
    """RSA serves six algorithms, and a JWK may not say which: then it is the one that signs."""
    ps384 = KeyRules("PS384", ("PS384",))
    for form in ("PEM", "cryptography", "JWK without alg and kid"):
        (found,) = read_timed_keys(PRIVATE[form], ps384)
        assert (found.key.algorithm, found.key.kid) == ("PS384", RSA_KEY.thumbprint())
    (found,) = read_timed_keys(PRIVATE["JWK"], ps384)
    assert found.key.algorithm == "RS256"  # it says so


def test_a_text_is_no_secret_there() -> None:
    """In JWT_KEYS a text is a PEM or JSON: a secret says that it is one, as a Key or a JWK."""
    with pytest.raises(InvalidKeyError, match=r"a secret is Key\.from_secret"):
        read_timed_keys([TEXT], HS256)
    assert read_timed_keys([OCT], HS256)[0].key.is_symmetric


# ── texts ────────────────────────────────────────────────────────────────────────────────


def test_a_jwks_or_a_jwk_in_a_text() -> None:
    """A place where keys are kept has one or the other."""
    assert jwks_of(json.dumps(OCT), "it") == [OCT]
    assert jwks_of(json.dumps({"keys": [OCT]}), "it") == [OCT]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"keys": 1}', '{"keys": [1]}', '{"k": 1, "k": 2}', "\udcff"]
)
def test_a_text_that_is_none(text: str) -> None:
    """What is neither is told by the name of its place."""
    with pytest.raises(InvalidKeyError, match=r"^this place is no JWKS"):
        jwks_of(text, "this place")


def test_what_a_text_is() -> None:
    """A PEM may stand after other lines; JSON may stand after white space."""
    pem = keys.pem(RSA)
    assert is_pem(pem)
    assert is_pem("# a key\n" + pem.decode())
    assert is_json_object(b"\n {}")
    assert is_json_object(" {")
    assert not is_pem("{}")
    assert not is_json_object(pem)
