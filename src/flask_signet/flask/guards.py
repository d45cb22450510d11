"""Guards for views: the whole way of a protected request."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeVar, cast

from flask import Request, current_app

from ..engine.admission import Admission
from ..engine.rule import Rule
from ..engine.signet import Signet
from ..exceptions import ExpiredSignatureError, NoAuthorizationError
from ..options.table import Settings
from .credentials import find
from .current import request_itself
from .installation import Installation, installation
from .renewal import Renewal, Rotates

V = TypeVar("V", bound=Callable[..., Any])


class Guard(Protocol):
    """A decorator that gives a view back with its type."""

    def __call__(self, view: V, /) -> V: ...


def guarding(rule: Rule, check: Callable[[], object], name: str) -> Guard:
    """A decorator whose view runs once a check has let its request pass.

    A CORS preflight that needs no token never reaches the view where ``JWT_OPTIONS_EXEMPT`` is
    ``preflight``: it is answered as Flask answers OPTIONS.

    :param rule: what the check asks; it is the view's attribute ``rule``.
    :param check: returns what it found; None where it let a request pass without a token.
    :param name: of the manager.
    """

    def decorate(view: V) -> V:
        is_async = iscoroutinefunction(view)  # asked once here, not at every request

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if check() is None and _is_answered_for(view, name):
                return current_app.make_default_options_response()
            if is_async:
                return current_app.ensure_sync(view)(*args, **kwargs)
            return view(*args, **kwargs)

        guarded.rule = rule  # type: ignore[attr-defined]  # an attribute of a function
        return cast(V, guarded)

    return decorate


def _is_answered_for(view: Callable[..., Any], name: str) -> bool:
    """Whether a request without a token is a preflight that the view is not to see.

    A decorator below the guard that answers OPTIONS says so, as Flask-CORS does, by Flask's
    attribute ``provide_automatic_options``.
    """
    carrier = request_itself()
    if carrier.method != "OPTIONS" or getattr(view, "provide_automatic_options", None) is False:
        return False
    settings = installation(name).current.signet().settings
    return settings.options_exempt == "preflight" and is_exempt(carrier, settings)


def admit_request(
    manager: Rotates, here: Installation, rule: Rule, signet: Signet | None = None
) -> Admission | None:
    """Admit this request, or refuse it. With ``JWT_RENEW_COOKIES`` it may be renewed first.

    :param here: the manager's installation.
    :param signet: works by this one; None: by the options of now.
    :return: what was found; None for an OPTIONS request that needs no token, and where there is no
        token and the rule is ``optional``.
    :raises SignetError: one of its classes, by what is wrong.
    """
    carrier = request_itself()
    signet = signet or here.signet()
    if carrier.method == "OPTIONS" and is_exempt(carrier, signet.settings):
        here.current.keep(carrier, (signet, Admission.without_token()), mirrored=False)
        return None
    try:
        # This alone, not what follows: a loader that raises the same error refuses a token.
        credentials = find(carrier, signet, rule)
    except NoAuthorizationError:
        renewed = Renewal(manager, here, carrier, signet).of_missing(rule)
        if renewed is None:
            if not rule.optional:
                raise
            here.current.keep(carrier, (signet, Admission.without_token()))
            return None
        credentials = renewed
    try:
        admission = signet.admit(credentials, rule)
    except ExpiredSignatureError:
        renewed = Renewal(manager, here, carrier, signet).of_expired(rule, credentials)
        if renewed is None:
            raise
        admission = signet.admit(renewed, rule)
    here.current.keep(carrier, (signet, admission))
    return admission


def is_exempt(carrier: Request, settings: Settings) -> bool:
    """Whether an OPTIONS request needs no token: browsers send none with a preflight."""
    if settings.options_exempt == "all":
        return True
    return "Origin" in carrier.headers and "Access-Control-Request-Method" in carrier.headers
