"""What is removed together, and what is left alone."""

from __future__ import annotations

from smppd.keeping.heaps import Entry, campaigns, series


def entry(name: str, changed: float = 1.0, *, plain: bool = True) -> Entry:
    return Entry(name, changed, 10, plain)


def named(*names: str) -> list[Entry]:
    return [entry(name) for name in names]


def test_a_campaign_is_one_heap_and_its_report_goes_last() -> None:
    names = ("x.csv", "x.csv.report.json", "x.csv.results.jsonl", "x.csv.meta.json")
    found = campaigns(named(*names, "x.csv.report.html"))
    assert found.foreign == []
    (heap,) = found.heaps
    assert heap.names[-1] == "x.csv.report.json"
    assert set(heap.names) == {*names, "x.csv.report.html"}
    assert heap.octets == 50


def test_a_campaign_is_as_old_as_what_of_it_changed_last() -> None:
    young = campaigns([entry("x.csv", 1), entry("x.csv.report.json", 7)]).heaps[0]
    assert young.at == 7


def test_names_that_begin_alike_are_different_campaigns() -> None:
    names = ("x.jsonl", "x.jsonl.report.json", "x.jsonl.gz", "x.jsonl.gz.report.json")
    heaps = {heap.names for heap in campaigns(named(*names, "x.jsonl.gz.results.jsonl")).heaps}
    assert heaps == {
        ("x.jsonl", "x.jsonl.report.json"),
        ("x.jsonl.gz", "x.jsonl.gz.results.jsonl", "x.jsonl.gz.report.json"),
    }


def test_what_is_of_no_campaign_is_foreign() -> None:
    names = ("x.jsonl.report.json", "x.jsonl", "x.jsonl.bak", "notes.txt", "y.results.jsonl")
    found = campaigns([*named(*names), entry("x.jsonl.results.jsonl", plain=False)])
    assert [heap.names for heap in found.heaps] == [("x.jsonl", "x.jsonl.report.json")]
    assert found.foreign == ["x.jsonl.bak", "notes.txt", "y.results.jsonl", "x.jsonl.results.jsonl"]


def test_a_draft_that_a_crash_left_goes() -> None:
    assert [heap.names for heap in campaigns(named(".12-3.tmp")).heaps] == [(".12-3.tmp",)]


def test_the_last_files_of_a_series_stay() -> None:
    hours = [f"receipts-20300101-0{hour}.jsonl" for hour in range(4)]
    group = series(r"receipts-[0-9]{8}-[0-9]{2}\.jsonl", 2)
    found = group(named(*reversed(hours), ".position", "receipts.tar"))
    assert [heap.names for heap in found.heaps] == [(hours[0],), (hours[1],)]
    assert found.foreign == ["receipts.tar"]


def test_a_file_of_a_series_is_no_older_than_its_name() -> None:
    group = series(r"receipts-.*", 0, "receipts-%Y%m%d-%H.jsonl")
    (heap,) = group([entry("receipts-19700102-01.jsonl", 5.0)]).heaps
    assert heap.at == 90_000.0
