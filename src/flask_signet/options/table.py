"""The options: one table, :class:`Settings`, from which everything else is made.

A field of the table is one option: its name in ``app.config``, its default, the default of the
strict profile (``JWT_PROFILE = "strict"``), its check, and a sentence about it. The defaults, the
errors, the documentation and :data:`flask_signet.config.config` are all made from the table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Literal

from ..jose.algorithms import ALGORITHMS
from ..jose.weak_keys import AllowWeak
from ..jwt.claims import ClaimRules
from . import checks
from .checks import Check
from .lifetime import Lifetime

_SAME: Final = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One option, a row of the table.

    :param name: in ``app.config``, without the prefix ``JWT_``.
    :param default: of the profile ``compatible``.
    :param strict: the default of the profile ``strict``.
    :param check: makes the value to use of the value that was written, or raises ValueError.
    :param about: a sentence for the documentation.
    :param new: Flask-JWT-Extended does not have it.
    :param told: whether an error shows its value: no key, and no URL, which may have a password.
    """

    name: str
    default: Any
    strict: Any
    check: Check
    about: str
    new: bool
    told: bool

    def default_in(self, profile: str) -> Any:
        """The default in a profile; a new list each time, which belongs to one application."""
        value = self.strict if profile == "strict" and self.strict is not _SAME else self.default
        return list(value) if isinstance(value, list) else value


def _option(
    name: str,
    default: Any,
    check: Check,
    about: str,
    *,
    strict: Any = _SAME,
    new: bool = False,
    shown: bool = True,
    told: bool = True,
) -> Any:
    # `shown`: whether the settings print the value. What they don't print, no error tells.
    option = Option(name, default, strict, check, about, new, told and shown)
    return dataclasses.field(metadata={"option": option}, repr=shown)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one manager in one application, checked. Times are in seconds.

    The attributes have Flask-JWT-Extended's names where it has the option.
    """

    profile: str = _option(
        "PROFILE",
        "compatible",
        checks.choice(*checks.PROFILES),
        "Which column of defaults applies: `compatible` is Flask-JWT-Extended's behaviour, "
        "`strict` is what the standards ask for. Read by `init_app`.",
        strict="strict",
        new=True,
    )

    # keys and algorithms
    algorithm: str = _option(
        "ALGORITHM",
        "HS256",
        checks.algorithm,
        "The algorithm that signs.",
        told=False,  # a key may be there by mistake: it stands beside the keys
    )
    _decode_algorithms: tuple[str, ...] = _option(
        "DECODE_ALGORITHMS",
        None,
        checks.algorithms,
        "Algorithms that a token may be signed with, besides `JWT_ALGORITHM`. With `JWT_KEYS`: all "
        "that a key may be for; None: each key says its own.",
    )
    secret_key: Any = _option(
        "SECRET_KEY",
        None,
        checks.anything,
        "The secret of the HS algorithms: text, bytes, a JWK or a `Key`. "
        "Without it, Flask's `SECRET_KEY`.",
        shown=False,
    )
    secret_key_fallbacks: tuple[Any, ...] = _option(
        "SECRET_KEY_FALLBACKS",
        None,
        checks.fallbacks,
        "Secrets that were in use before: they verify, they don't sign. Flask's own "
        "`SECRET_KEY_FALLBACKS` go with its `SECRET_KEY`.",
        new=True,
        shown=False,
    )
    private_key: Any = _option(
        "PRIVATE_KEY",
        None,
        checks.anything,
        "The key that signs with the other algorithms: PEM, a JWK, a `cryptography` key "
        "or a `Key`.",
        shown=False,
    )
    public_key: Any = _option(
        "PUBLIC_KEY",
        None,
        checks.anything,
        "The key, or the JWKS, that verifies. Without it, the public half of `JWT_PRIVATE_KEY`.",
        shown=False,
    )
    keys: Any = _option(
        "KEYS",
        None,
        checks.keys,
        "A key ring in place of the options above: a list of keys or JWKs (the first signs), a "
        "JWKS, the path of a JWKS file or of a folder of keys, `env:NAME`, `store:` (the session "
        "store's database), or a function that returns keys.",
        new=True,
        shown=False,
    )
    keys_refresh: float = _option(
        "KEYS_REFRESH",
        30,
        checks.above_zero,
        "Seconds after which `JWT_KEYS` is read again, where it can change.",
        new=True,
    )
    allow_weak_keys: AllowWeak = _option(
        "ALLOW_WEAK_KEYS",
        True,
        checks.weak_keys,
        "Weak keys that are taken, with a warning. `short`: an HMAC secret shorter than its hash, "
        "RSA below 2048 bits (RFC 7518 sections 3.2 and 3.3). `guessable`: a secret that reads "
        "like a tutorial's, or has few different characters. True: both; False: none.",
        strict=False,
        new=True,
    )
    encode_kid: bool = _option(
        "ENCODE_KID",
        False,
        checks.flag,
        "Put the name of the signing key into the header (`kid`); a key without a name gets its "
        "thumbprint, a secret gets none. A key that has a name of its own is always named. It "
        "changes nothing in which tokens are taken.",
        strict=True,
        new=True,
    )

    # what a token says
    access_expires: Lifetime = _option(
        "ACCESS_TOKEN_EXPIRES",
        timedelta(minutes=15),
        checks.lifetime,
        "How long an access token lives: seconds, a timedelta, or False for ever.",
    )
    refresh_expires: Lifetime = _option(
        "REFRESH_TOKEN_EXPIRES",
        timedelta(days=30),
        checks.lifetime,
        "How long a refresh token lives: seconds, a timedelta, or False for ever.",
    )
    identity_claim_key: str = _option(
        "IDENTITY_CLAIM", "sub", checks.claim, "The claim that holds the identity."
    )
    identity_type: Callable[[str], Any] | None = _option(
        "IDENTITY_TYPE",
        None,
        checks.maybe_callable,
        "Makes an identity from its text, e.g. `int` or `uuid.UUID`. With it, `sub` is a "
        "string in the token and `get_jwt_identity()` gives the type back.",
        new=True,
    )
    verify_sub: bool | None = _option(
        "VERIFY_SUB",
        None,
        checks.choice(None, True, False),
        "What `sub` may be: a string or an int (None), a string (True), anything (False).",
        strict=True,
    )
    encode_nbf: bool = _option("ENCODE_NBF", True, checks.flag, "Put `nbf` into a token.")
    encode_audience: str | list[str] | None = _option(
        "ENCODE_AUDIENCE", None, checks.audience, "The `aud` of a token: a text or several."
    )
    encode_issuer: str | None = _option(
        "ENCODE_ISSUER", None, checks.maybe_text, "The `iss` of a token."
    )
    decode_audience: frozenset[str] | Literal[False] | None = _option(
        "DECODE_AUDIENCE",
        None,
        checks.audiences,
        "`aud` must name one of these: a text or several. None: no `aud` is asked for, and strict "
        "refuses a token that has one (RFC 7519 section 4.1.3). False: take any.",
    )
    decode_issuer: frozenset[str] | None = _option(
        "DECODE_ISSUER", None, checks.names, "`iss` must be this, or one of these."
    )
    leeway: float = _option(
        "DECODE_LEEWAY",
        0,
        checks.leeway,
        "Seconds by which the clocks of issuer and verifier may differ.",
        strict=5,
    )
    require_exp: bool = _option(
        "REQUIRE_EXP", False, checks.flag, "Refuse a token without `exp`.", strict=True, new=True
    )
    require_type: bool = _option(
        "REQUIRE_TYPE",
        False,
        checks.flag,
        "An access token must say `type: access`. If False, every type but `refresh` is an access "
        "token.",
        strict=True,
        new=True,
    )
    allow_bound_tokens: bool = _option(
        "ALLOW_BOUND_TOKENS",
        False,
        checks.flag,
        "Take a token that is bound to its client's key (`cnf`, RFC 7800) without a proof of that "
        "key: for an application that checks the proof by itself.",
        new=True,
    )
    explicit_typ: bool = _option(
        "EXPLICIT_TYP",
        False,
        checks.flag,
        "Tokens carry `typ: at+jwt` or `rt+jwt` in the header, and are refused without it "
        "(RFC 8725 section 3.11, RFC 9068 section 2.1).",
        strict=True,
        new=True,
    )
    bounded_ids: bool = _option(
        "BOUNDED_IDS",
        False,
        checks.flag,
        "`sub` has 1 to 255 characters, `jti` is present and has 1 to 64, `fresh` does not outlive "
        "`exp`.",
        strict=True,
        new=True,
    )
    max_token_length: int = _option(
        "MAX_TOKEN_LENGTH",
        16 * 1024,
        checks.positive,
        "Characters of a token; a longer one is refused unread.",
        strict=8 * 1024,
        new=True,
    )
    max_body_length: int = _option(
        "MAX_BODY_LENGTH",
        1024 * 1024,
        checks.positive,
        "Bytes of a JSON body that is read for its token, or of a form that is read for its CSRF "
        "value; a longer one is answered 413 unread.",
        strict=256 * 1024,
        new=True,
    )
    allow_base64_padding: bool = _option(
        "ALLOW_BASE64_PADDING",
        False,
        checks.flag,
        "Take tokens whose segments are padded with `=`, as AWS load balancers send them.",
        new=True,
    )

    # answers
    error_msg_key: str = _option(
        "ERROR_MESSAGE_KEY", "msg", checks.text, "The member of an error's body that has the text."
    )
    error_format: str = _option(
        "ERROR_FORMAT",
        "msg",
        checks.choice(*checks.ERROR_FORMATS),
        "An error's body: `msg` is the text alone, `coded` adds `error` with a stable code, "
        "`problem` is RFC 9457's problem details.",
        strict="coded",
        new=True,
    )
    rfc6750_status: bool = _option(
        "RFC6750_STATUS",
        False,
        checks.flag,
        "Answer 401 to every unacceptable token (RFC 6750 section 3.1), not 422 or 400.",
        strict=True,
        new=True,
    )

    # where the token is
    token_location: tuple[str, ...] = _option(
        "TOKEN_LOCATION",
        ("headers",),
        checks.locations,
        "Where to look for a token, in order: `headers`, `cookies`, `query_string`, `json`.",
    )
    refuse_several_tokens: bool = _option(
        "REFUSE_SEVERAL_TOKENS",
        False,
        checks.flag,
        "Answer 400 to a request with more than one token (RFC 6750 section 2), and to a JSON body "
        "with a token and two members of one name.",
        strict=True,
        new=True,
    )
    options_exempt: str = _option(
        "OPTIONS_EXEMPT",
        "all",
        checks.choice("all", "preflight"),
        "Which OPTIONS requests need no token: all of them, or a CORS preflight only, which never "
        "reaches the view.",
        strict="preflight",
        new=True,
    )
    header_name: str = _option(
        "HEADER_NAME", "Authorization", checks.text, "The header that has the token."
    )
    header_type: str = _option(
        "HEADER_TYPE", "Bearer", checks.any_text, "The scheme before the token; empty for none."
    )
    header_type_ignore_case: bool = _option(
        "HEADER_TYPE_IGNORE_CASE",
        False,
        checks.flag,
        "Take the scheme in any case (RFC 9110 section 11.1).",
        strict=True,
        new=True,
    )
    query_string_name: str = _option(
        "QUERY_STRING_NAME", "jwt", checks.text, "The query parameter that has the token."
    )
    query_string_value_prefix: str = _option(
        "QUERY_STRING_VALUE_PREFIX", "", checks.any_text, "What stands before the token there."
    )
    query_string_protect: bool = _option(
        "QUERY_STRING_PROTECT",
        False,
        checks.flag,
        "Take no refresh token from a query string, and mark the answer `no-store` and "
        "`no-referrer` (RFC 9700 section 4.3.2).",
        strict=True,
        new=True,
    )
    json_key: str = _option(
        "JSON_KEY",
        "access_token",
        checks.text,
        "The member of a JSON body that has the access token.",
    )
    refresh_json_key: str = _option(
        "REFRESH_JSON_KEY", "refresh_token", checks.text, "The same for a refresh token."
    )

    # cookies
    access_cookie_name: str = _option(
        "ACCESS_COOKIE_NAME",
        "access_token_cookie",
        checks.text,
        "The cookie of the access token.",
        strict="__Host-access_token",
    )
    refresh_cookie_name: str = _option(
        "REFRESH_COOKIE_NAME",
        "refresh_token_cookie",
        checks.text,
        "The cookie of the refresh token.",
        strict="__Secure-refresh_token",
    )
    access_cookie_path: str = _option(
        "ACCESS_COOKIE_PATH",
        "/",
        checks.text,
        "The path that the access token's cookie is sent to.",
    )
    refresh_cookie_path: str = _option(
        "REFRESH_COOKIE_PATH",
        "/",
        checks.text,
        "The path that the refresh token's cookie is sent to.",
    )
    cookie_domain: str | None = _option(
        "COOKIE_DOMAIN", None, checks.maybe_text, "The domain of the cookies; None: this host only."
    )
    cookie_secure: bool = _option(
        "COOKIE_SECURE", False, checks.flag, "Send the cookies over HTTPS only.", strict=True
    )
    cookie_samesite: str | None = _option(
        "COOKIE_SAMESITE",
        None,
        checks.samesite,
        'The cookies\' SameSite: "Strict", "Lax", "None", or None to leave it out.',
        strict="Lax",
    )
    refresh_cookie_samesite: str | None = _option(
        "REFRESH_COOKIE_SAMESITE",
        None,
        checks.samesite,
        "The same for the refresh token's cookie; None: as `JWT_COOKIE_SAMESITE`.",
        strict="Strict",
        new=True,
    )
    session_cookie: bool = _option(
        "SESSION_COOKIE",
        True,
        checks.flag,
        "Cookies end when the browser is closed; if False, after a year.",
    )
    cookie_expires_with_token: bool = _option(
        "COOKIE_EXPIRES_WITH_TOKEN",
        False,
        checks.flag,
        "With `JWT_SESSION_COOKIE = False`: a cookie ends when its token does.",
        strict=True,
        new=True,
    )
    cookie_domains_before: tuple[str, ...] = _option(
        "COOKIE_DOMAINS_BEFORE",
        None,
        checks.domains,
        "Values that `JWT_COOKIE_DOMAIN` had before: a log-in and a log-out clear the cookies of "
        "these domains, and the cookies without a domain.",
        new=True,
    )
    renew_cookies: bool = _option(
        "RENEW_COOKIES",
        False,
        checks.flag,
        "A guard renews an access cookie that has expired or is missing, with the refresh cookie, "
        "before the view runs: for pages without scripts.",
        new=True,
    )

    # CSRF
    cookie_csrf_protect: bool = _option(
        "COOKIE_CSRF_PROTECT", True, checks.flag, "Tokens in cookies need a CSRF value beside them."
    )
    csrf_in_cookies: bool = _option(
        "CSRF_IN_COOKIES",
        True,
        checks.flag,
        "Set the CSRF values in cookies that scripts can read.",
    )
    csrf_request_methods: frozenset[str] | None = _option(
        "CSRF_METHODS",
        ["POST", "PUT", "PATCH", "DELETE"],
        checks.methods,
        "Methods that need the CSRF value; `unsafe`: all but GET, HEAD and OPTIONS.",
        strict="unsafe",
    )
    csrf_check_form: bool = _option(
        "CSRF_CHECK_FORM", False, checks.flag, "Look for the CSRF value in a form field too."
    )
    csrf_check_origin: bool = _option(
        "CSRF_CHECK_ORIGIN",
        False,
        checks.flag,
        "Refuse an unsafe request whose `Sec-Fetch-Site` or `Origin` names another site.",
        strict=True,
        new=True,
    )
    csrf_claim: str = _option(
        "CSRF_CLAIM",
        "always",
        checks.choice("always", "cookies"),
        "Which tokens carry a `csrf` claim: all, or only where cookies are a location.",
        strict="cookies",
        new=True,
    )
    access_csrf_cookie_name: str = _option(
        "ACCESS_CSRF_COOKIE_NAME",
        "csrf_access_token",
        checks.text,
        "The cookie of the access token's CSRF value.",
        strict="__Host-csrf_access_token",
    )
    refresh_csrf_cookie_name: str = _option(
        "REFRESH_CSRF_COOKIE_NAME",
        "csrf_refresh_token",
        checks.text,
        "The cookie of the refresh token's CSRF value.",
        strict="__Secure-csrf_refresh_token",
    )
    access_csrf_cookie_path: str = _option(
        "ACCESS_CSRF_COOKIE_PATH", "/", checks.text, "The path of the access token's CSRF cookie."
    )
    refresh_csrf_cookie_path: str = _option(
        "REFRESH_CSRF_COOKIE_PATH", "/", checks.text, "The path of the refresh token's CSRF cookie."
    )
    access_csrf_field_name: str = _option(
        "ACCESS_CSRF_FIELD_NAME",
        "csrf_token",
        checks.text,
        "The form field of the access token's CSRF value.",
    )
    refresh_csrf_field_name: str = _option(
        "REFRESH_CSRF_FIELD_NAME",
        "csrf_token",
        checks.text,
        "The form field of the refresh token's CSRF value.",
    )
    access_csrf_header_name: str = _option(
        "ACCESS_CSRF_HEADER_NAME",
        "X-CSRF-TOKEN",
        checks.text,
        "The header of the access token's CSRF value.",
    )
    refresh_csrf_header_name: str = _option(
        "REFRESH_CSRF_HEADER_NAME",
        "X-CSRF-TOKEN",
        checks.text,
        "The header of the refresh token's CSRF value.",
    )
    trusted_origins: frozenset[str] = _option(
        "TRUSTED_ORIGINS",
        None,
        checks.origins,
        "Other origins whose pages may send requests with cookies, e.g. "
        "`https://app.example.com`: the origin check lets them in.",
        new=True,
    )

    # sessions
    session_store: Any = _option(
        "SESSION_STORE",
        None,
        checks.store,
        "Where sessions and revocations are kept: a URL (`sqlite:///sessions.db`, "
        "`postgresql://...`, `mysql://...`, `redis://...`, `memory://`) or a store. Without "
        "one, there are no sessions, as in Flask-JWT-Extended.",
        new=True,
        shown=False,
    )
    store_timeout: float = _option(
        "STORE_TIMEOUT",
        2,
        checks.above_zero,
        "Seconds that a request waits for the store; then it is answered 503.",
        new=True,
    )
    refresh_rotation: bool | None = _option(
        "REFRESH_ROTATION",
        None,
        checks.choice(None, True, False),
        "Each refresh token is good once (RFC 9700 section 4.14.2). None: True where there is a "
        "store.",
        new=True,
    )
    refresh_reuse_grace: float = _option(
        "REFRESH_REUSE_GRACE",
        10,
        checks.leeway,
        "Seconds in which a refresh token that was replaced gets the session's live one; 0 is "
        "strict.",
        new=True,
    )
    refresh_idle_expires: Lifetime = _option(
        "REFRESH_IDLE_EXPIRES",
        None,
        checks.maybe_lifetime,
        "How long a session lives without a refresh; None: `JWT_REFRESH_TOKEN_EXPIRES`.",
        new=True,
    )
    refresh_absolute_expires: Lifetime = _option(
        "REFRESH_ABSOLUTE_EXPIRES",
        timedelta(days=90),
        checks.lifetime,
        "How long a session lives at most, however often it is refreshed; False: for ever.",
        new=True,
    )
    max_sessions_per_subject: int = _option(
        "MAX_SESSIONS_PER_SUBJECT",
        0,
        checks.count,
        "How many sessions one subject can have at once: the oldest are ended; 0: any number.",
        strict=100,
        new=True,
    )
    revocation_max_staleness: float = _option(
        "REVOCATION_MAX_STALENESS",
        2,
        checks.leeway,
        "Seconds by which this process may lag behind a revocation made by another; past it "
        "the store is asked.",
        new=True,
    )
    revocation_on_store_error: str = _option(
        "REVOCATION_ON_STORE_ERROR",
        "refuse",
        checks.choice("refuse", "allow"),
        "What a guard does while the store does not answer: `refuse` with 503, or `allow`.",
        new=True,
    )
    refresh_short_idle_expires: Lifetime = _option(
        "REFRESH_SHORT_IDLE_EXPIRES",
        timedelta(days=1),
        checks.lifetime,
        "The same as `JWT_REFRESH_IDLE_EXPIRES` for a log-in with `remember=False`; the shorter of "
        "both counts.",
        new=True,
    )
    store_owner: str | None = _option(
        "STORE_OWNER",
        None,
        checks.maybe_text,
        "The name under which the store keeps this manager's sessions, revocations and keys; "
        "None: the manager's own name. Two applications with one store need two.",
        new=True,
    )

    token_cache: int = _option(
        "TOKEN_CACHE",
        4096,
        checks.count,
        "How many verified tokens a process remembers: the signature of each is checked once, all "
        "else at each request; 0: none.",
        new=True,
    )

    # made of the options above, once
    rules: ClaimRules = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        subject = {None: "string_or_int", True: "string", False: "anything"}[self.verify_sub]
        rules = ClaimRules(
            identity_claim=self.identity_claim_key,
            issuers=self.decode_issuer,
            audiences=None if self.decode_audience is False else self.decode_audience,
            refuses_audience=self.decode_audience is None and self.profile == "strict",
            leeway=self.leeway,
            subject=subject,  # type: ignore[arg-type]  # the three values are the literal's
            require_exp=self.require_exp,
            require_type=self.require_type,
            bounded_ids=self.bounded_ids,
        )
        object.__setattr__(self, "rules", rules)

    @property
    def is_asymmetric(self) -> bool:
        return not ALGORITHMS[self.algorithm].is_symmetric

    @property
    def listed_algorithms(self) -> tuple[str, ...]:
        """``JWT_DECODE_ALGORITHMS`` as it was written; empty where it was not."""
        return self._decode_algorithms

    @property
    def decode_algorithms(self) -> list[str]:
        names = self._decode_algorithms
        # The keys of JWT_KEYS don't follow JWT_ALGORITHM: there a list is the whole list.
        is_whole = self.algorithm in names or bool(names and self.keys is not None)
        return [*names] if is_whole else [*names, self.algorithm]

    @property
    def rotates(self) -> bool:
        """Whether a refresh replaces the refresh token."""
        return self.session_store is not None and self.refresh_rotation is not False

    @property
    def puts_csrf(self) -> bool:
        """Whether a new token gets a ``csrf`` claim."""
        return self.cookie_csrf_protect and (
            self.csrf_claim == "always" or "cookies" in self.token_location
        )


OPTIONS: Final[dict[str, Option]] = {
    field.name: field.metadata["option"]
    for field in dataclasses.fields(Settings)
    if "option" in field.metadata
}
"""The table by attribute of :class:`Settings`."""

ONE_YEAR: Final = 31540000
"""Seconds that a cookie lives with ``JWT_SESSION_COOKIE = False``; Flask-JWT-Extended's figure."""
