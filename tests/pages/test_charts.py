import xml.etree.ElementTree as ET
from dataclasses import replace

from breakwater.core.queries.circuits.model import TransitionView
from breakwater.core.queries.traffic.fold import traffic_of
from breakwater.web.pages.charts import svg, traffic
from breakwater.web.pages.charts.circuit_marks import marks_of, without_probes
from breakwater.web.pages.traffic import RANGES, parse_range

FIRST = 29_000_000
SERIES = [(FIRST + minute, 100 if minute else 0, 1 if minute == 30 else 0) for minute in range(60)]
HOUR = traffic_of(
    [(FIRST + minute, "success", 100) for minute in range(1, 60)] + [(FIRST + 30, "server_error", 1)],
    [(FIRST + minute, 20, 100) for minute in range(1, 60) if minute != 40],
    first=FIRST,
    step=1,
    last=FIRST + 59,
)
CHARTS = (traffic.attempts_chart, traffic.latency_chart, traffic.mix_chart)


def opened(at: float, to_state: str = "open") -> TransitionView:
    return TransitionView(
        "trn_1", "ep_1", '<b>"x"', at, "closed", to_state, "5 consecutive failures", 5, 0, None, None, None
    )


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def titles(drawing: ET.Element) -> list[str]:
    return [title.text or "" for title in drawing.iter("title")]


def test_every_minute_has_a_title_and_the_chart_has_a_label() -> None:
    drawing = parsed(traffic.attempts_chart(HOUR))
    assert drawing.attrib["role"] == "img"
    assert drawing.attrib["aria-labelledby"] == drawing[0].attrib["id"]
    whole, *minutes = titles(drawing)
    assert whole.endswith("5,900 delivered, 1 failed, at most 101 in a minute")
    assert len(minutes) == 60
    assert minutes[0] == "21:20 UTC: no attempt"
    assert minutes[30] == "21:50 UTC: 100 delivered, 1 server error (5xx)"


def test_charts_of_latencies_and_shares_have_labels() -> None:
    assert titles(parsed(traffic.latency_chart(HOUR)))[0] == (
        "Response times from 21:20 to 22:19 UTC: p50 29 ms, p95 32 ms, p99 32 ms over all of it"
    )
    assert titles(parsed(traffic.mix_chart(HOUR)))[0] == (
        "Outcome share from 21:20 to 22:19 UTC: 99.9% delivered, <0.1% server error (5xx)"
    )


def test_a_single_failure_among_many_is_visible() -> None:
    bad = parsed(traffic.attempts_chart(HOUR)).find("path[@class='k-server-error']")
    assert bad is not None
    height = float(bad.attrib["d"].split("v")[1].split("h")[0])
    assert height == 1  # to scale it would be 0.6


def test_a_minute_without_attempts_is_a_gap_in_the_line_of_latencies() -> None:
    median = parsed(traffic.latency_chart(HOUR)).find("path[@class='p50']")
    assert median is not None
    assert median.attrib["d"].count("M") == 2


def test_circuit_changes_are_marked_at_their_time() -> None:
    for render in CHARTS:
        (mark,) = parsed(render(HOUR, [opened((FIRST + 30) * 60)])).findall("path[@class='mark to-open']")
        assert mark.attrib["d"].startswith("M480.0 ")
        assert mark.findtext("title", "").endswith(
            'the circuit of <b>"x" became open: 5 consecutive failures'
        )
    (point,) = [
        point for point in HOUR.points if traffic.changes_at(point, HOUR, [opened((FIRST + 30) * 60)])
    ]
    assert point.minute == FIRST + 30


def test_overlapping_changes_share_a_mark_with_their_count() -> None:
    at = (FIRST + 30) * 60
    close = [opened(at), opened(at + 10, "closed"), opened(at + 20), opened(at + 900, "closed")]
    merged, alone = marks_of(HOUR, reversed(close))
    assert merged.to_state == "open"
    assert merged.words == (
        "19 Feb 21:50:00 to 19 Feb 21:50:20 UTC, 3 changes of circuits: 2 became open, 1 became closed"
    )
    assert alone.to_state == "closed"
    assert "became closed: 5 consecutive failures" in alone.words
    for render in CHARTS:
        assert len(parsed(render(HOUR, close)).findall("path[@class='mark to-open']")) == 1


def test_many_marks_do_not_hide_the_chart() -> None:
    flapping = [opened(FIRST * 60 + second) for second in range(0, 3_600, 40)]
    assert len(marks_of(HOUR, flapping)) == 80
    few, many = (
        [mark.attrib["d"] for mark in parsed(render).findall("path[@class='mark to-open']")]
        for render in (
            traffic.attempts_chart(HOUR, flapping[::18]),
            traffic.attempts_chart(HOUR, flapping),
        )
    )
    assert {line.partition("V")[2] for line in few} == {"120.0"}
    assert {line.partition("V")[2] for line in many} == {"4.0"}


def test_automatic_probes_are_not_marked_and_requested_ones_are() -> None:
    probing = opened(2.0, "half_open")
    changes = [opened(1.0), probing, opened(3.0, "closed"), replace(probing, actor="person:ada")]
    assert [change.to_state for change in without_probes(changes)] == ["open", "closed", "half_open"]


def test_bars_stay_within_their_scale() -> None:
    assert traffic.attempts_scale(HOUR) == ["200", "100", "0"]
    assert traffic.latency_scale(HOUR) == ["100 ms", "10 ms"]


def test_a_long_chart_shows_rates_per_minute_and_its_last_step_only_past_minutes() -> None:
    day = traffic_of(
        [(FIRST, "success", 300), (FIRST + 30, "success", 50)], [], first=FIRST, step=30, last=FIRST + 34
    )
    rates = [sum(traffic._rates(day, point).values()) for point in day.points]
    assert rates == [10.0, 10.0]


def test_charts_have_no_inline_style() -> None:
    small = (svg.sparkline(SERIES), svg.meter(0.7, 0.5), svg.mix_bar(1, 3, good=True))
    for drawing in (*small, *(render(HOUR) for render in CHARTS)):
        assert "style" not in drawing


def test_a_chart_without_data_is_empty() -> None:
    assert svg.sparkline([]) == ""


def test_pips_show_a_count_and_a_long_row_becomes_a_meter() -> None:
    lights = svg.pips(2, 5, kind="bad", label="Consecutive failures")
    assert lights.count('class="bad"') == 2
    assert lights.count('class="off"') == 3
    assert 'aria-label="Consecutive failures: 2 of 5"' in lights
    assert "<svg" in svg.pips(2, 50, kind="bad", label="Consecutive failures")


def test_the_axis_runs_from_the_first_minute_to_the_last() -> None:
    marks = traffic.axis(HOUR)
    assert len(marks) == 5
    assert (marks[0], marks[-1]) == ("21:20", "22:19")


def test_a_point_on_another_day_has_its_date() -> None:
    day = traffic_of([], [], first=FIRST, step=30, last=FIRST + 1439)
    assert traffic.clock(FIRST, day) == "19 Feb 21:20"
    assert traffic.clock(FIRST + 1439, day) == "21:19"
    assert traffic.axis(day)[0] == "21:20"


def test_a_chart_of_a_week_has_dates() -> None:
    week = traffic_of([], [], first=FIRST, step=60, last=FIRST + 7 * 1440 - 1)
    assert traffic.axis(week)[0] == "19 Feb 21:20"


def test_an_unknown_range_is_refused_with_the_valid_ones() -> None:
    assert parse_range("7d") == (RANGES[2], None)
    assert parse_range("") == (RANGES[0], None)
    assert parse_range("<b>") == (RANGES[0], 'Unknown range "<b>". Use 1h, 24h or 7d.')
