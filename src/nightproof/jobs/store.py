"""The state of jobs: which step of which job is done, and with which record.

One rule carries everything: **a step is committed once**. `steps` has one row per job and step; whoever inserts it
first wins, and everybody else takes the winner's record. Doing a step twice is therefore harmless, and a process that
was thought dead and comes back late cannot overwrite what others built upon.

Work is claimed with a token and a lease. A lease only saves double work: what keeps the state right is the single
row. SQLite runs with WAL and synchronous=FULL, so that a committed step survives a power cut; the tables are plain
SQLAlchemy Core and mean the same on PostgreSQL.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from nightproof.errors import StorageFailed
from nightproof.jobs.blobs import BlobStore, storage_errors
from nightproof.records.record import Record

_TABLES = sa.MetaData()

jobs = sa.Table(
    "jobs",
    _TABLES,
    sa.Column("job", sa.String(64), primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("created_utc", sa.String(32), nullable=False),
)
steps = sa.Table(
    "steps",
    _TABLES,
    sa.Column("job", sa.String(64), sa.ForeignKey("jobs.job"), primary_key=True),
    sa.Column("step", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("blob", sa.String(64), nullable=False),
    sa.Column("token", sa.String(32), nullable=False),
    sa.Column("committed_utc", sa.String(32), nullable=False),
)
attempts = sa.Table(
    "attempts",
    _TABLES,
    sa.Column("token", sa.String(32), primary_key=True),
    sa.Column("job", sa.String(64), sa.ForeignKey("jobs.job"), nullable=False),
    sa.Column("step", sa.String(32), nullable=False),
    sa.Column("started_utc", sa.String(32), nullable=False),
)

observations = sa.Table(
    "observations",
    _TABLES,
    sa.Column("job", sa.String(64), sa.ForeignKey("jobs.job"), primary_key=True),
    sa.Column("verifier", sa.String(64), primary_key=True),
    sa.Column("scene_class", sa.String(64), nullable=False),
    sa.Column("agreed", sa.Boolean, nullable=False),
    sa.Column("seen_utc", sa.String(32), nullable=False),
)

BUSY_TIMEOUT_S = 30
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Committed:
    """A finished step: the record is in the blob store under `blob`."""

    kind: str
    blob: str
    token: str
    committed_utc: str


@dataclass(frozen=True)
class Observation:
    """Whether a verifier agreed with the committee's decision on one job."""

    verifier: str
    scene_class: str
    agreed: bool


class JobStore:
    """Jobs and their steps in one database, their records and files in one blob store."""

    def __init__(self, engine: sa.Engine, blobs: BlobStore) -> None:
        self._engine = engine
        self.blobs = blobs

    @classmethod
    def open(cls, folder: Path) -> JobStore:
        """The store in `folder`, made if need be. Raises `StorageFailed`."""
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            f"sqlite:///{folder / 'jobs.sqlite'}", connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        )
        sa.event.listen(engine, "connect", _make_durable)
        store = cls(engine, BlobStore(folder / "blobs"))
        with store._transaction() as connection:
            _TABLES.create_all(connection, checkfirst=True)
        return store

    def close(self) -> None:
        self._engine.dispose()

    def create_job(self, job: str, request: str, now_utc: str) -> None:
        """Enter a job; entering it again is harmless."""
        row = {"job": job, "request": request, "created_utc": now_utc}
        self._insert_once(jobs, row)

    def begin(self, job: str, step: str, now_utc: str) -> str:
        """Note that somebody starts on a step; returns the attempt's token."""
        token = secrets.token_hex(16)
        with self._transaction() as connection:
            connection.execute(attempts.insert().values(token=token, job=job, step=step, started_utc=now_utc))
        return token

    def commit(self, job: str, step: str, token: str, record: Record, now_utc: str) -> Committed:
        """Store `record` and mark the step done with it, unless it is done already. Returns what stands."""
        blob = self.blobs.put(record.canonical_bytes())
        row = {
            "job": job,
            "step": step,
            "kind": record.kind,
            "blob": blob,
            "token": token,
            "committed_utc": now_utc,
        }
        self._insert_once(steps, row)
        standing = self.committed(job, step)
        assert standing is not None, "the row that was inserted or in the way is there"
        return standing

    def committed(self, job: str, step: str) -> Committed | None:
        query = sa.select(steps.c.kind, steps.c.blob, steps.c.token, steps.c.committed_utc).where(
            steps.c.job == job, steps.c.step == step
        )
        with self._transaction() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Committed(*row)

    def record(self, committed: Committed, kind: type[R]) -> R:
        """The record of a finished step. Raises `BlobMissing` or `BrokenRecord`."""
        return kind.from_bytes(self.blobs.get(committed.blob))

    def steps_of(self, job: str) -> dict[str, Committed]:
        query = sa.select(steps.c.step, steps.c.kind, steps.c.blob, steps.c.token, steps.c.committed_utc).where(
            steps.c.job == job
        )
        with self._transaction() as connection:
            return {row[0]: Committed(*row[1:]) for row in connection.execute(query)}

    def attempts_of(self, job: str) -> list[tuple[str, str]]:
        """(step, token) of every attempt, oldest first: how often a job was taken up again."""
        query = sa.select(attempts.c.step, attempts.c.token).where(attempts.c.job == job)
        with self._transaction() as connection:
            return [(row[0], row[1]) for row in connection.execute(query.order_by(attempts.c.started_utc))]

    def observe(self, job: str, scene_class: str, agreed: Mapping[str, bool], now_utc: str) -> None:
        """Note once per job which verifiers agreed with what was decided."""
        for verifier, did in agreed.items():
            row = {"job": job, "verifier": verifier, "scene_class": scene_class, "agreed": did, "seen_utc": now_utc}
            self._insert_once(observations, row)

    def observations(self) -> tuple[Observation, ...]:
        """Everything observed, oldest first."""
        query = sa.select(observations.c.verifier, observations.c.scene_class, observations.c.agreed)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(observations.c.seen_utc, observations.c.job))
            return tuple(Observation(*row) for row in rows)

    def forget(self, job: str) -> None:
        """Drop a job's steps, so that it is made anew. Blobs stay: they may be others' too."""
        with self._transaction() as connection:
            for table in (steps, attempts, observations, jobs):
                connection.execute(table.delete().where(table.c.job == job))

    def _insert_once(self, table: sa.Table, row: dict[str, Any]) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(table.insert().values(**row))
        except IntegrityError:
            pass  # somebody was first: their row stands
        except SQLAlchemyError as error:
            raise _storage_failed(error) from error

    def _transaction(self) -> _Transaction:
        return _Transaction(self._engine)


class _Transaction:
    """A transaction whose failures are typed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._begin = engine.begin()

    def __enter__(self) -> sa.Connection:
        try:
            return self._begin.__enter__()
        except SQLAlchemyError as error:
            raise _storage_failed(error) from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._begin.__exit__(kind, error, trace)  # commits, which is where a full disk shows
        except SQLAlchemyError as failure:
            raise _storage_failed(failure) from failure
        if isinstance(error, SQLAlchemyError):
            raise _storage_failed(error) from error


def _storage_failed(error: SQLAlchemyError) -> StorageFailed:
    reason = str(getattr(error, "orig", None) or error)
    if isinstance(error, OperationalError) and "locked" in reason:
        return StorageFailed(f"the job store is busy: {reason}", hint="Another job holds it; try again in a moment.")
    return StorageFailed(f"the job store failed: {reason}")


def _make_durable(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
