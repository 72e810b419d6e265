"""The index of subscriptions finds the same endpoints as checking each of them."""

from hypothesis import given
from hypothesis import strategies as st

from breakwater.core.delivery.subscriptions import Subscriptions

TYPES = ["order.paid", "order.refunded", "user.created"]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["ep_1", "ep_2", "ep_3"]),
        st.one_of(st.just("removed"), st.none(), st.frozensets(st.sampled_from(TYPES))),
    )
)


@given(CHANGES)
def test_after_any_changes_each_event_type_has_its_subscribers(
    changes: list[tuple[str, frozenset[str] | str | None]],
) -> None:
    subscriptions = Subscriptions()
    current: dict[str, frozenset[str] | None] = {}
    for endpoint_id, event_types in changes:
        if isinstance(event_types, str):
            subscriptions.remove(endpoint_id)
            current.pop(endpoint_id, None)
        else:
            subscriptions.set(endpoint_id, event_types)
            current[endpoint_id] = event_types
    for event_type in (*TYPES, "unknown"):
        expected = [id_ for id_, types in sorted(current.items()) if types is None or event_type in types]
        assert subscriptions.get(event_type) == expected


def test_removed_endpoints_leave_nothing_behind() -> None:
    subscriptions = Subscriptions()
    subscriptions.set("ep_1", {"order.paid"})
    subscriptions.set("ep_1", None)
    subscriptions.remove("ep_1")
    subscriptions.remove("unknown")
    assert vars(subscriptions) == {"_all_types": set(), "_by_type": {}, "_types": {}}
