"""Have a judgement signed by the verifiers that stand behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nightproof.errors import NightproofError
from nightproof.records.asset import AssetFile
from nightproof.records.judgement import Judgement
from nightproof.trust.certificate import envelope, statement
from nightproof.trust.committee import Ask, VerifierProcesses
from nightproof.trust.keys import KEY_FILE, key_id, own_key, public_key_text
from nightproof.trust.task import Task


class NotCertifiable(NightproofError):
    """The committee stands behind no verdict, so there is nothing to sign."""

    hint = "Too few verifiers agreed; run the same command again, or look at the flags of its members in the report."


def make_certificate(
    judgement: Judgement,
    task: Task,
    files: Sequence[AssetFile],
    *,
    folder: Path,
    audit: str = "",
    route: str = "",
    plan: str = "",
    cost: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
    ask: Ask | None = None,
    timeout_s: float = 60.0,
) -> bytes:
    """The certificate's bytes: of success, or an honest one of failure. `folder` as in `run_committee`.

    The same judgement and facts give the same bytes.

    Raises:
        NotCertifiable: no verdict has a quorum.
        VerifierFailed: a member that agreed would not sign.
    """
    if not judgement.decided:
        raise NotCertifiable(f"only {100 * judgement.agreement:.0f} % of the weight agreed; more than 67 % is needed")
    payload = statement(
        judgement, files, audit=audit, route=route, plan=plan, cost=cost, notes=notes, versions=versions
    )
    homes = _homes(folder)
    request = {"do": "sign", "task": task.to_json(), "payload": payload.decode()}
    agreed = [member.verifier for member in judgement.members if member.agreed]
    with VerifierProcesses(timeout_s) as processes:
        asking = ask or processes
        signatures = {name: str(asking(homes[name], request, lambda f, m: None)["signature"]) for name in agreed}
    return envelope(payload, signatures)


def _homes(folder: Path) -> dict[str, Path]:
    """Key id → folder, of the verifiers on this machine."""
    found = [path.parent for path in sorted(folder.glob(f"*/{KEY_FILE}"))]
    return {key_id(public_key_text(own_key(home))): home for home in found}
