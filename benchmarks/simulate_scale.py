"""What a deployment asks of its store: a day, minute by minute, from measured costs.

A day has a quiet night and a busy evening. People log in and out, their clients send requests and
refresh, some log out everywhere; every process follows what is revoked. Counted are the busiest
minute's operations, the revocations that are alive, the memory that they take in each process, and
how many of the store's processors the operations take, by the costs below.

Not a benchmark: it measures nothing, and runs in a second. The costs are those that
bench_server_costs.py measures, of the server's processor; what a client waits is more
(bench_sessions.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.side_by_side import show

ACCESS_SECONDS = 15 * 60  # life of an access token, and of a revocation
ENTRY_BYTES = 13.4  # in a process, bench_revocations.py
SESSION_BYTES = {"Redis": 510, "PostgreSQL": 330}
ANNOUNCEMENT_MICROSECONDS = {"Redis": 1.5, "PostgreSQL": 46.0}  # to one process
FOLLOW_SECONDS = 1.0  # a process asks what is new: half of JWT_REVOCATION_MAX_STALENESS
OPERATION_MICROSECONDS = {
    # of the server's processor: refresh, log-in or log-out, one "what is new"
    "Redis": (56.0, 78.0, 76.0),
    "PostgreSQL": (92.0, 306.0, 184.0),
}
ASK_MICROSECONDS = {"Redis": 17.0, "PostgreSQL": 51.0}  # about one token, if each request did


@dataclass(frozen=True)
class Deployment:
    """How many there are, and what they do in a day."""

    name: str
    processes: int
    sessions: int
    active_at_peak: float = 0.10  # of the sessions, in the busiest minute
    requests_a_minute: float = 6.0  # of a session in use
    logins_a_day: float = 0.05  # of the sessions; as many log out
    everywhere_a_day: float = 0.0005


@dataclass(frozen=True)
class Peak:
    """The busiest minute, a second of it."""

    requests: float
    refreshes: float
    logins: float
    revocations: float
    entries: int


def activity(minute: int) -> float:
    """From 0.15 in the night to 1 in the evening."""
    return 0.575 + 0.425 * math.cos((minute - 20 * 60) / (24 * 60) * 2 * math.pi)


def day(deployment: Deployment) -> Peak:
    """Run it, from a night to the next; entries live for ``ACCESS_SECONDS``."""
    mean = sum(map(activity, range(1440))) / 1440
    born: list[float] = []
    peak = Peak(0, 0, 0, 0, 0)
    for minute in range(1440):
        share = activity(minute) / mean / 86_400
        logins = deployment.sessions * deployment.logins_a_day * share
        everywhere = deployment.sessions * deployment.everywhere_a_day * share
        revocations = logins + everywhere
        in_use = deployment.sessions * deployment.active_at_peak * activity(minute)
        requests = in_use * deployment.requests_a_minute / 60
        refreshes = in_use / ACCESS_SECONDS
        born.append(revocations * 60)
        alive = int(sum(born[-(ACCESS_SECONDS // 60) :]))
        peak = Peak(
            max(peak.requests, requests),
            max(peak.refreshes, refreshes),
            max(peak.logins, logins),
            max(peak.revocations, revocations),
            max(peak.entries, alive),
        )
    return peak


def load(deployment: Deployment, peak: Peak, store: str) -> float:
    """Processors of the store that the busiest second takes."""
    refresh, session, follow = OPERATION_MICROSECONDS[store]
    microseconds = peak.refreshes * refresh + (peak.logins + peak.revocations) * session
    microseconds += deployment.processes / FOLLOW_SECONDS * follow
    announcements = peak.revocations * deployment.processes
    microseconds += announcements * ANNOUNCEMENT_MICROSECONDS[store]
    if store == "PostgreSQL":
        # Each announcement has each process read what is new.
        microseconds += announcements * follow
    return microseconds / 1e6


def asked(peak: Peak, store: str) -> float:
    """Processors more, if each request asked the store about its token."""
    return peak.requests * ASK_MICROSECONDS[store] / 1e6


DEPLOYMENTS = (
    Deployment("one machine", 8, 100_000),
    Deployment("a dozen", 48, 2_000_000),
    Deployment("a hundred", 200, 10_000_000),
    Deployment("the goal", 1_000, 100_000_000),
)


def main() -> None:
    """Print the table."""
    rows = {
        "processes": lambda each, peak: f"{each.processes:,}",
        "sessions": lambda each, peak: f"{each.sessions:,}",
        "requests/s": lambda each, peak: f"{peak.requests:,.0f}",
        "requests/s, a process": lambda each, peak: f"{peak.requests / each.processes:,.0f}",
        "refreshes/s": lambda each, peak: f"{peak.refreshes:,.0f}",
        "log-ins/s": lambda each, peak: f"{peak.logins:,.1f}",
        "revocations/s": lambda each, peak: f"{peak.revocations:,.1f}",
        "announcements/s": lambda each, peak: f"{peak.revocations * each.processes:,.0f}",
        "live revocations": lambda each, peak: f"{peak.entries:,}",
        "MB in each process": lambda each, peak: f"{peak.entries * ENTRY_BYTES / 1e6:,.2f}",
        "GB in Redis": lambda each, peak: f"{each.sessions * SESSION_BYTES['Redis'] / 1e9:,.1f}",
        "GB in PostgreSQL": lambda each, peak: (
            f"{each.sessions * SESSION_BYTES['PostgreSQL'] / 1e9:,.1f}"
        ),
        "processors, Redis": lambda each, peak: f"{load(each, peak, 'Redis'):,.2f}",
        "processors, PostgreSQL": lambda each, peak: f"{load(each, peak, 'PostgreSQL'):,.2f}",
        "more, if each asked": lambda each, peak: f"{asked(peak, 'Redis'):,.2f}",
        "the same, PostgreSQL": lambda each, peak: f"{asked(peak, 'PostgreSQL'):,.2f}",
    }
    peaks = [(each, day(each)) for each in DEPLOYMENTS]
    show(f"{'the busiest second':<24}" + "".join(f"{each.name:>14}" for each, _ in peaks))
    for name, cell in rows.items():
        show(f"{name:<24}" + "".join(f"{cell(each, peak):>14}" for each, peak in peaks))


if __name__ == "__main__":
    main()
