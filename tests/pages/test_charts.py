import xml.etree.ElementTree as ET

from web import charts

HOUR = [(29_000_000 + minute, 100 if minute else 0, 1 if minute == 30 else 0) for minute in range(60)]


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def test_every_minute_says_its_figures_and_the_whole_is_read_aloud() -> None:
    drawing = parsed(charts.minute_chart(HOUR))
    assert len(drawing.findall("g")) == 60
    assert drawing.findall("g")[30].findtext("title", "").endswith("UTC: 100 delivered, 1 failed")
    assert "5,900 delivered, 1 failed, at most 101 in a minute" in drawing.attrib["aria-label"]


def test_a_single_failure_among_many_is_still_seen() -> None:
    minute = parsed(charts.minute_chart(HOUR)).findall("g")[30]
    bad = next(bar for bar in minute.findall("rect") if bar.attrib["class"] == "bad")
    assert float(bar_height(bad)) >= 2


def bar_height(bar: ET.Element) -> str:
    return bar.attrib["height"]


def test_drawings_carry_no_inline_style() -> None:
    for svg in (
        charts.minute_chart(HOUR),
        charts.sparkline(HOUR),
        charts.meter(0.7, 0.5),
        charts.mix_bar(1, 3, good=True),
    ):
        assert "style" not in svg


def test_nothing_to_draw_draws_nothing() -> None:
    assert charts.minute_chart([]) == ""
    assert charts.sparkline([]) == ""


def test_lights_show_how_many_of_how_many_and_a_long_row_becomes_a_meter() -> None:
    lights = charts.pips(2, 5, kind="bad", label="Failures in a row")
    assert lights.count('class="bad"') == 2
    assert lights.count('class="off"') == 3
    assert 'aria-label="Failures in a row: 2 of 5"' in lights
    assert "<svg" in charts.pips(2, 50, kind="bad", label="Failures in a row")


def test_the_axis_runs_from_the_first_minute_to_the_last() -> None:
    marks = charts.axis(HOUR)
    assert len(marks) == 5
    assert (marks[0], marks[-1]) == ("21:20", "22:19")
