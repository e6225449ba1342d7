"""The benchmark's table and goals, and that a run ends in a right JSON file."""

import json

import pytest

from benchmarks import datasets, works
from benchmarks.table import Goal, Row, figure, text, times, write_json
from devtools import bench
from devtools.console import Failure

KEYS = ["work", "ours", "peer", "unit", "ratio", "goal", "queries", "peak_mb"]


def row(ours, peer=None, goal=None, **more):
    return Row("A work", ours, "items/s", peer, goal, **more)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (row(20_000, 1_000, times("≥", 20)), "ok"),
        (row(19_900, 1_000, times("≥", 20)), "MISSED"),
        (row(149, 100, times("≤", 1.5)), "ok"),
        (row(151, 100, times("≤", 1.5)), "MISSED"),
        (row(60, goal=Goal("≥", 60)), "ok"),
        (row(0.9, 5, Goal("≤", 1)), "ok"),
        (row(1.1, 5, Goal("≤", 1)), "MISSED"),
        (row(60, None, times("≥", 2)), "MISSED"),
        (row(60), ""),
    ],
)
def test_goals(measured, verdict):
    assert measured.verdict == verdict


def test_figures_have_three_digits():
    assert [figure(n) for n in (None, 0.123456, 12.345, 123.4, 1234567)] == [
        "",
        "0.123",
        "12.3",
        "123",
        "1 234 567",
    ]


def test_table_is_markdown_with_aligned_columns():
    rows = [row(1234.5, 10, times("≥", 20), queries=7, peak_mb=1.25), row(3)]
    head, rule, first, second = text(rows).splitlines()
    assert len({len(line) for line in (head, rule, first, second)}) == 1
    assert "| 1 234 |" in first and "≥ 20 ×" in first and "| ok" in first
    assert first.count("|") == second.count("|") == head.count("|")


def test_json_has_the_keys_and_plain_numbers(tmp_path):
    write_json([row(1000, 3, times("≥", 20), queries=7)], tmp_path / "bench.json")
    [written] = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert list(written) == KEYS
    assert written["ratio"] == 333.3
    assert written["goal"] == "≥ 20 ×"
    assert written["peak_mb"] is None


def test_data_sets_are_told_apart():
    assert datasets.varied(2_000).rows == 20_000
    assert datasets.varied(200).name != datasets.varied(2_000).name
    assert datasets.due(200).name != datasets.varied(200).name
    assert "name" not in datasets.due(200).options


def test_a_tenth_of_the_rows():
    whole, tenth = works.Bench(None), works.Bench(None, tenth=True)
    for name in ("million", "hundred_thousand", "small", "due", "many_due"):
        assert getattr(whole, name).rows == 10 * getattr(tenth, name).rows
    assert whole.million.rows == 1_000_000


@pytest.fixture
def stubbed(monkeypatch):
    """Replace the works by some that take no time; return which of them ran."""
    ran = []

    def work(name, fails=False):
        def measure(measuring):
            """Measure nothing."""
            ran.append((name, measuring.tenth))
            if fails:
                raise Failure("This one cannot be measured.")
            yield row(1)

        return measure

    stubs = {"one": work("one"), "two": work("two"), "bad": work("bad", fails=True)}
    monkeypatch.setattr(works, "WORKS", stubs)
    monkeypatch.setattr(datasets, "ensure", lambda: None)
    return ran


def test_only_some_works(stubbed, tmp_path, capsys):
    file = tmp_path / "bench.json"
    assert bench.run(quick=True, json_file=file, only=["two"]) == 0
    assert stubbed == [("two", True)]
    [written] = json.loads(file.read_text(encoding="utf-8"))
    assert list(written) == KEYS
    assert "| A work |" in capsys.readouterr().out


def test_what_was_measured_is_kept_where_a_later_work_fails(stubbed, tmp_path, capsys):
    file = tmp_path / "bench.json"
    with pytest.raises(Failure):
        bench.run(quick=False, json_file=file, only=None)
    assert [name for name, _tenth in stubbed] == ["one", "two", "bad"]
    assert len(json.loads(file.read_text(encoding="utf-8"))) == 2
    assert "| A work |" in capsys.readouterr().out


def test_a_work_that_there_is_not(stubbed):
    with pytest.raises(Failure, match="no work three: choose among one, two, bad"):
        bench.run(quick=True, json_file=None, only=["three"])
    assert not stubbed
