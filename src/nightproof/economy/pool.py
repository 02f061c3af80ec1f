"""What can be rented, where, and what it does for us: resource types, regions, and the offers they make.

An `Offer` is one way to run: a resource type in a region, reserved or spot, with its bill and its carbon per second
as functions of time. What may be taken away while it runs is counted in expectation: see `expected_rate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from nightproof.economy import calendar, carbon
from nightproof.economy.calendar import FLAT, Tariff
from nightproof.economy.steps import Steps, common_edges
from nightproof.economy.units import HOUR_S, PICO

HERE = "here"
"""Name of the resource and region of the machine that nightproof runs on."""


@dataclass(frozen=True, slots=True)
class Interruptions:
    """How something that may be taken away behaves; averages of what was observed."""

    per_h: float
    """Interruptions per hour of running."""
    availability: float
    """Share of the time in which it can be had, in (0, 1]."""


STEADY = Interruptions(per_h=0.0, availability=1.0)


@dataclass(frozen=True, slots=True)
class Resource:
    """A type of machine. `price_usd_per_h` is the range over the regions, cheapest first."""

    name: str
    title: str
    price_usd_per_h: tuple[float, float]
    cores: float
    """CPU-seconds of our work that it does in a second of wall time."""
    power_kw: float
    start_s: int
    """From ordering it (or resuming a checkpoint) to the first useful second; paid."""
    checkpoint_s: int
    """What is lost at an interruption is at most this much work time."""
    reserved: Interruptions
    spot: Interruptions | None
    tariff: bool
    """Whether the price calendar applies."""


@dataclass(frozen=True, slots=True)
class Region:
    """A place with a clock, a price level and a power grid."""

    name: str
    title: str
    zone: str
    """IANA time zone."""
    price_level: float
    """0: the low end of every resource's price range, 1: the high end."""
    carbon_kg_per_kwh: float
    carbon_by_hour: tuple[float, ...]
    """24 factors for the local hours; their mean is 1."""
    resources: frozenset[str]
    """Names of what can be had here."""
    forecast: carbon.Forecast | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine in front of the user: what it does and what an hour of it costs, electricity and wear."""

    cores: float
    power_kw: float
    usd_per_h: float
    start_s: int = 10
    """Opening the scene again, at the start and after every pause."""


@dataclass(frozen=True, slots=True)
class Prices:
    """All that a plan depends on besides the job and the clock; read by `economy.prices`."""

    tariff: Tariff
    resources: tuple[Resource, ...]
    regions: tuple[Region, ...]
    home: str
    """Region of a user who does not say where they are."""
    electricity_usd_per_kwh: float
    wear_usd_per_h: float
    carbon_usd_per_kg: float
    """What a kilogram of CO₂e counts where slots are compared; in no bill."""
    digest: str
    """SHA-256 of the canonical form of all of it."""

    def region(self, name: str) -> Region:
        return next(region for region in self.regions if region.name == name)

    def machine(self, cores: float, power_kw: float) -> Machine:
        """The user's machine, priced with this file's electricity and wear."""
        return Machine(cores, power_kw, power_kw * self.electricity_usd_per_kwh + self.wear_usd_per_h)


@dataclass(frozen=True, eq=False)
class Offer:
    """One way to run."""

    resource: str
    region: str
    spot: bool
    work_per_s: float
    """Expected CPU-seconds of work in a second of wall time."""
    start_s: int
    power_kw: float
    """Expected draw over the wall time."""
    usd: Steps
    """Expected bill, picodollars per second of wall time."""
    kg: Steps
    """Expected emissions, picokilograms per second of wall time."""
    secure: bool
    """Whether it stays once it was had."""

    def duration_s(self, work_cpu_seconds: float) -> int:
        """Wall time to do the work in one go, start included, whole seconds."""
        return self.start_s + max(1, math.ceil(work_cpu_seconds / self.work_per_s))


def expected_rate(interruptions: Interruptions, checkpoint_s: float, start_s: float) -> float:
    """Useful share of the wall time of something that is taken away now and then.

    Between interruptions at rate λ work is saved every τ; each interruption costs a restart R and the work since the
    last save. The expected running time per τ of saved work is e^{λR}(e^{λτ} − 1)/λ (Daly 2006, eq. 13, with the
    time to write a checkpoint counted as part of τ); while it cannot be had at all nothing happens and nothing is paid.
    """
    rate = interruptions.per_h / HOUR_S
    if rate == 0.0:
        return interruptions.availability
    running_s = math.exp(rate * start_s) * math.expm1(rate * checkpoint_s) / rate
    return interruptions.availability * checkpoint_s / running_s


def offers(prices: Prices, machine: Machine | None, home: str, start_s: int, end_s: int) -> tuple[Offer, ...]:
    """Everything that can be had between two instants, in the order of the price file; the user's machine first."""
    grids = {region.name: _Grid.of(prices.tariff, region, start_s, end_s) for region in prices.regions}
    mine = [] if machine is None else [_own(machine, grids[home])]
    rented = [
        _offer(prices.tariff, resource, region, grids[region.name], spot)
        for resource in prices.resources
        for region in prices.regions
        if resource.name in region.resources
        for spot in ((False,) if resource.spot is None else (False, True))
    ]
    return (*mine, *rented)


@dataclass(frozen=True, eq=False)
class _Grid:
    """A region's tariff and carbon on common edges."""

    factors_ppm: Steps
    flat_ppm: Steps
    carbon_ppm: Steps

    @classmethod
    def of(cls, tariff: Tariff, region: Region, start_s: int, end_s: int) -> _Grid:
        zone = ZoneInfo(region.zone)
        factors = calendar.factors(tariff, zone, start_s, end_s)
        shape, mean = region.carbon_by_hour, region.carbon_kg_per_kwh
        intensity = carbon.intensity(zone, mean, shape, region.forecast, start_s, end_s)
        edges = common_edges(factors.edges_s, intensity.edges_s)
        flat = calendar.factors(FLAT, zone, start_s, end_s)
        return cls(factors.on(edges), flat.on(edges), intensity.on(edges))

    def bill(self, usd_per_h: float, tariff: bool) -> Steps:
        factors = self.factors_ppm if tariff else self.flat_ppm
        return _scaled(factors, usd_per_h * PICO / HOUR_S / calendar.PPM)

    def emissions(self, power_kw: float) -> Steps:
        return _scaled(self.carbon_ppm, power_kw * PICO / HOUR_S / carbon.PPM)


def _scaled(steps: Steps, factor: float) -> Steps:
    return Steps(steps.edges_s, (steps.values * factor).round().astype("int64"))


def _own(machine: Machine, grid: _Grid) -> Offer:
    return Offer(
        resource=HERE,
        region=HERE,
        spot=False,
        work_per_s=machine.cores,
        start_s=machine.start_s,
        power_kw=machine.power_kw,
        usd=grid.bill(machine.usd_per_h, tariff=False),
        kg=grid.emissions(machine.power_kw),
        secure=True,
    )


def _offer(tariff: Tariff, resource: Resource, region: Region, grid: _Grid, spot: bool) -> Offer:
    terms = resource.spot if spot and resource.spot is not None else resource.reserved
    low, high = resource.price_usd_per_h
    list_price = low + (high - low) * region.price_level
    had = terms.availability
    return Offer(
        resource=resource.name,
        region=region.name,
        spot=spot,
        work_per_s=resource.cores * expected_rate(terms, resource.checkpoint_s, resource.start_s),
        start_s=resource.start_s,
        power_kw=resource.power_kw * had,
        usd=grid.bill(list_price * had * (tariff.spot if spot else 1.0), resource.tariff),
        kg=grid.emissions(resource.power_kw * had),
        secure=terms == STEADY,
    )
