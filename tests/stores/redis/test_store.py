"""The Redis store keeps the contract, whoever made its client; what can't work is told early."""

import secrets
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from flask_signet.exceptions import ConfigurationError, StoreUnavailableError
from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import Presented, Session, partition
from flask_signet.stores import open_store
from flask_signet.stores.redis import MAX_CONNECTIONS, RedisStore

from ..contract import HOUR, NOW, SessionStoreContract, new
from ..databases import forget, own_prefix
from ..redis_servers import VALKEY, Server, until

UNTIL = NOW + HOUR


class TestRedis(SessionStoreContract):
    @pytest.fixture(scope="class")
    @classmethod
    def kept(cls, redis_url):
        """Not one that others use: a store never forgets how long tokens live."""
        with own_prefix(redis_url) as store:
            yield store

    @pytest.fixture
    def store(self, kept):
        return kept


class TestClientOfTheApplication(SessionStoreContract):
    """RESP3, which a client of redis-py's may speak; ours speaks RESP2."""

    @pytest.fixture(scope="class")
    @classmethod
    def kept(cls, redis_url):
        with redis.Redis.from_url(redis_url, protocol=3, decode_responses=True) as client:
            store = RedisStore(client, prefix=f"test-{secrets.token_hex(6)}")
            store.upgrade(first=True)
            yield store
            forget(store)

    @pytest.fixture
    def store(self, kept):
        return kept


if VALKEY is not None:

    class TestValkey(SessionStoreContract):
        @pytest.fixture(scope="class")
        @classmethod
        def kept(cls, tmp_path_factory):
            folder = tmp_path_factory.mktemp("valkey")
            server = Server(folder, "appendonly", "yes", binary=VALKEY)
            store = open_store(f"valkey://127.0.0.1:{server.port}/0")
            store.upgrade(first=True)
            yield store
            store.close()
            server.stop()

        @pytest.fixture
        def store(self, kept):
            return kept

        def test_it_is_found_to_be_in_order(self, store):
            assert store.check() == []


# ── what can't work ──────────────────────────────────────────────────────────────────────


def test_a_client_that_answers_bytes_is_refused():
    with pytest.raises(ConfigurationError, match="decode_responses=True"):
        RedisStore(redis.Redis())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://host/0?socket_timeuot=1", "socket_timeuot"),
        ("redis+sentinel://host/service?socket_timeuot=1", "socket_timeuot"),
        ("redis+cluster://host?socket_timeuot=1", "socket_timeuot"),
        ("redis+cluster://host?read_from_replicas=1", "read_from_replicas"),
        ("redis://host/sessions", "number of a database"),
        ("redis+sentinel://host/service/sessions", "mymaster/0"),
        ("redis+cluster://host,", "host1:6379,host2"),
    ],
)
def test_an_url_that_can_not_work_is_refused_before_its_first_use(url, said):
    with pytest.raises(ConfigurationError, match=said):
        open_store(url)


def test_a_cluster_that_is_down_is_an_error_of_its_use_and_not_of_its_url():
    store = open_store("redis+cluster://127.0.0.1:1,127.0.0.1:2", timeout=1)
    with pytest.raises(StoreUnavailableError):
        store.is_revoked(Presented(jti="jti"), now=NOW)
    store.close()


# ── a server of our own ──────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("redis"), "appendonly", "yes", "databases", "4")
    yield server
    server.stop()


@pytest.fixture
def url(server):
    server.client.flushall()
    return f"redis://127.0.0.1:{server.port}"


@pytest.fixture
def store(url):
    store = open_store(f"{url}/0")
    store.upgrade(first=True)
    yield store
    store.close()


def test_two_databases_of_one_server_do_not_hear_each_other(url, store):
    """What is published is heard in all of them, and may have the number of what is not ours."""
    other = open_store(f"{url}/1")
    other.upgrade(first=True)
    view = RevocationView(store, monotonic=lambda: 1000.0)
    view.refuses(Presented(), now=NOW)
    theirs = new()
    ours = next(jti for jti in iter(new, "") if partition(jti) == partition(theirs))
    other.revoke_token(theirs, now=NOW, expires_at=UNTIL)
    other.end_sessions("1", now=NOW, expires_at=UNTIL)
    store.revoke_token(ours, now=NOW, expires_at=UNTIL)
    until(lambda: view.refuses(Presented(jti=ours), now=NOW), "the announcement")
    assert not view.refuses(Presented(jti=theirs), now=NOW)
    assert not view.refuses(Presented(subject="1", issued_at=NOW), now=NOW)
    view.close()
    other.close()


@pytest.mark.parametrize("junk", ["junk", "", "A B C D E", b"\xff\xfe A B C"])
def test_what_others_publish_on_our_channel_harms_nothing(server, store, junk):
    view = RevocationView(store, pause=0, monotonic=lambda: 1000.0)
    view.refuses(Presented(), now=NOW)
    server.client.publish(store.channel, junk)
    jti = new()
    store.revoke_token(jti, now=NOW, expires_at=UNTIL)
    until(lambda: view.refuses(Presented(jti=jti), now=NOW), "the announcement")
    assert not view.refuses(Presented(jti=new()), now=NOW)
    view.close()


def test_a_crowd_of_threads_waits_for_connections_and_has_one_subscription(server, url, store):
    # On two cores 200 threads wait for each other longer than a request would.
    crowded = open_store(f"{url}/0?client_name=crowd", timeout=20)
    view, barrier = RevocationView(crowded), threading.Barrier(200)

    def ask(number):
        barrier.wait(30)
        crowded.revoke_token(f"jti-{number}", now=NOW, expires_at=UNTIL)
        view.doubt()
        return view.refuses(Presented(jti=f"jti-{number}"), now=NOW)

    with ThreadPoolExecutor(200) as threads:
        assert all(threads.map(ask, range(200)))
    # A pool keeps what it has opened.
    opened = [each for each in server.client.client_list() if each["name"] == "crowd"]
    assert 1 < len(opened) <= MAX_CONNECTIONS
    assert server.client.pubsub_numsub(store.channel) == [(store.channel, 1)]
    view.close()
    crowded.close()


def test_a_client_of_the_application_s_stays_open(url, store):
    with redis.Redis.from_url(f"{url}/0", decode_responses=True) as client:
        line = client.pubsub()
        line.subscribe("theirs")
        shared = RedisStore(client)
        assert shared.is_revoked(Presented(jti="jti"), now=NOW) is False
        shared.close()
        assert line.get_message(timeout=5)["type"] == "subscribe"
        client.publish("theirs", "news")
        assert line.get_message(timeout=5)["data"] == "news"
        line.close()


# ── rights ───────────────────────────────────────────────────────────────────────────────


def user(server, *rules) -> str:
    name = f"user-{new()}"
    server.client.execute_command("ACL", "SETUSER", name, "on", ">word", *rules)
    return f"redis://{name}:word@127.0.0.1:{server.port}/0"


ALL_WE_NEED = ("~{signet.*", "&signet.*", "+@all", "-@dangerous", "-@admin")


def test_a_user_with_the_rights_to_its_keys_and_channel_is_enough(server, store):
    restricted = open_store(user(server, *ALL_WE_NEED))
    [finding] = restricted.check()
    # Without INFO, which some vendors of Redis forbid, the check goes on and says what it missed.
    assert (finding.level, finding.code) == ("warning", "unknown_server")
    assert "maxmemory-policy noeviction" in finding.mend
    follower, jti = restricted.follow(), new()
    follower.sync()
    assert restricted.revoke_token(jti, now=NOW, expires_at=UNTIL)
    assert restricted.is_revoked(Presented(jti=jti), now=NOW)
    assert jti in {entry.value for entry in follower.sync().entries}
    assert restricted.save_keys("document", after=0)
    assert restricted.load_keys() == ("document", 1)
    follower.close()
    restricted.close()


@pytest.mark.parametrize(
    "rules",
    [
        ("~{other.*", "&signet.*", "+@all"),
        ("~{signet.*", "resetchannels", "&other.*", "+@all"),
        ("~{signet.*", "&signet.*", "+@all", "-@hash"),
    ],
)
def test_a_right_that_is_missing_is_found_by_the_check(server, store, rules):
    restricted = open_store(user(server, *rules))
    [finding] = restricted.check()
    assert (finding.level, finding.code) == ("error", "no_rights")
    assert "~{signet.* &signet.*" in finding.mend
    restricted.close()


@pytest.mark.parametrize("login", ["", "default:wrong@", "nobody:word@"])
def test_a_wrong_password_is_found_by_the_check(server, store, login):
    server.client.config_set("requirepass", "word")
    try:
        intruder = open_store(f"redis://{login}127.0.0.1:{server.port}/0")
        [finding] = intruder.check()
        assert (finding.level, finding.code) == ("error", "no_rights")
        assert "word" not in finding.message.replace("password", "")
        with pytest.raises(StoreUnavailableError):
            intruder.is_revoked(Presented(jti="jti"), now=NOW)
        intruder.close()
    finally:
        server.client.config_set("requirepass", "")


def test_who_may_not_publish_writes_whole_all_the_same(server, store):
    """An adoption revokes first and opens then: an error in between would lose both."""
    mute = open_store(user(server, "~{signet.*", "resetchannels", "+@all"))
    session = Session.begin("ada", new(), now=NOW).adopting(new())
    adopted = mute.adopt(
        session, issued_at=NOW - 1, token_expires_at=UNTIL, grace=0, refuse_until=UNTIL
    )
    assert adopted.verdict == "rotated"
    assert store.find_session(session.sid, now=NOW) == adopted.session
    mute.close()


@pytest.mark.parametrize("address", ["redis://127.0.0.1:{port}/9", "rediss://127.0.0.1:{port}/0"])
def test_a_database_there_is_not_or_tls_where_there_is_none_is_an_error(server, store, address):
    wrong = open_store(address.format(port=server.port), timeout=1)
    for action in (wrong.check, lambda: wrong.is_revoked(Presented(jti="jti"), now=NOW)):
        with pytest.raises(StoreUnavailableError):
            action()
    wrong.close()


def test_a_server_that_does_not_speak_redis_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        wrong = open_store(f"redis://127.0.0.1:{listener.getsockname()[1]}/0", timeout=1)
        with pytest.raises(StoreUnavailableError):
            wrong.is_revoked(Presented(jti="jti"), now=NOW)
        thread.join()
        wrong.close()


@pytest.mark.parametrize(
    ("version", "codes"), [("5.0.14", ["old_server"]), ("6.0.0", []), ("10.1", []), ("edge", [])]
)
def test_a_server_that_is_too_old_is_found_by_the_check(store, monkeypatch, version, codes):
    real = store.client.info

    def info(section):
        return {**real(section), "redis_version": version}

    monkeypatch.setattr(store.client, "info", info)
    assert [finding.code for finding in store.check()] == codes
