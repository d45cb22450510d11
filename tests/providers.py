"""The access tokens of six providers, as their documentation shows them, and how each is added.

The configurations are those of docs/issuers.md, which a test compares.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from flask_signet import Key
from flask_signet.keys.urls import metadata_urls
from tests.issuers import Web, jwks, metadata, pair, token

NOW: Final = 1_700_000_000


@dataclass(frozen=True)
class Provider:
    """``options`` are add_issuer's; ``lookalikes`` are claims that make another kind of token."""

    issuer: str
    keys_at: str
    options: dict[str, Any]
    claims: dict[str, Any]
    identity: str
    header: dict[str, Any] = field(default_factory=dict)
    says_alg: bool = True
    lookalikes: tuple[dict[str, Any], ...] = ()

    @property
    def audience_claim(self) -> str:
        name: str = self.options.get("audience_claim", "aud")
        return name

    def web(self, *published: Key) -> Web:
        """The provider's documents, with these keys."""
        web = Web()
        web.pages[metadata_urls(self.issuer)[0]] = metadata(
            self.issuer, self.keys_at, id_token_signing_alg_values_supported=["RS256"]
        )
        members = [each.to_public_jwk() | {"x5c": ["MII..."]} for each in published]
        if not self.says_alg:
            for jwk in members:
                del jwk["alg"]
        web.pages[self.keys_at] = jwks(*members)
        return web

    def token(self, key: Key, claims: dict[str, Any] | None = None, **header: Any) -> str:
        """An access token as this provider makes them, but for these changes; ``...`` takes out."""
        made = self.claims | (claims or {})
        present = {name: value for name, value in made.items() if value is not ...}
        return token(key, present, **(self.header | header))


# auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
_AUTH0 = {
    "iss": "https://my-domain.auth0.com/",
    "sub": "auth0|123456",
    "aud": ["https://example.com/health-api", "https://my-domain.auth0.com/userinfo"],
    "exp": NOW + 86400,
    "iat": NOW,
    "scope": "openid profile read:patients read:admin",
}
AUTH0 = Provider(
    issuer="https://my-domain.auth0.com/",
    keys_at="https://my-domain.auth0.com/.well-known/jwks.json",
    options={"audience": "https://example.com/health-api"},
    claims=_AUTH0 | {"azp": "my_client_id"},
    identity="auth0|123456",
    lookalikes=({"aud": "my_client_id"},),  # an ID token is for the client
)
AUTH0_RFC9068 = Provider(
    issuer="https://my-domain.auth0.com/",
    keys_at="https://my-domain.auth0.com/.well-known/jwks.json",
    options={"audience": "https://example.com/health-api", "typ": "at+jwt"},
    claims=_AUTH0 | {"client_id": "my_client_id", "jti": "73WakrfVbNJBaAmhQtEeDv"},
    identity="auth0|123456",
    header={"typ": "at+jwt"},
)

KEYCLOAK = Provider(
    issuer="https://sso.example.com/realms/demo",
    keys_at="https://sso.example.com/realms/demo/protocol/openid-connect/certs",
    options={"audience": "my-api", "type_claim": ("typ", "Bearer")},
    claims={
        "exp": NOW + 300,
        "iat": NOW,
        "auth_time": NOW - 60,
        "jti": "onrtac:d58f5dc8-fd8f-462b-8a19-716f8f83985b",
        "iss": "https://sso.example.com/realms/demo",
        "aud": ["my-api", "account"],
        "sub": "36fa0f91-f94d-4a0c-afed-6b7d952e47da",
        "typ": "Bearer",
        "azp": "my-app",
        "sid": "2a88c258-f73a-4103-b862-e1fbd8f4e04e",
        "acr": "1",
        "allowed-origins": ["https://app.example.com"],
        "realm_access": {"roles": ["offline_access", "uma_authorization"]},
        "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
        "scope": "openid email profile",
        "email_verified": True,
        "preferred_username": "ada",
    },
    identity="36fa0f91-f94d-4a0c-afed-6b7d952e47da",
    lookalikes=({"typ": "ID"}, {"typ": "Refresh"}, {"typ": "Offline"}, {"typ": "bearer"}),
)

# docs.aws.amazon.com/cognito/latest/developerguide: "Understanding the access token"
COGNITO = Provider(
    issuer="https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_EXAMPLE",
    keys_at="https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_EXAMPLE/.well-known/jwks.json",
    options={
        "audience": "1example23456789",
        "audience_claim": "client_id",
        "type_claim": ("token_use", "access"),
    },
    claims={
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "device_key": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "cognito:groups": ["admin"],
        "iss": "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_EXAMPLE",
        "version": 2,
        "client_id": "1example23456789",
        "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "event_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "token_use": "access",
        "scope": "phone openid profile resourceserver.1/appclient2 email",
        "auth_time": NOW - 60,
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": "aaaaaaaa-bbbb-cccc-dddd-ffffffffffff",
        "username": "my-test-user",
    },
    identity="aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    lookalikes=({"token_use": "id"}, {"token_use": ["access"]}, {"token_use": None}),
)

# learn.microsoft.com/entra/identity-platform/access-token-claims-reference
_TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
ENTRA = Provider(
    issuer=f"https://login.microsoftonline.com/{_TENANT}/v2.0",
    keys_at=f"https://login.microsoftonline.com/{_TENANT}/discovery/v2.0/keys",
    options={
        "audience": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "identity_claim": "oid",
        "type_claim": ("ver", "2.0"),
    },
    claims={
        "aud": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "iss": f"https://login.microsoftonline.com/{_TENANT}/v2.0",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 4500,
        "aio": "AXQAi/8IAAAA",
        "azp": "11112222-bbbb-3333-cccc-4444dddd5555",
        "azpacr": "0",
        "name": "Ada Lovelace",
        "oid": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
        "preferred_username": "ada@example.com",
        "rh": "0.AAAA",
        "scp": "access_as_user",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": _TENANT,
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
    },
    identity="aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
    says_alg=False,
    lookalikes=({"ver": "1.0", "iss": f"https://sts.windows.net/{_TENANT}/"}, {"ver": 2.0}),
)

# developers.google.com/identity/openid-connect/openid-connect, an ID token's payload
GOOGLE = Provider(
    issuer="https://accounts.google.com",
    keys_at="https://www.googleapis.com/oauth2/v3/certs",
    options={"audience": "1234987819200.apps.googleusercontent.com"},
    claims={
        "iss": "https://accounts.google.com",
        "azp": "1234987819200.apps.googleusercontent.com",
        "aud": "1234987819200.apps.googleusercontent.com",
        "sub": "10769150350006150715113082367",
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
        "hd": "example.com",
        "email": "jsmith@example.com",
        "email_verified": True,
        "iat": NOW,
        "exp": NOW + 3600,
        "nonce": "0394852-3190485-2490358",
    },
    identity="10769150350006150715113082367",
    lookalikes=({"iss": "accounts.google.com"},),
)

# developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token
CLOUDFLARE = Provider(
    issuer="https://yourteam.cloudflareaccess.com",
    keys_at="https://yourteam.cloudflareaccess.com/cdn-cgi/access/certs",
    options={
        "audience": "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228",
        "type_claim": ("type", "app"),
        "jwks_url": "https://yourteam.cloudflareaccess.com/cdn-cgi/access/certs",
    },
    claims={
        "aud": ["32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"],
        "email": "user@example.com",
        "exp": NOW + 60,
        "iat": NOW,
        "nbf": NOW,
        "iss": "https://yourteam.cloudflareaccess.com",
        "type": "app",
        "identity_nonce": "6ei69kawdKzMIAPF",
        "sub": "7335d417-61da-459d-899c-0a01c76a2f94",
        "country": "US",
    },
    identity="7335d417-61da-459d-899c-0a01c76a2f94",
    # A service token's, which names nobody, and the team's own cookie's.
    lookalikes=({"sub": "", "common_name": "e367826f93b8d71185e03fe518aff3b4"}, {"type": "org"}),
)

PROVIDERS: Final = {
    "Auth0": AUTH0,
    "Auth0-RFC9068": AUTH0_RFC9068,
    "Keycloak": KEYCLOAK,
    "Cognito": COGNITO,
    "Entra": ENTRA,
    "Google": GOOGLE,
    "Cloudflare": CLOUDFLARE,
}
CURRENT: Final = pair("1234example=", 0)
RETIRED: Final = pair("retired", 1)
