"""The page says what happened, to anyone, from one file, whatever the names in it say."""

import dataclasses
import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from nightproof.report import ComparisonInput, MetricFacts, ViewImages, render_comparison, render_report
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
    metric = MetricFacts(name="SSIM", values=(0.99,), threshold=None, higher_is_better=True, outcome=None, mean=0.99)
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
    assert "Looks like the original, and certified." in text
    for fact in (
        "reading-room.glb",
        "18.4 MB → 5.1 MB",
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
        "≥ 0.9800",
    ):
        assert fact in text, fact


@pytest.mark.parametrize(
    ("outcome", "certified", "says"),
    [("fails", False, "Does not look"), ("undecided", False, "Not decided"), ("holds", False, "not certified")],
)
def test_the_headline_never_claims_more_than_the_verdict(job, outcome, certified, says):
    html = render_report(dataclasses.replace(job, outcome=outcome, certified=certified, certificate_sha256=""))
    assert says in html and "and certified" not in html and "There is no certificate" in html


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
