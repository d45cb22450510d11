"""The examples of the RFCs are read, and made again."""

import json
from typing import Any

import pytest
from cryptography import x509

from flask_signet.exceptions import InvalidKeyError, InvalidTokenError
from flask_signet.jose import base64url, jws
from flask_signet.jose.jwk import Key

from . import vectors as rfc

A_PAYLOAD = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'

COOKBOOK_TOKENS = {
    name: f"{header}.{rfc.COOKBOOK_PAYLOAD}.{signature}"
    for name, header, signature in (
        ("RS256", rfc.COOKBOOK_HEADER_RS256, rfc.COOKBOOK_SIGNATURE_RS256),
        ("PS384", rfc.COOKBOOK_HEADER_PS384, rfc.COOKBOOK_SIGNATURE_PS384),
        ("ES512", rfc.COOKBOOK_HEADER_ES512, rfc.COOKBOOK_SIGNATURE_ES512),
        ("HS256", rfc.COOKBOOK_HEADER_HS256, rfc.COOKBOOK_SIGNATURE_HS256),
    )
}

EXAMPLES = [
    pytest.param(rfc.A1_TOKEN, rfc.A1_KEY, "HS256", A_PAYLOAD, id="7515-A.1"),
    pytest.param(rfc.A2_TOKEN, rfc.A2_KEY, "RS256", A_PAYLOAD, id="7515-A.2"),
    pytest.param(rfc.A3_TOKEN, rfc.A3_KEY, "ES256", A_PAYLOAD, id="7515-A.3"),
    pytest.param(rfc.A4_TOKEN, rfc.A4_KEY, "ES512", b"Payload", id="7515-A.4"),
    pytest.param(COOKBOOK_TOKENS["RS256"], rfc.COOKBOOK_RSA, "RS256", None, id="7520-4.1"),
    pytest.param(COOKBOOK_TOKENS["PS384"], rfc.COOKBOOK_RSA, "PS384", None, id="7520-4.2"),
    pytest.param(COOKBOOK_TOKENS["ES512"], rfc.COOKBOOK_EC, "ES512", None, id="7520-4.3"),
    pytest.param(COOKBOOK_TOKENS["HS256"], rfc.COOKBOOK_MAC, "HS256", None, id="7520-4.4"),
    pytest.param(
        rfc.ED25519_TOKEN,
        rfc.ED25519_KEY,
        "EdDSA",
        b"Example of Ed25519 signing",
        id="8037-A.4",
    ),
]
DETERMINISTIC = {"HS256", "RS256", "EdDSA"}


def cookbook_payload() -> bytes:
    """RFC 7520 section 4, figure 7: from The Fellowship of the Ring, with curly apostrophes."""
    return base64url.decode(rfc.COOKBOOK_PAYLOAD)


@pytest.mark.parametrize(("token", "jwk", "algorithm", "payload"), EXAMPLES)
def test_signed_example_verifies(
    token: str, jwk: dict[str, Any], algorithm: str, payload: bytes | None
) -> None:
    """A token that an RFC prints verifies under the key printed with it."""
    key = Key.from_jwk(jwk, algorithm)
    parsed = jws.parse(token)
    assert jws.verify(parsed, key) == (cookbook_payload() if payload is None else payload)
    assert parsed.header["alg"] == algorithm


@pytest.mark.parametrize(("token", "jwk", "algorithm", "payload"), EXAMPLES)
def test_public_half_suffices(
    token: str, jwk: dict[str, Any], algorithm: str, payload: bytes | None
) -> None:
    """What a private key of an RFC verifies, its public half verifies too."""
    key = Key.from_jwk(jwk, algorithm)
    if key.is_symmetric:
        with pytest.raises(InvalidKeyError):
            key.public_key()
    else:
        assert not key.public_key().can_sign
        assert jws.verify(jws.parse(token), key.public_key())


@pytest.mark.parametrize(("token", "jwk", "algorithm", "payload"), EXAMPLES)
def test_signature_can_be_made_again(
    token: str, jwk: dict[str, Any], algorithm: str, payload: bytes | None
) -> None:
    """A deterministic algorithm makes an RFC's signature again; another makes one as good."""
    key = Key.from_jwk(jwk, algorithm)
    signing_input, _, signature = token.rpartition(".")
    made = key.sign(signing_input.encode())
    assert (base64url.encode(made) == signature) == (algorithm in DETERMINISTIC)
    assert key.verify(signing_input.encode(), made)
    header, _, body = signing_input.partition(".")
    again = jws.sign_with_segment(header, base64url.decode(body), key)
    assert again.rpartition(".")[0] == signing_input


@pytest.mark.parametrize(("token", "jwk", "algorithm", "payload"), EXAMPLES)
def test_example_with_one_bit_changed_is_refused(
    token: str, jwk: dict[str, Any], algorithm: str, payload: bytes | None
) -> None:
    """An RFC's signature with one bit flipped, at either end, no longer holds."""
    key = Key.from_jwk(jwk, algorithm)
    signing_input, _, signature = token.rpartition(".")
    for position, bit in ((0, 1), (-1, 1), (7, 128)):
        changed = bytearray(base64url.decode(signature))
        changed[position] ^= bit
        assert not key.verify(signing_input.encode(), bytes(changed))
    assert not key.verify(signing_input.encode() + b"A", base64url.decode(signature))


def test_a5_unsecured_jws_is_refused() -> None:
    """RFC 7515 appendix A.5, alg none: it can be read, no key accepts it, none can be made."""
    parsed = jws.parse(rfc.A5_TOKEN)
    assert parsed.header == {"alg": "none"}
    assert parsed.signature == b""
    for jwk, algorithm in ((rfc.A1_KEY, "HS256"), (rfc.A2_KEY, "RS256"), (rfc.A3_KEY, "ES256")):
        with pytest.raises(InvalidTokenError):
            jws.verify(parsed, Key.from_jwk(jwk, algorithm))
    with pytest.raises(InvalidKeyError):
        Key.from_jwk({"kty": "oct", "k": ""}, "none")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(rfc.A6_JSON, id="7515-A.6"),
        pytest.param(rfc.A7_JSON, id="7515-A.7"),
        pytest.param(rfc.COOKBOOK_GENERAL_JSON, id="7520-4.4"),
    ],
)
def test_json_serialization_is_refused(text: str) -> None:
    """A JWT is a compact JWS (RFC 7519 section 3): no JSON serialization is read."""
    json.loads(text)  # it is what it says it is
    for form in (text, text.encode()):
        with pytest.raises(InvalidTokenError):
            jws.parse(form)


def test_appendix_e_critical_extension_is_refused() -> None:
    """RFC 7515 appendix E: a critical extension that is not understood refuses the token."""
    with pytest.raises(InvalidTokenError, match="crit"):
        jws.parse(rfc.E_TOKEN)


def test_detached_content_is_refused() -> None:
    """RFC 7520 section 4.5: without its content a signature proves nothing."""
    token = f"{rfc.COOKBOOK_HEADER_HS256}..{rfc.COOKBOOK_SIGNATURE_HS256}"
    with pytest.raises(InvalidTokenError):
        jws.verify(jws.parse(token), Key.from_jwk(rfc.COOKBOOK_MAC))


@pytest.mark.parametrize(
    ("jwk", "algorithm"),
    [
        pytest.param(rfc.JWK_A1_EC, "ES256", id="7517-A.1-EC"),
        pytest.param(rfc.JWK_A2_EC, "ES256", id="7517-A.2-EC"),
        pytest.param(rfc.JWK_A3_WRAP, "HS256", id="7517-A.3-A128KW"),
        pytest.param(rfc.JWK_A3_WRAP, None, id="7517-A.3-A128KW-alone"),
        pytest.param(rfc.COOKBOOK_ENCRYPTION, None, id="7520-3.6"),
        pytest.param({**rfc.COOKBOOK_ENCRYPTION, "alg": "HS256"}, None, id="7520-3.6-use"),
    ],
)
def test_encryption_keys_are_refused(jwk: dict[str, Any], algorithm: str | None) -> None:
    """A key that its JWK says is for encryption neither signs nor verifies."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(jwk, algorithm)


@pytest.mark.parametrize(
    ("jwk", "algorithm", "kid", "can_sign"),
    [
        pytest.param(rfc.JWK_A1_RSA, None, "2011-04-29", False, id="7517-A.1-RSA"),
        pytest.param(rfc.JWK_A2_RSA, None, "2011-04-29", True, id="7517-A.2-RSA"),
        pytest.param(
            rfc.JWK_A3_HMAC,
            "HS256",
            "HMAC key used in JWS spec Appendix A.1 example",
            True,
            id="7517-A.3-HMAC",
        ),
        pytest.param(rfc.JWK_B, "RS256", "1b94c", False, id="7517-B"),
        pytest.param(
            rfc.COOKBOOK_EC_PUBLIC, None, "bilbo.baggins@hobbiton.example", False, id="7520-3.1"
        ),
        pytest.param(rfc.COOKBOOK_EC, None, "bilbo.baggins@hobbiton.example", True, id="7520-3.2"),
        pytest.param(
            rfc.COOKBOOK_RSA_PUBLIC, "PS512", "bilbo.baggins@hobbiton.example", False, id="7520-3.3"
        ),
        pytest.param(
            rfc.COOKBOOK_RSA, "PS512", "bilbo.baggins@hobbiton.example", True, id="7520-3.4"
        ),
        pytest.param(
            rfc.COOKBOOK_MAC, None, "018c0ae5-4d9b-471b-bfd6-eef314bc7037", True, id="7520-3.5"
        ),
    ],
)
def test_keys_of_the_rfcs_load(
    jwk: dict[str, Any], algorithm: str | None, kid: str, can_sign: bool
) -> None:
    """A signature key that an RFC prints loads, from a mapping and from text, with its kid."""
    for form in (jwk, json.dumps(jwk), json.dumps(jwk).encode()):
        key = Key.from_jwk(form, algorithm)
        assert (key.kid, key.can_sign) == (kid, can_sign)
        members = key.to_private_jwk() if can_sign else key.to_public_jwk()
        same = {name: value for name, value in jwk.items() if name not in {"x5c", "use", "alg"}}
        assert same.items() <= members.items()
        assert members["alg"] == (algorithm or jwk.get("alg") or "ES512")


def test_public_and_private_keys_of_7517_are_pairs() -> None:
    """The public key of RFC 7517 appendix A.1 verifies what the private one of A.2 signs."""
    signature = Key.from_jwk(rfc.JWK_A2_RSA).sign(b"data")
    assert Key.from_jwk(rfc.JWK_A1_RSA).verify(b"data", signature)


def test_hmac_key_of_7517_is_that_of_7515() -> None:
    """RFC 7517 appendix A.3 prints the key that verifies RFC 7515 appendix A.1."""
    key = Key.from_jwk(rfc.JWK_A3_HMAC, "HS256")
    assert jws.verify(jws.parse(rfc.A1_TOKEN), key) == A_PAYLOAD


def test_x5c_certificate_has_the_same_key() -> None:
    """The certificate in RFC 7517 appendix B holds the key beside it, and loads by itself."""
    [body] = rfc.JWK_B["x5c"]
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    certified = Key.from_pem(pem, "RS256")
    assert certified.thumbprint() == Key.from_jwk(rfc.JWK_B, "RS256").thumbprint()
    assert not certified.can_sign
    assert x509.load_pem_x509_certificate(pem.encode()).serial_number == 0x13CFF16E2E2


def test_7638_thumbprint() -> None:
    """RFC 7638 section 3.1: the thumbprint ignores alg and kid, and the private members."""
    for jwk in (rfc.JWK_A1_RSA, rfc.JWK_A2_RSA):
        assert Key.from_jwk(jwk).thumbprint() == rfc.THUMBPRINT_7638
    bare = {name: rfc.JWK_A1_RSA[name] for name in ("n", "e", "kty")}
    assert Key.from_jwk(bare, "PS256").kid == rfc.THUMBPRINT_7638


def test_8037_thumbprint() -> None:
    """RFC 8037 appendix A.3, for the private key of A.1 and the public one of A.2."""
    for jwk in (rfc.ED25519_KEY, rfc.ED25519_PUBLIC):
        key = Key.from_jwk(jwk, "EdDSA")
        assert key.thumbprint() == key.kid == rfc.ED25519_THUMBPRINT


def test_8037_public_half() -> None:
    """The public half of RFC 8037's key of A.1 is that of A.2."""
    members = Key.from_jwk(rfc.ED25519_KEY, "EdDSA", kid=None).to_public_jwk()
    assert members == {**rfc.ED25519_PUBLIC, "alg": "EdDSA", "use": "sig"}


def test_9864_names_say_the_curve() -> None:
    """RFC 9864's Ed25519 is EdDSA's signature under a name that a token for EdDSA does not have."""
    key = Key.from_jwk(rfc.ED25519_KEY, "Ed25519")
    signing_input, _, signature = rfc.ED25519_TOKEN.rpartition(".")
    assert base64url.encode(key.sign(signing_input.encode())) == signature
    with pytest.raises(InvalidTokenError):
        jws.verify(jws.parse(rfc.ED25519_TOKEN), key)
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(rfc.ED25519_KEY, "Ed448")


@pytest.mark.parametrize("algorithm", ["Ed448", "EdDSA"])
@pytest.mark.parametrize(("message", "secret", "public", "signature"), rfc.ED448_VECTORS)
def test_8032_ed448(message: str, secret: str, public: str, signature: str, algorithm: str) -> None:
    """RFC 8032 section 7.4: Ed448 makes and takes the signatures printed there."""
    jwk = {
        "kty": "OKP",
        "crv": "Ed448",
        "d": base64url.encode(bytes.fromhex(secret)),
        "x": base64url.encode(bytes.fromhex(public)),
    }
    key = Key.from_jwk(jwk, algorithm)
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert key.public_key().verify(bytes.fromhex(message), bytes.fromhex(signature))
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(jwk, "Ed25519")
