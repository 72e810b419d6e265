"""Saved views: named filters of one person."""

import pytest

from breakwater.core.accounts.saved_views import MAX_VIEWS
from breakwater.core.domain.errors import Conflict, InvalidInput, NotFound
from breakwater.core.queries.paging.filters import DeliveryFilter
from tests.delivery.running_engine import RunningEngine

FAILED = DeliveryFilter.parse({"status": "failed", "since": "24h"})


async def names(engine: RunningEngine, owner: str) -> list[tuple[str, str]]:
    return [(view.name, view.filter) for view in await engine.runtime.saved_views.list(owner)]


async def test_a_view_is_visible_only_to_its_owner(engine: RunningEngine) -> None:
    await engine.runtime.saved_views.save("prs_ada", "  Last  night ", FAILED)
    assert await names(engine, "prs_ada") == [("Last night", "status=failed&since=1d")]
    assert await names(engine, "prs_bob") == []


async def test_saving_under_a_name_again_replaces_the_filter(engine: RunningEngine) -> None:
    views = engine.runtime.saved_views
    await views.save("prs_ada", "Mine", FAILED)
    await views.save("prs_ada", "Mine", DeliveryFilter.parse({"q": "invoice"}))
    assert await names(engine, "prs_ada") == [("Mine", "q=invoice")]


async def test_only_its_owner_deletes_a_view(engine: RunningEngine) -> None:
    views = engine.runtime.saved_views
    view = await views.save("prs_ada", "Mine", FAILED)
    with pytest.raises(NotFound):
        await views.delete("prs_bob", view.id)
    await views.delete("prs_ada", view.id)
    assert await views.list("prs_ada") == ()


@pytest.mark.parametrize(
    ("name", "filters", "field"),
    [("", FAILED, "name"), ("x" * 61, FAILED, "name"), ("All", DeliveryFilter(), "filter")],
)
async def test_a_view_needs_a_short_name_and_a_filter(
    engine: RunningEngine, name: str, filters: DeliveryFilter, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await engine.runtime.saved_views.save("prs_ada", name, filters)
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_a_person_may_save_thirty_views_and_still_replace_them(engine: RunningEngine) -> None:
    views = engine.runtime.saved_views
    for number in range(MAX_VIEWS):
        await views.save("prs_ada", f"view {number}", FAILED)
    with pytest.raises(Conflict):
        await views.save("prs_ada", "one more", FAILED)
    await views.save("prs_ada", "view 0", DeliveryFilter.parse({"q": "x"}))
