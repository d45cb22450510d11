"""Keys from an application's loaders: every form of them, read once."""

from typing import Any

import pytest
from flask import Flask

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    decode_token,
)
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidAlgorithmError,
    InvalidSignatureError,
    WeakSecretWarning,
)
from flask_signet.jwt.encode import encode
from flask_signet.keys.loaded import LoadedKeys
from flask_signet.keys.reading import KeyRules
from tests.applications import application, part, signed
from tests.ids import same_everywhere
from tests.jose import keys
from tests.keys.forms import (
    EC_KEY,
    OCT,
    OTHER,
    PRIVATE,
    PUBLIC,
    RSA,
    RSA_KEY,
    SECRET,
    SECRETS,
    TEXT,
    hmac_signed,
    new_token,
    takes,
)


def with_loaders(encode_key: Any = None, decode_key: Any = None, **options: Any) -> Flask:
    """An application whose loaders return these values."""
    manager = JWTManager()
    if encode_key is not None:
        manager.encode_key_loader(lambda identity: encode_key)
    if decode_key is not None:
        manager.decode_key_loader(lambda header, payload: decode_key)
    return application(manager=manager, **options)


@pytest.mark.parametrize("form", SECRETS)
def test_loaders_of_secrets(form: str) -> None:
    """A key loader returns any form of a secret that the option takes."""
    with with_loaders(encode_key=SECRETS[form], decode_key=SECRETS[form]).app_context():
        token = create_access_token("alice")
        assert decode_token(token)["sub"] == "alice"
        forged = signed(part(token, 1), Key.from_secret(OTHER))
        with pytest.raises(InvalidSignatureError):
            decode_token(forged)
    assert takes(token, SECRET_KEY=SECRET)


@pytest.mark.parametrize("form", PRIVATE)
def test_loaders_of_pairs(form: str) -> None:
    """Or of a key pair, private to sign and either half to verify."""
    app = with_loaders(encode_key=PRIVATE[form], decode_key=PRIVATE[form], ALGORITHM="RS256")
    with app.app_context():
        token = create_access_token("alice")
        assert decode_token(token)["sub"] == "alice"
    with with_loaders(decode_key=PUBLIC["PEM"], ALGORITHM="RS256").app_context():
        assert decode_token(token)["sub"] == "alice"


@pytest.mark.parametrize(
    "value", [None, "", b"", [], 5, {}, "no PEM", object()], ids=same_everywhere
)
@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_an_encode_key_that_is_none(value: Any, algorithm: str) -> None:
    """What an encode_key_loader must not return is a ConfigurationError that names the loader."""
    manager = JWTManager()
    manager.encode_key_loader(lambda identity: value)
    app = application(
        manager=manager, ALGORITHM=algorithm, SECRET_KEY=SECRET, ALLOW_WEAK_KEYS=False
    )
    with app.app_context(), pytest.raises(ConfigurationError) as caught:
        create_access_token("alice")
    assert str(caught.value).startswith("what the encode_key_loader returned")


def test_an_encode_key_that_is_public() -> None:
    """A public key from the encode_key_loader is told as that."""
    app = with_loaders(encode_key=RSA_KEY.public_key(), ALGORITHM="RS256")
    with app.app_context(), pytest.raises(ConfigurationError, match="returned is a public key"):
        create_access_token("alice")


def test_no_decode_key() -> None:
    """A decode_key_loader that knows no key for a token says None: nobody signed it."""
    manager = JWTManager()
    manager.decode_key_loader(lambda header, payload: None)
    token = new_token(SECRET_KEY=SECRET)
    app = application(manager=manager, SECRET_KEY=SECRET)
    with app.app_context(), pytest.raises(InvalidSignatureError, match="Signature verification"):
        decode_token(token)


def test_what_a_decode_key_loader_is_given() -> None:
    """It sees header and payload before anything is verified, and can't change the token."""
    seen: list[Any] = []
    manager = JWTManager()

    @manager.decode_key_loader
    def choose(header: dict[str, Any], payload: dict[str, Any]) -> bytes:
        seen.append((dict(header), dict(payload)))
        header["alg"], payload["sub"] = "none", "mallory"
        return SECRET

    token = new_token(SECRET_KEY=SECRET)
    with application(manager=manager, SECRET_KEY=OTHER).app_context():
        for _ in range(2):
            assert decode_token(token)["sub"] == "alice"
        with pytest.raises(InvalidSignatureError):
            decode_token(signed({"sub": "mallory"}, Key.from_secret(OTHER)))
    assert seen[:2] == [(part(token, 0), part(token, 1))] * 2
    assert seen[2] == ({"alg": "HS256"}, {"sub": "mallory"})


ALGS = ["HS256", "HS384", "RS256", "ES256", "none", "", None, 5, ["HS256"], ...]
LOADED: dict[str, Any] = {
    "secret": SECRET,
    "PEM": keys.public_pem(RSA),
    "PEM as text": keys.public_pem(RSA).decode(),
    "public JWK": RSA_KEY.to_public_jwk(),
    "oct JWK": OCT,
    "secret Key": Key.from_secret(SECRET),
    "public Key": RSA_KEY.public_key(),
    "cryptography": RSA.public_key(),
}


@pytest.mark.parametrize("alg", ALGS, ids=same_everywhere)
@pytest.mark.parametrize("loaded", LOADED)
def test_a2_an_alg_of_the_wrong_family_is_the_tokens_fault(loaded: str, alg: Any) -> None:
    """With HS and RS mixed, a token's alg is refused as its own fault, and never a 500."""
    public = "secret" not in loaded and "oct" not in loaded
    right = "RS256" if public else "HS256"
    app = with_loaders(
        decode_key=LOADED[loaded],
        ALGORITHM="HS256",
        DECODE_ALGORITHMS=["HS256", "RS256"],
        SECRET_KEY=SECRET,
    )
    header = {} if alg is ... else {"alg": alg}
    # signed by what an attacker has: the public key's own text
    secret = keys.public_pem(RSA) if public else OTHER
    error = InvalidSignatureError if alg == right else InvalidAlgorithmError
    with app.app_context(), pytest.raises(error):
        decode_token(hmac_signed(header, {"sub": "alice"}, secret))


def test_a2_a_loader_may_not_mix_secrets_and_public_keys_in_strict() -> None:
    """Where one kind is asked for, a loader that returns both is wrong, whatever the list says."""
    both = [Key.from_secret(SECRET, kid="s"), RSA_KEY.public_key()]
    listed = ("HS256", "RS256")
    mixed = LoadedKeys(KeyRules("HS256", listed))
    assert len(mixed.ring(both, listed, "decode_key_loader")) == 2
    strict = LoadedKeys(KeyRules("HS256", listed, one_kind=True))
    with pytest.raises(ConfigurationError, match=r"^what the decode_key_loader returned: secr"):
        strict.ring(both, listed, "decode_key_loader")
    assert len(strict.ring(both, ("HS256",), "decode_key_loader")) == 1


@pytest.mark.parametrize("several", [list, tuple, "JWKS"])
def test_a_loader_may_return_keys_of_several_algorithms(several: Any) -> None:
    """Of keys for several algorithms those serve that fit the token's alg."""
    both: Any
    if several == "JWKS":
        both = {"keys": [RSA_KEY.to_public_jwk(), EC_KEY.to_public_jwk()]}
    else:
        both = several([RSA_KEY.public_key(), EC_KEY.public_key()])
    app = with_loaders(decode_key=both, ALGORITHM="RS256", DECODE_ALGORITHMS=["RS256", "ES256"])
    with app.app_context():
        for key in (RSA_KEY, EC_KEY):
            token = encode({"kid": key.kid}, {"sub": "alice"}, key)
            assert decode_token(token)["sub"] == "alice"


@pytest.mark.parametrize("value", [5, object(), "no PEM", {"kty": "EC"}], ids=same_everywhere)
def test_a_decode_key_that_is_none(value: Any) -> None:
    """What fits no algorithm of the application is the loader's fault, and named so."""
    app = with_loaders(decode_key=value, ALGORITHM="RS256", PRIVATE_KEY=RSA)
    with app.app_context(), pytest.raises(ConfigurationError) as caught:
        decode_token(new_token(ALGORITHM="RS256", PRIVATE_KEY=RSA))
    assert str(caught.value).startswith("what the decode_key_loader returned")


def test_a_loaded_key_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a PEM costs more than a signature, so it is read once; the cache has a bound."""
    reads: list[Any] = []
    read = Key.from_pem.__func__  # type: ignore[attr-defined]

    def counting(cls: type[Key], pem: Any, *args: Any, **kwargs: Any) -> Key:
        reads.append(pem)
        return read(cls, pem, *args, **kwargs)  # type: ignore[no-any-return]

    monkeypatch.setattr(Key, "from_pem", classmethod(counting))
    app = with_loaders(decode_key=keys.public_pem(RSA), ALGORITHM="RS256", PRIVATE_KEY=RSA)
    with app.app_context():
        token = create_access_token("alice")
        for _ in range(5):
            decode_token(token)
        assert len(reads) == 1


def test_the_cache_of_loaded_keys_has_a_bound() -> None:
    """A secret for each user does not fill the memory: what was read is kept up to a bound."""
    loaded = LoadedKeys(KeyRules("HS256", ("HS256",)))
    for number in range(1000):
        secret = f"{number:04}{TEXT}"
        ring = loaded.ring(secret, ("HS256",), "a_loader")
        assert [key.algorithm for key in ring] == ["HS256"]
        assert loaded.ring(secret, ("HS256",), "a_loader") is ring
    assert len(loaded._rings) <= 256


def test_a_text_and_its_bytes_under_two_algorithms_are_four_keys() -> None:
    """What was loaded for one algorithm is not taken for another."""
    loaded = LoadedKeys(KeyRules("HS256", ("HS256", "HS512")))
    found = [
        loaded.ring(value, (name,), "a_loader")
        for _ in range(2)
        for value in (TEXT, TEXT.encode())
        for name in ("HS256", "HS512")
    ]
    assert len({id(ring) for ring in found}) == 4
    assert [ring[0].algorithm for ring in found] == ["HS256", "HS512"] * 4


def test_loaded_keys_belong_to_their_options() -> None:
    """A key that was loaded when weak keys were allowed is refused when they are not any more."""
    with with_loaders(decode_key="short", SECRET_KEY=SECRET).app_context() as context:
        token = signed({"sub": "alice"}, Key.from_secret("short", allow_weak=True))
        with pytest.warns(WeakSecretWarning, match="^what the decode_key_loader returned is weak"):
            decode_token(token)
        decode_token(token)  # told once
        context.app.config["JWT_ALLOW_WEAK_KEYS"] = False
        with pytest.raises(ConfigurationError, match="weak key"):
            decode_token(token)
