"""The protocol of stores and its records, by the import path of before."""

from ..sessions.session import NEVER as NEVER
from ..sessions.session import SEEN_EVERY as SEEN_EVERY
from ..sessions.session import Device as Device
from ..sessions.session import Opened as Opened
from ..sessions.session import Presented as Presented
from ..sessions.session import Revocation as Revocation
from ..sessions.session import Rotation as Rotation
from ..sessions.session import Session as Session
from ..sessions.session import Successor as Successor
from ..sessions.store import Finding as Finding
from ..sessions.store import Follower as Follower
from ..sessions.store import KeyStore as KeyStore
from ..sessions.store import Pruned as Pruned
from ..sessions.store import SessionStore as SessionStore
from ..sessions.store import Synced as Synced
from ..sessions.store import Upgraded as Upgraded
