"""The page says what happened, to anyone, from one file, whatever the names in it say."""

import dataclasses
import importlib.util
import itertools
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import nightproof.report
from nightproof.report import (
    Betting,
    ComparisonInput,
    MetricFacts,
    ViewImages,
    charts,
    render_comparison,
    render_report,
)
from nightproof.report.pictures import embed, heat

_spec = importlib.util.spec_from_file_location("finished_job", Path(__file__).with_name("finished_job.py"))
example = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(example)

VOID = {"meta", "img", "input", "br", "link", "hr"}
EVIL = """"><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7*7 }}.glb"""


class Balanced(HTMLParser):
    """Every element closed in order; remembers tags, attributes and text."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


class Outline(HTMLParser):
    """What a screen reader goes by: headings, names, table headers, references."""

    def __init__(self):
        super().__init__()
        self.faults, self.levels, self.ids, self.references = [], [], [], set()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if len(found) != len(attributes):
            self.faults.append(f"<{tag}> has an attribute twice")
        if tag == "img" and not found.get("alt"):
            self.faults.append("an image without a description")
        if tag == "th" and found.get("scope") not in ("row", "col"):
            self.faults.append("a table header of nothing")
        if tag == "svg" and "plot" in found.get("class", "") and not found.get("aria-label"):
            self.faults.append("a chart without words")
        if tag == "input" and not found.get("aria-label"):
            self.faults.append("a control without a name")
        if tag == "button" and found.get("type") != "button":
            self.faults.append("a button that would submit something")
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.ids += [found["id"]] if "id" in found else []
        self.references |= {found["aria-labelledby"]} if "aria-labelledby" in found else set()


def page_css():
    return Path(nightproof.report.__file__).parent / "templates" / "page.css"


def contrast(first, second):
    """Of two colours #rgb or #rrggbb, as WCAG defines it."""

    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def parsed(html):
    page = Balanced()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def job():
    return example.finished_job()


@pytest.fixture(scope="module")
def html(job):
    return render_report(job)


def comparison(name="a.glb", flip=True):
    view = example.view(name, 1)
    if not flip:
        view = dataclasses.replace(view, flip=None)
    metric = MetricFacts(name="ssim", values=(0.99,), threshold=None, higher_is_better=True, outcome=None, mean=0.99)
    return ComparisonInput(
        original=name, asset="b.glb", original_bytes=9, asset_bytes=8, views=(view,), metrics=(metric,)
    )


def test_every_element_is_closed(html):
    assert parsed(html).tags.count("script") == 1
    parsed(render_comparison(comparison()))


def test_nothing_is_fetched_from_anywhere(html):
    page = parsed(html)
    for name, value in page.attributes:
        if name in ("src", "href", "data", "action", "srcset", "poster"):
            assert value.startswith("data:image/webp;base64,"), name
    assert not re.search(r"(https?:)?//[a-z]|@import|url\(", re.sub(r"base64,[A-Za-z0-9+/=]+", "", html))


def test_hostile_names_stay_text(job):
    evil = example.finished_job(name=EVIL, hint=EVIL)
    evil = dataclasses.replace(
        evil, notices=(EVIL,), software={EVIL: EVIL}, views=(dataclasses.replace(job.views[0], name=EVIL),)
    )
    for html in (render_report(evil), render_comparison(comparison(EVIL))):
        page = parsed(html)
        assert page.tags.count("script") == 1
        assert not any(name.startswith("on") for name, _ in page.attributes)
        assert EVIL in "".join(page.text)


def test_the_facts_are_there(job, html):
    text = " ".join("".join(parsed(html).text).split())
    assert "Looks like the original. Certified." in text
    for fact in (
        "reading-room.glb",
        "from 18.4 MB to 5.1 MB",
        "hybrid is not built yet",
        "LPIPS was not evaluated",
        "Not evaluated",
        job.certificate_sha256,
        "nightproof verify asset.glb certificate.json",
        "Mitsuba 3.9.1",
        "shared cached reference images",
        job.plan.baseline_name,
        "seed 0",
        "exposure 1.31",
        "≥ 0.98",
        "claimed ≥ 0.9821",
        "3 path segments",
        "A stake of 1 on “holds” passed 20 after 60 views",
    ):
        assert fact in text, fact


@pytest.mark.parametrize(
    ("outcome", "certified", "says"),
    [("fails", False, "Does not look"), ("undecided", False, "Not decided"), ("holds", False, "Not certified")],
)
def test_the_headline_never_claims_more_than_the_verdict(job, outcome, certified, says):
    html = render_report(dataclasses.replace(job, outcome=outcome, certified=certified, certificate_sha256=""))
    assert says in html and ". Certified" not in html and "There is no certificate" in html


def test_what_is_open_is_said_in_numbers(html):
    text = " ".join("".join(parsed(html).text).split())
    assert "VMAF is 92.2 on average over 3 path segments; at least 90 was asked" in text
    assert "After these, at least 71.0 is all that can be claimed." in text


def test_every_judged_view_is_a_dot_and_the_pictured_ones_are_ringed(job, html):
    page = parsed(html)
    classes = [value.split() for name, value in page.attributes if name == "class" and "dot" in value.split()]
    assert len(classes) == sum(len(metric.values) for metric in job.metrics)
    pictured = {view.index for view in job.views}
    of_views = [metric for metric in job.metrics if metric.counts == "view" and metric.values]
    assert sum("pictured" in it for it in classes) == len(of_views) * len(pictured)


def test_a_reader_of_the_structure_finds_its_way(html):
    for text in (html, render_comparison(comparison())):
        page = Outline()
        page.feed(text)
        assert page.faults == []
        assert page.levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(page.levels))
        assert len(page.ids) == len(set(page.ids)) and page.references <= set(page.ids)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme):
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    css = Path(page_css()).read_text()
    light, dark = re.findall(r":root\{(--paper[^}]*)\}", css)[:2]
    colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})\b", light if scheme == "light" else light + ";" + dark))
    grounds = {"paper", "card", "wash"}
    for ink, on in (
        *(("ink", ground) for ground in (*grounds, "bluewash", "goodwash", "waitwash")),
        *(("soft", ground) for ground in grounds),
        *((tone, ground) for tone in ("good", "bad", "wait") for ground in ("card", f"{tone}wash")),
        ("bad", "goodwash"),
        ("paper", "ink"),
    ):
        assert contrast(colours[ink], colours[on]) >= 4.5, (ink, on)


def test_a_decision_is_marked_where_the_stake_first_sufficed():
    betting = Betting(holds=(0.5, 2.4, 1.0, 3.0), fails=(-1.0,) * 4, needed=10.0)
    metric = dataclasses.replace(comparison().metrics[0], outcome="holds", betting=betting)
    assert charts.bets(metric).decided_after == 2
    assert charts.bets(dataclasses.replace(metric, outcome="undecided")).decided_after is None
    assert charts.bets(dataclasses.replace(metric, outcome="fails")).decided_after is None


def test_dots_at_one_place_do_not_hide_each_other():
    metric = dataclasses.replace(comparison().metrics[0], values=(0.9,) * 6 + (0.5,))
    heights = {dot.y for dot in charts.strip(metric).dots if dot.view < 6}
    assert len(heights) == 6


def test_days_begin_at_local_midnight(job):
    chart = charts.ahead(job.ahead, job.plan, "cost", "Europe/Berlin")
    first, last = (charts._moment(job.ahead.start_utc[i]).timestamp() for i in (0, -1))
    midnight = datetime(2026, 11, 23, 23, 0, tzinfo=UTC).timestamp()  # 0 o'clock in Berlin
    assert chart.days[0].label == "Tue 24 Nov"
    assert chart.days[0].x == pytest.approx(100 * (midnight - first) / (last - first), abs=0.01)
    assert charts.local("2026-11-23T23:00:00Z", "Europe/Berlin") == "Tue 24 Nov, 00:00"


def test_the_same_facts_give_the_same_bytes(job, html):
    assert render_report(job) == html


def test_a_bare_job_still_has_a_page(job):
    bare = dataclasses.replace(
        job, views=(), metrics=(), plan=None, ahead=None, audit=None, committee=(), sizes=(), chain=(), software={}
    )
    parsed(render_report(bare))
    parsed(render_comparison(comparison(flip=False)))


def test_large_noisy_images_stay_below_the_cap(job):
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (540, 960, 3), np.uint8) for _ in range(2)]
    views = tuple(ViewImages(f"v{i}", noise[0], noise[1], random.random((540, 960)), {}) for i in range(12))
    assert len(render_report(dataclasses.replace(job, views=views)).encode()) < 4_000_000


def test_the_heat_map_goes_from_dark_to_bright():
    colours = heat(np.linspace(0, 1, 64)[None]).astype(int).sum(axis=2)[0]
    assert np.all(np.diff(colours) >= 0) and colours[0] < 10 and colours[-1] > 600
    assert heat(np.array([[np.nan, -3.0, 9.0]])).tolist()[0][0] == [0, 0, 4]


def test_images_are_never_enlarged():
    small = example.view("small", 0, width=64, height=40)
    assert (embed([small])[0].width_px, embed([small])[0].height_px) == (64, 40)
