"""The price files: built-in ones, and a user's own laid over them.

A user's file may hold any of the tables `calendar`, `carbon`, `resource`, `region`, `machine`; each that it holds
replaces the built-in table of that name as a whole. The digest covers what was understood, not how it was spelled, so
a plan names exactly the prices it was made with.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nightproof.economy.calendar import Tariff
from nightproof.economy.carbon import Forecast
from nightproof.economy.pool import HERE, STEADY, Interruptions, Prices, Region, Resource
from nightproof.economy.tables import BrokenPrices, Table, read_toml, unique
from nightproof.economy.units import HORIZON_DAYS
from nightproof.records.record import canonical_json

FORMAT = 1
BUILT_IN = ("prices.toml", "regions.toml")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RESOURCES_LIMIT, REGIONS_LIMIT, OFFERS_LIMIT = 64, 64, 512
PRICE_LIMIT_USD_PER_H = 300.0
FACTOR_LIMIT = 10.0


def load_prices(path: Path | None = None) -> Prices:
    """The built-in prices, with the tables of `path` in place of their namesakes.

    Raises:
        BrokenPrices: the file cannot be read or says something impossible; the message names the place.
    """
    tables: dict[str, Any] = {}
    for name in BUILT_IN:
        tables |= _checked_format(read_toml(Path(str(files("nightproof.economy") / "data" / name))), name)
    if path is not None:
        tables |= _checked_format(read_toml(path), path.name)
    return read_prices(tables)


def _checked_format(tables: dict[str, Any], name: str) -> dict[str, Any]:
    if tables.pop("format", None) != FORMAT:
        raise BrokenPrices(f"{name}: expected `format = {FORMAT}` in the first line")
    return tables


def read_prices(tables: dict[str, Any]) -> Prices:
    """Check parsed tables and make `Prices` of them."""
    top = Table(tables, "prices")
    calendar = _tariff(top.table("calendar"))
    machine = top.table("machine")
    electricity = machine.number("electricity_usd_per_kwh", 0, 10)
    wear = machine.number("wear_usd_per_h", 0, PRICE_LIMIT_USD_PER_H)
    machine.done()
    carbon = top.table("carbon")
    carbon_usd_per_kg = carbon.number("usd_per_kg", 0, 100)
    carbon.done()
    resources = tuple(_resource(table) for table in top.tables("resource", RESOURCES_LIMIT))
    unique((HERE, *(resource.name for resource in resources)), "resource")
    names = frozenset(resource.name for resource in resources)
    region_tables = top.tables("region", REGIONS_LIMIT)
    regions = tuple(_region(table, names) for table in region_tables)
    unique((HERE, *(region.name for region in regions)), "region")
    home = top.name("home") if top.has("home") else regions[0].name
    if home not in {region.name for region in regions}:
        home = regions[0].name
    top.done()
    if sum(len(region.resources) for region in regions) * 2 > OFFERS_LIMIT:
        raise BrokenPrices(f"more than {OFFERS_LIMIT // 2} pairs of region and resource")
    digest = _digest(calendar, resources, regions, home, electricity, wear, carbon_usd_per_kg)
    return Prices(calendar, resources, regions, home, electricity, wear, carbon_usd_per_kg, digest)


def _tariff(table: Table) -> Tariff:
    hours = []
    for span in table.tables("weekday", 48):
        hours.append((span.number("from", 0, 24), span.number("factor", 0, FACTOR_LIMIT)))
        span.done()
    begins = [begin for begin, _ in hours]
    if begins[0] != 0 or any(b <= a for a, b in itertools.pairwise(begins)) or begins[-1] >= 24:
        raise table.fault("weekday", "`from` begins at 0, ascends and stays below 24")
    if any(not (begin * 60).is_integer() for begin in begins):
        raise table.fault("weekday", "`from` is a whole number of minutes, in hours")
    days = table.many("weekend_days", 0, 7)
    if any(day not in DAYS for day in days):
        raise table.fault("weekend_days", f"expected names of days: {', '.join(DAYS)}")
    weekend = table.number("weekend", 0, FACTOR_LIMIT)
    spot = table.number("spot", 0, FACTOR_LIMIT)
    table.done()
    return Tariff(tuple(hours), weekend, frozenset(DAYS.index(day) for day in days), spot)


def _resource(table: Table) -> Resource:
    low, high = table.numbers("price_usd_per_h", 2, 0, PRICE_LIMIT_USD_PER_H)
    if low > high:
        raise table.fault("price_usd_per_h", "the first is the lower end")
    resource = Resource(
        name=table.name(),
        title=table.text("title"),
        price_usd_per_h=(low, high),
        cores=table.number("cores", 0.01, 1e5),
        power_kw=table.number("power_kw", 0, 100),
        start_s=math.ceil(table.number("start_s", 0, 600)),
        checkpoint_s=math.ceil(table.number("checkpoint_s", 1, 86400)),
        reserved=_interruptions(table.table("reserved")) if table.has("reserved") else STEADY,
        spot=_interruptions(table.table("spot")) if table.has("spot") else None,
        tariff=table.flag("tariff"),
    )
    table.done()
    return resource


def _interruptions(table: Table) -> Interruptions:
    terms = Interruptions(table.number("interruptions_per_h", 0, 12), table.number("availability", 0.01, 1))
    table.done()
    return terms


def _region(table: Table, resources: frozenset[str]) -> Region:
    by_hour = table.numbers("carbon_by_hour", 24, 0, 10) if table.has("carbon_by_hour") else (1.0,) * 24
    if not math.isclose(sum(by_hour), 24, rel_tol=0.02):
        raise table.fault("carbon_by_hour", "the mean of the 24 factors is 1, within 2 %")
    offered = table.many("resources", 0, RESOURCES_LIMIT) if table.has("resources") else sorted(resources)
    for name in offered:
        if not isinstance(name, str) or name not in resources:
            raise table.fault("resources", f"no resource is called {str(name)[:40]!r}")
    region = Region(
        name=table.name(),
        title=table.text("title"),
        zone=_zone(table),
        price_level=table.number("price_level", 0, 1),
        carbon_kg_per_kwh=table.number("carbon_kg_per_kwh", 0, 5),
        carbon_by_hour=by_hour,
        resources=frozenset(offered),
        forecast=_forecast(table.table("carbon_forecast")) if table.has("carbon_forecast") else None,
    )
    table.done()
    return region


def _zone(table: Table) -> str:
    name = table.text("zone")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise table.fault("zone", f"{name!r} is not an IANA time zone") from None
    return name


def _forecast(table: Table) -> Forecast:
    start = table.take("start")
    if not isinstance(start, datetime) or start.tzinfo is None:
        raise table.fault("start", "expected a time with an offset, like 2030-01-01T00:00:00Z")
    if start.second or start.microsecond or start.minute % 15 or not 1990 <= start.year <= 2200:
        raise table.fault("start", "begins on a quarter of an hour")
    hours = table.many("kg_per_kwh", 1, HORIZON_DAYS * 24)
    values = tuple(table.checked(value, f"kg_per_kwh[{i}]", 0, 5) for i, value in enumerate(hours))
    table.done()
    return Forecast(int(start.timestamp()), values)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(b"nightproof/prices/v1\n" + canonical_json([_plain(part) for part in parts])).hexdigest()


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def home_region(prices: Prices, zone: str | None) -> str:
    """The region whose clocks are in `zone`; the file's own default where none is."""
    return next((region.name for region in prices.regions if region.zone == zone), prices.home)
