"""The page that tells the whole job: one self-contained HTML file, made from records and images alone."""

from nightproof.report.facts import (
    AuditFacts,
    Betting,
    ComparisonInput,
    Member,
    MetricFacts,
    ReportInput,
    SizePart,
    ViewImages,
)
from nightproof.report.page import render_comparison, render_report

__all__ = [
    "AuditFacts",
    "Betting",
    "ComparisonInput",
    "Member",
    "MetricFacts",
    "ReportInput",
    "SizePart",
    "ViewImages",
    "render_comparison",
    "render_report",
]
