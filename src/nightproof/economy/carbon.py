"""Carbon intensity of a region's electricity as a function of time.

Without a forecast: the region's yearly mean times a shape by local hour (solar noon is cleaner, evenings are not).
With one: its hourly values, in UTC, as far as they reach, and the shape before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from nightproof.economy.calendar import weekly
from nightproof.economy.steps import Steps, common_edges
from nightproof.economy.units import HOUR_S

PPM = 1_000_000
"""Intensities are kept in millionths of a kilogram per kilowatt hour."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hourly carbon intensity that someone foretold or measured."""

    start_s: int
    """Unix seconds at which the first hour begins."""
    kg_per_kwh: tuple[float, ...]


def intensity(
    zone: ZoneInfo,
    mean_kg_per_kwh: float,
    by_hour: tuple[float, ...],
    forecast: Forecast | None,
    start_s: int,
    end_s: int,
) -> Steps:
    """Millionths of kg per kWh on [start_s, end_s]; `by_hour` holds 24 factors for the local hours."""
    hours = np.arange(7 * 24)
    shape = np.array([round(mean_kg_per_kwh * factor * PPM) for factor in by_hour])
    usual = weekly(zone, hours * HOUR_S, shape[hours % 24], start_s, end_s)
    return usual if forecast is None else _with_forecast(usual, forecast)


def _with_forecast(usual: Steps, forecast: Forecast) -> Steps:
    told = forecast.start_s + HOUR_S * np.arange(len(forecast.kg_per_kwh) + 1)
    inside = told[(told > usual.edges_s[0]) & (told < usual.edges_s[-1])]
    edges = common_edges(usual.edges_s, inside)
    values = usual.on(edges).values.copy()
    known = (edges[:-1] >= told[0]) & (edges[:-1] < told[-1])
    hour = (edges[:-1][known] - told[0]) // HOUR_S
    values[known] = np.round(np.array(forecast.kg_per_kwh)[hour] * PPM).astype(np.int64)
    return Steps(edges, values)
