"""Ask at least four verifier processes, each with a key of its own, and decide what they stand behind.

The first measures alone and fills the cache of reference images; the others follow, two at a time, and find them
there. All commit before any reveals (Q5). A verifier that dies, lies or falls silent costs its weight, no more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from nightproof.errors import NightproofError
from nightproof.kernels.guard import end_group
from nightproof.records.judgement import Aggregate, Judgement, Member
from nightproof.records.record import canonical_json, parse_json
from nightproof.records.verdict import MetricVerdict, Verdict
from nightproof.trust.consensus.decision import Ballot, Decision, capped_weights, decide, deviating
from nightproof.trust.keys import key_id, vote_is_valid
from nightproof.trust.measure import Progress, relative_noise, summary
from nightproof.trust.metrics import METRICS
from nightproof.trust.policy import Policy
from nightproof.trust.reputation import Standing
from nightproof.trust.task import Task
from nightproof.trust.verifier import Report

LEAST_MEMBERS = 4
"""Three tolerate no liar: two of three are less than 67 %."""


@dataclass(frozen=True)
class Files:
    """Where verifiers find what a task names by digest."""

    source: Path
    asset: Path
    cache: Path
    environment_file: Path | None = None


class VerifierFailed(NightproofError):
    """A verifier process gave no usable answer."""

    hint = "Run the same command again: what the others measured is kept."


Ask = Callable[[Path, dict[str, Any], Progress], Any]
"""Put a request to the verifier of a folder; raises `VerifierFailed`. Tests put liars here."""


def run_committee(
    task: Task,
    files: Files,
    *,
    folder: Path,
    members: int = LEAST_MEMBERS,
    threads: int = 1,
    timeout_s: float = 7200.0,
    standings: Sequence[Standing] = (),
    progress: Progress = lambda fraction, message: None,
    ask: Ask | None = None,
) -> Judgement:
    """Measure, vote and decide.

    Args:
        folder: holds one folder per verifier (key and finished reports). Called again, finished reports are found.
        standings: what a registry knows of the verifiers; unknown ones start equal.

    Raises:
        VerifierFailed: not one verifier answered.
    """
    if members < LEAST_MEMBERS:
        raise ValueError(f"a committee has at least {LEAST_MEMBERS} members")
    homes = [folder / f"verifier-{index + 1}" for index in range(members)]
    request = {
        "do": "measure",
        "task": task.to_json(),
        "source": str(files.source.absolute()),
        "asset": str(files.asset.absolute()),
        "cache": str(files.cache.absolute()),
        "environment_file": str(files.environment_file.absolute()) if files.environment_file else None,
        "threads": threads,
    }
    with VerifierProcesses(timeout_s) as processes:
        asking = ask or processes
        commits, failures = _commit(homes, request, asking, threads, progress)
        if not commits:
            raise VerifierFailed(f"no verifier answered: {failures[0] if failures else 'none was asked'}")
        reports = _reveal(commits, task, asking)
    return judge(task, {home: str(reply["public_key"]) for home, reply in commits.items()}, commits, reports, standings)


def judge(
    task: Task,
    public_keys: dict[Path, str],
    commits: dict[Path, dict[str, Any]],
    reports: dict[Path, Report],
    standings: Sequence[Standing] = (),
) -> Judgement:
    """Decide from what came back. Pure."""
    known = {standing.verifier: standing for standing in standings}
    ids = {home: key_id(text) for home, text in public_keys.items()}
    raw = {name: known.get(name, Standing(verifier=name)).weight for name in ids.values()}
    missing = max(0, LEAST_MEMBERS - len(raw))
    raw |= {f"silent-{index}": 1.0 * Standing(verifier="").weight for index in range(missing)}
    weights = capped_weights(raw)
    good = {ids[home]: report for home, report in reports.items() if _is_sound(report, ids[home], task)}
    ballots = [Ballot(name, report.vote.verdict, report.vote.evidence) for name, report in good.items()]
    commitments = [(ids[home], str(reply["commitment"])) for home, reply in commits.items()]
    decision = decide(ballots, commitments, weights, _flagged(task, good, weights))
    keys = {ids[home]: text for home, text in public_keys.items()}
    return _judgement(task, decision, weights, keys, good)


class VerifierProcesses:
    """Puts each request to a process of its own; ends those that are still at work when it is left.

    A process leads its own group, so that Ctrl-C at the terminal reaches only us, and what it started ends with it.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._left = False

    def __call__(self, home: Path, request: dict[str, Any], progress: Progress) -> Any:
        process = self._start()
        tail: list[str] = []
        listener = threading.Thread(target=_listen, args=(process, progress, tail), daemon=True)
        timer = threading.Timer(self._timeout_s, end_group, (process,))
        timer.daemon = True
        try:
            listener.start()
            timer.start()
            data = _exchange(process, canonical_json({**request, "folder": str(home.absolute())}) + b"\n")
        finally:
            timer.cancel()
            end_group(process)
            listener.join(timeout=5)
            _close(process)
            with self._lock:
                self._running.discard(process)
        return _reply(home.name, data, process.returncode, tail)

    def _start(self) -> subprocess.Popen[bytes]:
        command, pipe = [sys.executable, "-m", "nightproof.trust.verifier_process"], subprocess.PIPE
        with self._lock:
            if self._left:
                raise VerifierFailed("the committee was dismissed")
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
            self._running.add(process)
        return process

    def __enter__(self) -> VerifierProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._left = True
            running = tuple(self._running)
        for process in running:
            end_group(process)


def _exchange(process: subprocess.Popen[bytes], line: bytes) -> bytes:
    """Send a request and take the answer. Stdin stays open meanwhile: its end would end the verifier."""
    assert process.stdin and process.stdout
    with process.stdin, suppress(BrokenPipeError):
        process.stdin.write(line)
        process.stdin.flush()
        data = process.stdout.read()
        process.wait()
        return data
    return b""


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            with suppress(OSError):
                pipe.close()


def _listen(process: subprocess.Popen[bytes], progress: Progress, tail: list[str]) -> None:
    assert process.stderr
    for line in process.stderr:
        text = line.decode(errors="replace").rstrip()
        fraction, _, message = text.partition(" ")
        try:
            progress(float(fraction), message)
        except ValueError:
            tail[:] = [*tail[-4:], text]


def _reply(name: str, data: bytes, code: int, tail: list[str]) -> Any:
    if not data:
        raise VerifierFailed(f"{name} died (exit {code}) {' '.join(tail[-1:])}".rstrip())
    reply = parse_json(data)
    if not isinstance(reply, dict):
        raise VerifierFailed(f"{name} answered {json.dumps(reply)[:80]}")
    if "error" in reply:
        raise VerifierFailed(f"{name}: {reply['error']}", hint=str(reply.get("hint", "")) or None)
    return reply


def _commit(
    homes: list[Path], request: dict[str, Any], ask: Ask, threads: int, progress: Progress
) -> tuple[dict[Path, dict[str, Any]], list[NightproofError]]:
    commits: dict[Path, dict[str, Any]] = {}
    failures: list[NightproofError] = []

    def one(home: Path, begin: float, share: float) -> None:
        try:
            reply = ask(home, request, lambda f, m: progress(begin + share * f, f"{home.name}: {m}"))
            commits[home] = {part: str(reply[part]) for part in ("id", "public_key", "commitment")}
        except NightproofError as error:
            failures.append(error)
        except KeyError:
            failures.append(VerifierFailed(f"{home.name} gave half an answer"))

    one(homes[0], 0.0, 0.7)
    team = ThreadPoolExecutor(max(1, min(threads, 2)))
    try:
        share = 0.3 / max(1, len(homes) - 1)
        jobs = [team.submit(one, home, 0.7 + index * share, share) for index, home in enumerate(homes[1:])]
        for job in jobs:
            job.result()
    finally:
        # Not `with`: it would wait for verifiers that an interrupt has made superfluous.
        team.shutdown(wait=False, cancel_futures=True)
    return {home: commits[home] for home in homes if home in commits}, failures


def _reveal(commits: dict[Path, dict[str, Any]], task: Task, ask: Ask) -> dict[Path, Report]:
    reports = {}
    for home in commits:
        try:
            reports[home] = Report.from_json(ask(home, {"do": "reveal", "task": task.to_json()}, lambda f, m: None))
        except NightproofError:
            continue  # silent: its weight backs nothing
    return reports


def _is_sound(report: Report, verifier: str, task: Task) -> bool:
    """Signed by whom it should be, about what was asked, and its parts name each other."""
    vote, evidence, verdict = report.vote, report.evidence, report.verdict
    return (
        vote_is_valid(vote)
        and vote.verifier == evidence.verifier == verifier
        and vote.verdict == verdict.digest
        and vote.evidence == evidence.digest
        and evidence.source_sha256 == verdict.source_sha256 == task.source_sha256
        and evidence.asset_sha256 == verdict.asset_sha256 == task.asset_sha256
        and evidence.policy == verdict.policy == task.policy.digest
        and evidence.view_seed == task.view_seed(verifier)
    )


def _flagged(task: Task, reports: dict[str, Report], weights: dict[str, float]) -> dict[str, str]:
    flags: dict[str, str] = {}
    for claim in task.policy.claims:
        metric = METRICS[claim.metric]
        values = {name: _values(report, claim.metric) for name, report in reports.items()}
        values = {name: found for name, found in values.items() if found}
        magnitudes = {name: metric.magnitude(sum(found) / len(found)) for name, found in values.items()}
        noise = median([relative_noise(found, metric) for found in values.values()]) if values else 0.0
        # On common views there is no sampling noise between verifiers: the floor of the band stands.
        noise = noise if task.policy.independent_views else 0.0
        for name, reason in deviating(magnitudes, weights, noise).items():
            flags.setdefault(name, f"{claim.metric} {reason}")
    return flags


def _values(report: Report, metric: str) -> tuple[float, ...]:
    return next((samples.values for samples in report.evidence.samples if samples.metric == metric), ())


def _judgement(
    task: Task, decision: Decision, weights: dict[str, float], keys: dict[str, str], reports: dict[str, Report]
) -> Judgement:
    backing = [reports[name] for name in sorted(decision.backers)]
    verdict = backing[0].verdict if decision.verdict else _undecided(task)
    members = tuple(
        Member(
            verifier=name,
            public_key=keys.get(name, ""),
            weight=weight,
            agreed=decision.verdict is not None and name in decision.backers,
            evidence=reports[name].vote.evidence if name in reports else "",
            flags=decision.flags[name],
        )
        for name, weight in weights.items()
    )
    return Judgement(
        verdict=verdict,
        decided=decision.verdict is not None,
        agreement=min(decision.agreement, 1.0),
        members=members,
        aggregates=_aggregates(task.policy, verdict, backing),
        view_seed=task.view_seed("all"),
        policy_name=task.policy.name,
        shared_references=any(report.evidence.shared_references for report in reports.values()),
        reference_self_ssim=min((report.evidence.reference_self_ssim for report in reports.values()), default=0.0),
        cpu_seconds=sum(report.evidence.work.get("cpu_seconds", 0.0) for report in reports.values()),
    )


def _aggregates(policy: Policy, verdict: Verdict, reports: list[Report]) -> tuple[Aggregate, ...]:
    outcomes = {item.metric: item.outcome for item in verdict.metrics}
    rows = []
    for claim in policy.claims:
        found = [summary(claim, _values(report, claim.metric)) for report in reports]
        means = [mean for mean, _ in found if mean is not None]
        bounds = [bound for _, bound in found if bound is not None]
        notes = [s.not_evaluated for r in reports for s in r.evidence.samples if s.metric == claim.metric]
        rows.append(
            Aggregate(
                metric=claim.metric,
                mean=median(means) if means else None,
                bound=median(bounds) if bounds else None,
                threshold=claim.threshold,
                outcome=outcomes[claim.metric],
                views=min((len(_values(report, claim.metric)) for report in reports), default=0),
                note=notes[0] if notes else "",
            )
        )
    worst = median([report.evidence.worst_tile_ssim for report in reports]) if reports else None
    note = "reported, not judged: the worst 64 × 64 tile of all views"
    views = max((row.views for row in rows), default=0)
    tile = Aggregate(
        metric="worst_tile", mean=worst, bound=None, threshold=None, outcome="not_evaluated", views=views, note=note
    )
    return (*rows, tile)


def _undecided(task: Task) -> Verdict:
    metrics = tuple(
        MetricVerdict(metric=c.metric, threshold=c.threshold, error_rate=c.error_rate, outcome="undecided")
        for c in task.policy.claims
    )
    return Verdict(
        source_sha256=task.source_sha256,
        asset_sha256=task.asset_sha256,
        policy=task.policy.digest,
        outcome="undecided",
        metrics=metrics,
    )
