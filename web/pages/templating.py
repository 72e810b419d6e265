"""The Jinja environment: filters and globals of all templates, and the escaping of untrusted text."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from litestar import Litestar
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from markupsafe import Markup, escape

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.text.format import format_actor, format_duration, format_time_utc, pluralize
from breakwater.core.text.outcomes import outcome_name
from breakwater.core.text.statuses import circuit_state_name, status_name
from breakwater.core.text.timestamps import iso
from breakwater.core.text.zones import format_time, reader_zone
from breakwater.web.assets import TEMPLATES
from breakwater.web.pages import endpoint_form, replay_words, words
from breakwater.web.pages.charts import circuit_marks, glyphs, histogram, svg, traffic
from breakwater.web.pages.charts.progress import progress_bar
from breakwater.web.pages.fingerprint import asset
from breakwater.web.pages.problems import problem_text
from breakwater.web.pages.traffic import RANGES
from breakwater.web.security.csrf import csrf_field, session_mark


def _in_words(filters: DeliveryFilter, endpoint_name: str | None = None) -> str:
    """Return a filter in words, with times in the reader's zone."""
    return filters.in_words(endpoint_name, at=format_time)


def _without_all(words: str) -> str:
    """Return a filter in words for use after "No": `all deliveries to billing` becomes `deliveries to billing`."""
    return words.removeprefix("all ")


def _circuit_state_name(state: str) -> str:
    """Return the name of a circuit state. Transitions have it as text."""
    return circuit_state_name(CircuitState(state))


_FILTERS: Final = {
    "absolute": format_time,
    "absolute_utc": format_time_utc,
    "action_words": words.action,
    "actor": format_actor,
    "as_typed": escape,  # without _visible: an escaped field value would be submitted changed
    "attempts_scale": traffic.attempts_scale,
    "axis": traffic.axis,
    "bar_time": histogram.bar_time,
    "bar_url": histogram.bar_url,
    "capitalize_first": words.capitalize_first,
    "change_in_words": circuit_marks.change_in_words,
    "changes_at": traffic.changes_at,
    "circuit_state_name": _circuit_state_name,
    "circuit_badge": words.circuit_badge,
    "clock": traffic.clock,
    "coverage_in_words": replay_words.coverage_in_words,
    "common_error": words.common_error,
    "duration": format_duration,
    "endpoint_badge": words.endpoint_badge,
    "outcome_name": outcome_name,
    "histogram_axis": histogram.histogram_axis,
    "in_words": _in_words,
    "group_counts": traffic.group_counts,
    "occurring_groups": traffic.occurring_groups,
    "input_mode": endpoint_form.input_mode,
    "latency_scale": traffic.latency_scale,
    "marks_of": circuit_marks.marks_of,
    "ms": words.milliseconds,
    "page_of": words.page_of,
    "left_out_in_words": replay_words.left_out_in_words,
    "plural": pluralize,
    "problem_text": problem_text,
    "replay_progress": replay_words.replay_progress,
    "replay_badge": replay_words.replay_badge,
    "share": words.share,
    "size": words.size,
    "status_name": status_name,
    "status_badge": words.status_badge,
    "status_counts": histogram.status_counts,
    "when_accepted": histogram.when_accepted,
    "widget": endpoint_form.widget_of,
    "without_all": _without_all,
}


@pass_context
def _when(context: Mapping[str, Any], at: float) -> Markup:
    """Return a time relative to now. Its title and `datetime` carry the absolute time."""
    return Markup('<time datetime="{}" title="{}" data-when>{}</time>').format(
        iso(at), _absolute_title(at), words.relative(at, context["now"])
    )


@pass_context
def _until(context: Mapping[str, Any], at: float) -> Markup:
    """Return a countdown to a time. It ticks where scripts run."""
    return Markup('<time datetime="{}" title="{}" data-until>{}</time>').format(
        iso(at), _absolute_title(at), words.countdown(at, context["now"])
    )


def _absolute_title(at: float) -> str:
    """Return the time with its date in the reader's zone, and in UTC as logs show it."""
    local = format_time(at)
    return local if reader_zone() is UTC else f"{local} ({format_time_utc(at)})"


def _visible(value: object) -> object:
    """Escape invisible characters in every text that a template prints. HTML escaping follows."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def environment() -> Environment:
    """Return the environment of all pages."""
    jinja = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters.update(_FILTERS)
    jinja.globals.update(
        asset=asset,
        attempts_chart=traffic.attempts_chart,
        csrf_field=pass_context(csrf_field),
        histogram_chart=histogram.histogram_chart,
        icon=glyphs.icon,
        latency_chart=traffic.latency_chart,
        meter=svg.meter,
        mix_bar=svg.mix_bar,
        mix_chart=traffic.mix_chart,
        ranges=RANGES,
        session_mark=pass_context(session_mark),
        sparkline=svg.sparkline,
        pips=svg.pips,
        progress_bar=progress_bar,
        state_glyph=glyphs.state_glyph,
        switch_glyph=glyphs.switch_glyph,
        until=_until,
        when=_when,
    )
    return jinja


def load_templates(app: Litestar) -> None:
    """Compile every template, so that no page waits for it. The environment is safe to use from another thread."""
    jinja = cast("JinjaTemplateEngine", app.template_engine).engine
    for name in jinja.list_templates():
        jinja.get_template(name)


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    """Return the template configuration of the application."""
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment()))
