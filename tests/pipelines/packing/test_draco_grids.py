"""Draco's grids and its encoder: what is to come out to the bit does, the rest within its bound."""

from __future__ import annotations

import numpy as np
import pytest
from draco_files import draco_bytes, draco_glb, primitives, sheet

from nightproof.pipelines.packing import draco_codec
from nightproof.pipelines.packing.draco_codec import Column, encode
from nightproof.pipelines.packing.draco_grids import Grid, normals_on_grid, position_grid, texcoord_bits
from nightproof.scenes.gltf import parse_glb


@pytest.mark.parametrize("extent", [1e-5, 0.03, 1.0, 7e4])
@pytest.mark.parametrize("away", [0.0, -5.3])
def test_multiples_of_a_step_come_out_of_draco_to_the_bit(extent, away):
    """The library by itself rounds grids to six decimals: 16 steps of a thing of a millimetre."""
    part = sheet(20)
    positions = ((part["POSITION"] + away) * extent).astype("f4")
    grid = position_grid(positions, 2.0 ** np.floor(np.log2(extent * 2.0**-14)), b"")
    assert grid is not None
    stood = grid.points(grid.numbers(positions))
    assert np.abs(stood - positions).max() <= extent * 2.0**-15
    normals, bits = normals_on_grid(part["NORMAL"], 10)
    coded = encode(part["triangles"], {"POSITION": Column(stood, grid), "NORMAL": Column(normals, bits=bits)})
    assert coded is not None
    rows = {row.tobytes(): i for i, row in enumerate(stood)}
    came = [rows[row.tobytes()] for row in coded.values["POSITION"]]
    assert len(came) == 400 and np.abs(coded.values["NORMAL"] - normals[came]).max() < 1e-6


def test_a_grid_is_found_again_in_draco_bytes_and_used_while_it_is_the_coarser_one():
    source = parse_glb(draco_glb([[sheet(40)]]))
    data, positions = draco_bytes(source)[0], source.floats(primitives(source)[0]["attributes"]["POSITION"])
    coarse = position_grid(positions, 2.0**-14, data)
    assert coarse is not None and coarse.bits == 11
    assert np.array_equal(coarse.points(coarse.numbers(positions)), positions)
    fine = position_grid(positions, 2.0**-6, data)
    assert fine is not None and fine.span / fine.last == 2.0**-6


def test_no_grid_where_positions_stand_too_far_away_or_take_too_many_steps():
    positions = np.array([[1e6, 0, 0], [1e6 + 1, 0.5, 1]], "f4")
    assert position_grid(positions, 2.0**-10, b"") is None
    assert position_grid(np.array([[0, 0, 0], [1, 1, 1]], "f4"), 2.0**-23, b"") is None
    assert position_grid(np.array([[-3e38, 0, 0], [3e38, 0, 0]], "f4"), 2.0**114, b"") is None


@pytest.mark.parametrize("bits,bound_deg", [(8, 0.83), (10, 0.21)])
def test_normals_off_the_grid_move_within_their_bound_and_others_not_at_all(bits, bound_deg):
    vectors = np.random.default_rng(1).normal(size=(4000, 3))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4")
    placed, used = normals_on_grid(vectors, bits)
    assert used == bits
    assert np.degrees(np.arccos(np.clip((placed * vectors).sum(1), -1, 1))).max() < bound_deg
    again, fewest = normals_on_grid(placed, bits + 3)
    assert fewest == bits and np.abs(again - placed).max() < 1e-6


def test_texture_coordinates_take_as_few_bits_as_their_bound_allows():
    uv = np.random.default_rng(2).random((1000, 2)).astype("f4")
    bits = texcoord_bits(uv, 2.0**-11)
    assert bits == 11 and texcoord_bits(np.round(uv * 15) / np.float32(15), 2.0**-11) == 4
    assert texcoord_bits(uv * 1e12, 2.0**-11) is None and texcoord_bits(uv[:1], 2.0**-11) == 1


def test_an_attribute_that_draco_cannot_hold_is_refused():
    grid = Grid(np.zeros(3, "f4"), 31.0, 5)
    positions = np.array([[0, 0, 0], [31, 0, 0], [0, 31, 0]], "f4")
    columns = {"POSITION": Column(positions, grid), "_ODD": Column(np.zeros((3, 1), "i2"))}
    assert encode(np.array([[0, 1, 2]]), columns) is None
    del columns["_ODD"]
    assert encode(np.array([[0, 1, 2]]), columns) is not None
    assert encode(np.array([[0, 1, 1]]), columns) is None
    assert encode(np.array([[0, 1, 2]]), columns | {"NORMAL": Column(np.zeros((3, 3), "f4"))}) is None
    assert encode(np.array([[0, 1, 2]]), {"POSITION": Column(positions)}) is None


def test_nothing_is_written_over_where_the_grid_may_stand_in_two_places():
    """Values of another attribute that read like the grid: an origin of zeros, the last number, the bits."""
    grid, row = Grid(np.float32([-1, -1, -1]), 31.0, 5), np.array([0, 0, 0, 31, 5e-324], "f4")
    row.view("<u4")[4] = grid.bits
    corners, triangles = np.array([[0, 0, 0], [31, 0, 0], [0, 31, 0]]), np.array([[0, 1, 2]])
    columns = {"POSITION": Column(grid.points(corners), grid)}
    assert encode(triangles, columns) is not None
    assert encode(triangles, columns | {"_ODD": Column(np.tile(row, (3, 1)))}) is None


def test_what_does_not_come_out_where_it_stood_is_refused(monkeypatch):
    grid, corners = Grid(np.float32([-1, -1, -1]), 31.0, 5), np.array([[0, 0, 0], [31, 0, 0], [0, 31, 0]])
    monkeypatch.setattr(draco_codec, "_placed", lambda data, _: data)
    assert encode(np.array([[0, 1, 2]]), {"POSITION": Column(grid.points(corners), grid)}) is None
