"""What an operation costs on the wire, counted by a proxy between the store and its server.

A round trip is a turn: the client speaks after the server did. "A refresh is one store write and
no read before it" (P8).
"""

import pytest

from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import Lives, Presented, Session, Successor

from .contract import DAY, NOW, live_until, new
from .proxy import behind_proxy

UNTIL = live_until(NOW)


@pytest.fixture(params=["postgresql", "mysql", "redis"])
def proxied(request):
    """A store that speaks through the proxy, its connection made, and the proxy."""
    with behind_proxy(request, request.param) as (store, proxy):
        yield store, proxy, request.param


def login(store, subject=None):
    session = Session.begin(subject or new("user"), new(), now=NOW, expires_at=NOW + DAY)
    return store.open_session(session, refuse_until=UNTIL).session


def turns(proxy, action) -> int:
    before = proxy.turns
    action()
    return proxy.turns - before


def rotate(store, session, jti, **options):
    options = {"now": NOW, "grace": 0, "refuse_until": UNTIL, **options}
    return store.rotate(session.sid, jti, Successor(new()), **options)


# What each costs: (PostgreSQL, MariaDB, Redis). Scripts cost one more at their first use.
COSTS = {
    "rotate": (1, 1, 1),
    "replay within the grace": (2, 2, 1),
    "is_revoked": (1, 1, 1),
    "touch": (1, 1, 1),
    "find_session": (1, 1, 1),
    "list_sessions": (1, 1, 1),
    "open_session": (2, 2, 1),
    # Redis: the second has the followers hear before it is acknowledged.
    # MariaDB: the lives of tokens are asked for once the number is taken.
    "end_session": (7, 7, 2),
    "end_sessions": (8, 8, 2),  # the last two remove the rows
    "revoke_token": (6, 6, 2),
    "cover what is covered": (1, 1, None),  # Redis answers a long pipeline while it is sent
}
ENGINES = ("postgresql", "mysql", "redis")


@pytest.mark.parametrize("name", COSTS)
def test_an_operation_takes_so_many_round_trips(proxied, name):
    store, proxy, engine = proxied
    actions = {
        "rotate": lambda s: rotate(store, s, s.jti),
        "is_revoked": lambda s: store.is_revoked(
            Presented(jti=new(), sid=s.sid, subject=s.subject, issued_at=NOW), now=NOW
        ),
        "touch": lambda s: store.touch(s.sid, now=NOW + DAY / 2),
        "find_session": lambda s: store.find_session(s.sid, now=NOW),
        "list_sessions": lambda s: store.list_sessions(s.subject, now=NOW),
        "open_session": lambda s: login(store),
        "end_session": lambda s: store.end_session(s.sid, now=NOW, refuse_until=UNTIL),
        "end_sessions": lambda s: store.end_sessions(s.subject, now=NOW, expires_at=NOW + DAY),
        "revoke_token": lambda s: store.revoke_token(new(), now=NOW, expires_at=NOW + DAY),
        "cover what is covered": lambda s: store.cover(Lives(60.0, 60.0)),
        "replay within the grace": lambda s: rotate(store, s, s.jti, grace=10),
    }
    first, second = login(store), login(store)
    if name.startswith("replay"):
        rotate(store, first, first.jti)
        rotate(store, second, second.jti)
    actions[name](first)  # connects, and loads the script
    cost = COSTS[name][ENGINES.index(engine)]
    assert turns(proxy, lambda: actions[name](second)) == cost or cost is None


@pytest.mark.parametrize("sessions", [1, 100])
def test_logging_out_everywhere_costs_the_same_for_any_number_of_sessions(proxied, sessions):
    store, proxy, engine = proxied
    subject = new("user")
    for _ in range(sessions):
        login(store, subject)
    warm = login(store)  # connects, and loads the script
    store.end_sessions(warm.subject, now=NOW, expires_at=NOW + DAY)
    cost = turns(proxy, lambda: store.end_sessions(subject, now=NOW, expires_at=NOW + DAY))
    assert cost == COSTS["end_sessions"][ENGINES.index(engine)]


def test_a_check_by_the_view_takes_none(proxied):
    store, proxy, _ = proxied
    view = RevocationView(store, max_staleness=2.0, monotonic=lambda: 1000.0)
    for _ in range(3):  # until it is in step
        view.refuses(Presented(), now=NOW)

    def thousand_checks():
        for _ in range(1000):
            assert not view.refuses(
                Presented(jti="j", sid="s", subject="u", issued_at=NOW), now=NOW
            )

    assert turns(proxy, thousand_checks) == 0
    view.close()
