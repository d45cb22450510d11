"""Algorithms and keys: what signs, what verifies, and what is refused."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from tests.compat.harness import Both, Raised
from tests.compat.minting import (
    OTHER_SECRET,
    SECRET,
    bearer,
    claims,
    key_options,
    key_pair,
    mint,
    signing_key,
)

ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"]
MORE = ["PS384", "PS512", "ES384", "ES512"]


@pytest.mark.parametrize("algorithm", ALGORITHMS + MORE)
def test_issue_and_accept(algorithm: str) -> None:
    """Header and claims are alike, and a token of PyJWT's under the same key is accepted."""
    both = Both(key_options(algorithm))
    issued = both.run(lambda lib: lib.create_access_token("alice"))
    assert issued["<token>"]["header"] == {"alg": algorithm, "typ": "JWT"}
    token = mint(claims(), signing_key(algorithm), algorithm)
    assert both.ask("/required", headers=bearer(token)).status == 200


@pytest.mark.parametrize("sent", ALGORITHMS)
@pytest.mark.parametrize("configured", ALGORITHMS)
def test_only_the_configured_algorithm_is_accepted(configured: str, sent: str) -> None:
    """A token of another algorithm is refused in the same words."""
    token = mint(claims(), signing_key(sent), sent)
    answer = Both(key_options(configured)).ask("/required", headers=bearer(token))
    assert (answer.status == 200) is (configured == sent)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_flipped_signature_is_refused(algorithm: str) -> None:
    """The signature of one payload is not valid for another."""
    first = mint(claims(), signing_key(algorithm), algorithm)
    other = mint(claims(sub="mallory"), signing_key(algorithm), algorithm)
    mixed = ".".join([*other.split(".")[:2], first.split(".")[2]])
    answer = Both(key_options(algorithm)).ask("/required", headers=bearer(mixed))
    assert answer.msg == "Signature verification failed"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
@pytest.mark.parametrize("dress", ["{}", "{} somebody@example.com\n"])
def test_a_public_key_as_ssh_writes_it(algorithm: str, dress: str) -> None:
    """JWT_PUBLIC_KEY may be the one line of a .pub file."""
    options = key_options(algorithm)
    public = load_pem_public_key(options["JWT_PUBLIC_KEY"].encode())
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    both = Both({**options, "JWT_PUBLIC_KEY": dress.format(line)})
    token = mint(claims(), signing_key(algorithm), algorithm)
    assert both.ask("/required", headers=bearer(token)).status == 200


DECODE_LISTS: list[Any] = [None, [], ["HS256"], ["HS512"], ["HS512", "HS256"], ("HS256", "HS384")]


@pytest.mark.parametrize("allowed", DECODE_LISTS, ids=str)
@pytest.mark.parametrize("sent", ["HS256", "HS384", "HS512"])
def test_decode_algorithms(allowed: Any, sent: str) -> None:
    """JWT_DECODE_ALGORITHMS adds algorithms; JWT_ALGORITHM is always among them."""
    token = mint(claims(), SECRET, sent)
    answer = Both({"JWT_DECODE_ALGORITHMS": allowed}).ask("/required", headers=bearer(token))
    assert (answer.status == 200) is (sent == "HS256" or sent in (allowed or []))


def test_several_asymmetric_algorithms_with_one_key() -> None:
    """One RSA key may verify RS256, RS512 and PS256, if the list says so."""
    options = {**key_options("RS256"), "JWT_DECODE_ALGORITHMS": ["RS512", "PS256"]}
    both = Both(options)
    for algorithm in ("RS256", "RS512", "PS256"):
        token = mint(claims(), key_pair("RS256")[0], algorithm)
        assert both.ask("/required", headers=bearer(token)).status == 200
    token = mint(claims(), key_pair("RS256")[0], "PS512")
    assert both.ask("/required", headers=bearer(token)).status == 422


@pytest.mark.parametrize("value", [SECRET, SECRET.encode()])
def test_a_secret_is_text_or_bytes(value: str | bytes) -> None:
    """JWT_SECRET_KEY may be text or bytes, as PyJWT accepts both."""
    both = Both({"JWT_SECRET_KEY": value})
    assert both.ask("/required", headers=bearer(mint(claims()))).status == 200
    both.run(lambda lib: lib.create_access_token("alice"))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("form", ["text", "bytes"])
def test_a_pem_key_is_text_or_bytes(algorithm: str, form: str) -> None:
    """A PEM key may be bytes, as a file opened with "rb" gives it."""
    private, public = key_pair(algorithm)
    convert: Any = str.encode if form == "bytes" else str
    both = Both(
        {
            "JWT_ALGORITHM": algorithm,
            "JWT_PRIVATE_KEY": convert(private),
            "JWT_PUBLIC_KEY": convert(public),
        }
    )
    token = mint(claims(), private, algorithm)
    assert both.ask("/required", headers=bearer(token)).status == 200
    both.run(lambda lib: lib.create_access_token("alice"))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_key_objects_of_cryptography(algorithm: str) -> None:
    """An option may be a key object of `cryptography`, as PyJWT accepts it."""
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
        load_pem_public_key,
    )

    private, public = key_pair(algorithm)
    options = {
        "JWT_ALGORITHM": algorithm,
        "JWT_PRIVATE_KEY": load_pem_private_key(private.encode(), None),
        "JWT_PUBLIC_KEY": load_pem_public_key(public.encode()),
    }
    both = Both()
    for side in both.sides:
        side.app.config.update(options)
    token = mint(claims(), private, algorithm)
    assert both.ask("/required", headers=bearer(token)).status == 200
    both.run(lambda lib: lib.create_access_token("alice"))


def test_the_secret_may_be_changed_later() -> None:
    """A new secret refuses tokens of the old and accepts its own, from the next request on."""
    both = Both()
    old, new = mint(claims()), mint(claims(), OTHER_SECRET)
    assert both.ask("/required", headers=bearer(old)).status == 200
    both.configure(JWT_SECRET_KEY=OTHER_SECRET)
    assert both.ask("/required", headers=bearer(old)).status == 422
    assert both.ask("/required", headers=bearer(new)).status == 200
    both.configure(JWT_SECRET_KEY=SECRET)
    assert both.ask("/required", headers=bearer(old)).status == 200


def test_flasks_secret_serves_if_there_is_no_other() -> None:
    """SECRET_KEY is the fallback, JWT_SECRET_KEY goes before it."""
    both = Both({"JWT_SECRET_KEY": None, "SECRET_KEY": OTHER_SECRET})
    assert both.ask("/required", headers=bearer(mint(claims(), OTHER_SECRET))).status == 200
    both.configure(JWT_SECRET_KEY=SECRET)
    assert both.ask("/required", headers=bearer(mint(claims(), OTHER_SECRET))).status == 422


@pytest.mark.parametrize(
    "key", ["not a key", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"]
)
def test_a_key_that_is_none_refuses_everything(key: str) -> None:
    """An asymmetric key that can't be read never verifies: both fail, and neither lets in."""
    both = Both()
    both.configure(JWT_ALGORITHM="RS256", JWT_PUBLIC_KEY=key)
    token = mint(claims(), signing_key("RS256"), "RS256")
    for answer in both.ask_each("/required", headers=bearer(token)):
        assert answer.status >= 400


def test_an_algorithm_that_does_not_exist() -> None:
    """Issuing with an unknown algorithm is an error at use, not a token."""
    both = Both()
    both.configure(JWT_ALGORITHM="HS1024")
    for result in both.run_each(lambda lib: lib.create_access_token("alice")):
        assert isinstance(result, Raised)


def test_the_reference_and_pyjwt_agree_on_the_minted_token() -> None:
    """What the tests mint is what FJE issues: PyJWT reads both with the same key."""
    both = Both()
    token = both.token(lambda lib: lib.create_access_token("alice"))
    assert set(jwt.decode(token, SECRET, ["HS256"])) == set(claims())
