"""nightproof verify: does this certificate speak for this very asset?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightproof.cli.ending import say_json
from nightproof.cli.options import Json


def verify(
    asset: Annotated[Path, typer.Argument(help="The asset, e.g. room/asset.glb.", show_default=False)],
    certificate: Annotated[Path, typer.Argument(help="Its certificate.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Check that CERTIFICATE speaks for ASSET. Works offline; exit code 0 only if it holds for these very bytes.

    Example: nightproof verify room/asset.glb room/certificate.json
    """
    from nightproof.trust.certificate import verify_files

    verified = verify_files(asset, certificate)
    if as_json:
        say_json({"holds": True, **verified.to_json()})
    else:
        typer.echo(verified.summary(asset.name))
