"""Price files: what users may say, and what hostile ones try."""

import pytest

from nightproof.economy.prices import home_region, load_prices
from nightproof.economy.tables import BrokenPrices

REGION = """
[[region]]
name = "moon"
title = "Moon"
zone = "{zone}"
price_level = {level}
carbon_kg_per_kwh = {carbon}
{more}
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def region(zone="UTC", level="0.5", carbon="0.3", more=""):
    return "format = 1\n" + REGION.format(zone=zone, level=level, carbon=carbon, more=more)


def test_a_table_of_the_user_replaces_its_namesake_and_changes_the_digest(tmp_path):
    mine = load_prices(written(tmp_path, region()))
    assert [it.name for it in mine.regions] == ["moon"] and mine.home == "moon"
    assert mine.resources == load_prices().resources
    assert mine.digest != load_prices().digest


def test_comments_and_spelling_do_not_change_the_digest(tmp_path):
    one = load_prices(written(tmp_path, region(level="0.5"))).digest
    assert one == load_prices(written(tmp_path, region(level="0.50 # half"))).digest
    assert one != load_prices(written(tmp_path, region(level="0.51"))).digest


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "format"),
        ("format = 2", "format"),
        ("format = 1\nnonsense = 3", "nonsense"),
        ("not toml [", "not TOML"),
        (region(zone="Moon/Sea"), "zone"),
        (region(zone="../../etc/passwd"), "zone"),
        (region(level="nan"), "price_level"),
        (region(level="true"), "price_level"),
        (region(level="1" + "0" * 400), "price_level"),
        (region(carbon="-0.1"), "carbon_kg_per_kwh"),
        (region(carbon="inf"), "carbon_kg_per_kwh"),
        (region(more="extra = 1"), "extra"),
        (region(more='resources = ["warp"]'), "resources"),
        (region(more="resources = [[]]"), "resources"),
        (region(more="carbon_by_hour = [1, 2]"), "carbon_by_hour"),
        (region(more="carbon_forecast = { start = 3, kg_per_kwh = [0.1] }"), "start"),
        ("format = 1\nregion = []", "region"),
        ("format = 1\nregion = 7", "region"),
        ("format = 1\n[machine]\nelectricity_usd_per_kwh = 0.2", "wear_usd_per_h"),
    ],
)
def test_whatever_is_wrong_is_named(tmp_path, text, place):
    with pytest.raises(BrokenPrices, match=place):
        load_prices(written(tmp_path, text))


def test_a_missing_file_and_a_huge_one_are_typed_errors(tmp_path):
    with pytest.raises(BrokenPrices):
        load_prices(tmp_path / "absent.toml")
    with pytest.raises(BrokenPrices, match="larger"):
        load_prices(written(tmp_path, "#" * (5 << 20)))


def test_the_users_clock_finds_their_region():
    assert home_region(load_prices(), "Asia/Tokyo") == "ap-northeast"
    assert home_region(load_prices(), "Mars/Base") == load_prices().home
