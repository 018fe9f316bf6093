"""What the documentation says of settings and exit codes, and the code cannot.

The environment variables that code reads, as a table: their names and what they may be are asked of the code itself. Only what a variable is
for, and its default as one would type it, are said here; that a default is the code's own is checked on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from dashboard.settings import Settings as DashboardSettings
from dynamodb.settings import Settings as DynamoSettings
from streams import logs
from streams.exits import Exit
from streams.settings import Settings as StreamSettings

UNUSABLE: Final = "\x00"
READERS: Final[tuple[Callable[[Mapping[str, str]], object], ...]] = (
    StreamSettings.from_environ,
    logs.form,
    DynamoSettings.from_environ,
    DashboardSettings.from_environ,
)
ABOUT: Final[Mapping[str, tuple[str, str]]] = {
    "WATTFALL_BROKERS": ("127.0.0.1:9092", "where Kafka is"),
    "WATTFALL_SECURITY_PROTOCOL": ("PLAINTEXT", "how one gets in to Kafka: encrypted (SSL), with a name and a password (SASL), or both"),
    "WATTFALL_SSL_CA_FILE": ("", "whose certificates of brokers are trusted; without it those that this machine trusts"),
    "WATTFALL_SSL_CERT_FILE": ("", "our certificate, where brokers ask for one (mutual TLS)"),
    "WATTFALL_SSL_KEY_FILE": ("", "its key, if it is not in the same file"),
    "WATTFALL_SASL_MECHANISM": ("SCRAM-SHA-512", "how name and password are shown"),
    "WATTFALL_SASL_USERNAME": ("", "our name to the brokers"),
    "WATTFALL_SASL_PASSWORD": ("", "and our password"),
    "WATTFALL_APP": ("wattfall", "begins the names of groups, transactional ids and changelogs"),
    "WATTFALL_EPOCH": ("1", "the generation of rules and log; where either changes, the next one is needed"),
    "WATTFALL_TOPIC_PREFIX": ("", "begins the names of all topics"),
    "WATTFALL_PARTITIONS": ("12", "of every topic, when it is made; they cannot change later"),
    "WATTFALL_REPLICATION": ("1", "copies of every topic, when it is made; 3 in production"),
    "WATTFALL_ZONE": ("Europe/London", "the calendar of days and months. **Rule**"),
    "WATTFALL_HOLD_S": ("60", "an instant's power holds so long if no next reading comes. **Rule**"),
    "WATTFALL_MAX_POWER_W": ("100000", "more is no reading, and a register cannot rise faster. **Rule**"),
    "WATTFALL_REGISTER_STEP_WH": ("1000", "the coarsest register expected. **Rule**"),
    "WATTFALL_RESTATE_HOURS": ("72", "how far behind a device's newest reading its hours stay open. **Rule**"),
    "WATTFALL_ESTIMATE_AFTER_S": ("1800", "a longer step of the register over an hour's edge is called estimated. **Rule**"),
    "WATTFALL_CHECKPOINT_HOURS_S": ("10", "seconds between two checkpoints of a partition, readings to hours"),
    "WATTFALL_CHECKPOINT_DAYS_S": ("60", "the same, hours to days"),
    "WATTFALL_CHECKPOINT_MONTHS_S": ("300", "the same, days to months"),
    "WATTFALL_STATE_DIR": (".state", "the local copies of the tables; may be lost"),
    "WATTFALL_STORE": ("rocksdb", "what these copies are; memory is for tests"),
    "WATTFALL_SESSION_TIMEOUT_S": ("20", "a worker that is silent so long loses its partitions"),
    "WATTFALL_START_LIMIT_S": ("300", "a worker that has partitions and does not work by then ends"),
    "WATTFALL_MEMBER": ("", "this worker's name among the others, for static membership"),
    "WATTFALL_HOT_MB": (
        "1024",
        "memory for what a worker need not read from its store again, about; what does not fit is read and dropped; a sixteenth more is the stores'",
    ),
    "WATTFALL_LOST_RANGE": ("stop", "what to do when retention removed readings before they were counted"),
    "WATTFALL_METRICS_PORT": (
        "0",
        "where `/metrics`, `/live` and `/ready` answer, on all interfaces; of a `worker`'s two processes the sinks take the next; 0: nowhere",
    ),
    "WATTFALL_AUDIT_EVERY_S": ("3600", "seconds between two devices that an `audit` counts again"),
    "WATTFALL_AUDIT_DAYS": ("3", "how many days of readings it reads for that; what depends on older ones is not compared"),
    "WATTFALL_LOG_FORMAT": (
        "auto",
        "what workers and the dashboard say: a line of text, or a JSON object a line; auto: text on a terminal, JSON elsewhere",
    ),
    "WATTFALL_TABLE_LIVE": ("wattfall-live", "DynamoDB table of live readings"),
    "WATTFALL_TABLE_HOURS": ("wattfall-hours", "DynamoDB table of hours"),
    "WATTFALL_TABLE_DAYS": ("wattfall-days", "DynamoDB table of days"),
    "WATTFALL_TABLE_MONTHS": ("wattfall-months", "DynamoDB table of months"),
    "WATTFALL_FLUSH_LIVE_S": ("10", "seconds between two writes of a device's live reading"),
    "WATTFALL_FLUSH_HOURS_S": ("60", "seconds between two writes of the same hour"),
    "WATTFALL_FLUSH_DAYS_S": ("300", "the same, a day"),
    "WATTFALL_FLUSH_MONTHS_S": ("900", "the same, a month"),
    "WATTFALL_KEEP_HOURS_MONTHS": ("25", "DynamoDB may delete an hour's total so many months (of 31 days) after its end; the dashboard wants it too"),
    "WATTFALL_SINK_THREADS": ("16", "writes to DynamoDB at the same time, at most"),
    "WATTFALL_SINK_KEYS": ("50000", "totals of a level that may wait for DynamoDB before the sink stops fetching"),
    "WATTFALL_DASHBOARD_HOST": ("127.0.0.1", "the address that the dashboard listens on; 0.0.0.0: all of this machine's"),
    "WATTFALL_DASHBOARD_PORT": ("8080", "its port; 0: any that is free"),
    "WATTFALL_DASHBOARD_URL": ("", "what people type to reach it, where that is not host and port; with https the cookie is for HTTPS only"),
    "WATTFALL_DASHBOARD_DIR": (".state/dashboard", "who may see what (people.json), and the dashboard's own key; to be backed up"),
    "WATTFALL_DASHBOARD_KEYS": ("", "an identity provider's public keys; then bearer tokens are its own"),
    "WATTFALL_DASHBOARD_ISSUER": ("", "the claim `iss` of the provider's tokens"),
    "WATTFALL_DASHBOARD_AUDIENCE": ("", "their claim `aud`"),
    "WATTFALL_DASHBOARD_PROCESSES": ("1", "processes that answer, one a core; what is limited is limited in each of them by itself"),
    "WATTFALL_DASHBOARD_THREADS": ("16", "requests to DynamoDB at the same time, at most, in each process"),
    "WATTFALL_DASHBOARD_LIVE_S": ("2", "seconds between two looks at the live reading of a device that somebody watches"),
    "WATTFALL_DASHBOARD_RATE": ("20", "requests a second that one person may send to a process, on average"),
    "WATTFALL_CURRENCY": ("", "of the prices; without it no cost is shown"),
    "WATTFALL_PRICE_IMPORT": ("0", "what a kWh from the grid costs"),
    "WATTFALL_PRICE_EXPORT": ("0", "what a kWh into the grid brings"),
}

NO_WORKERS: Final = frozenset({Exit.STOPPED, Exit.FAILED})
"""Of a command that is done: there is nothing to restart."""
NO_USE: Final = frozenset({Exit.CONFIGURATION, Exit.RULES_CHANGED, Exit.LOST_RANGE, Exit.RETIRED, Exit.LOGS_MIXED})
"""A restart ends in the same way until a person has done something."""


def restart(code: Exit, remedy: str) -> str:
    """Whether to start a worker again that ended so. Raises ValueError where `remedy`, the code's own comment, says something else."""
    helps = code not in NO_WORKERS | NO_USE
    if ("restart" in remedy) is not helps:
        raise ValueError(f"exit code {int(code)}: {remedy!r} and docs/variables.py do not agree")
    return "yes" if helps else "–" if code in NO_WORKERS else "no"


class Asked(dict[str, str]):
    """An empty environment that remembers in which order it was asked for what."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.names[name] = None
        return default


def names(reader: Callable[[Mapping[str, str]], object]) -> list[str]:
    """What a composition root reads."""
    asked = Asked()
    reader(asked)
    return list(asked.names)


def allowed(reader: Callable[[Mapping[str, str]], object], name: str) -> str:
    """What the code says would do, when it is given what will not."""
    try:
        reader({name: UNUSABLE})
    except ValueError as error:
        return re.sub(r"^.*?(must be|wanted is|wanted are) ", "", str(error).partition(": ")[2]).replace("|", "or")
    return "a folder" if name.endswith("_DIR") else "text"


def table() -> str:
    """All variables, in the order in which they are read. Raises KeyError for one that nobody has described, ValueError for a wrong default."""
    lines = ["| variable | default | may be | what it is |", "|---|---|---|---|"]
    told = set()
    for reader in READERS:
        for name in names(reader):
            default, about = ABOUT[name]
            if reader({name: default}) != reader({}):
                raise ValueError(f"{name}: {default!r} is not the default")
            if name not in told:
                lines.append(f"| `{name}` | {f'`{default}`' if default else 'none'} | {allowed(reader, name)} | {about} |")
            told.add(name)
    if unknown := ABOUT.keys() - told:
        raise ValueError(f"nobody reads {', '.join(sorted(unknown))}")
    return "\n".join(lines) + "\n"
