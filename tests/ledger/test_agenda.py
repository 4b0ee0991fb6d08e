"""The messages that wait for their time: none lost, none twice, eight octets each."""

from __future__ import annotations

import sys
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.ledger.agenda import Agenda, Slot
from smppd.ledger.facts import QUEUE_SHIFT

MSG = st.builds(
    lambda queue, count: (queue << QUEUE_SHIFT) + count, st.sampled_from([1, 7]), st.integers(1, 60)
)
AT = st.integers(0, 4000).map(lambda n: n / 2)
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "due", "save"]), MSG, AT), max_size=80
)


@given(ACTIONS)
def test_it_agrees_with_a_plain_list(actions: list[tuple[str, int, float]]) -> None:
    agenda, model = Agenda(), dict[int, float]()
    for action, msg_id, at in actions:
        queue = msg_id >> QUEUE_SHIFT
        if action == "add" and msg_id not in model:
            agenda.add(at, msg_id)
            model[msg_id] = at
        elif action == "remove":
            agenda.remove(model.pop(msg_id, at), msg_id)
        elif action == "save":
            saved, agenda = agenda.save(), Agenda()
            agenda.restore(saved)
        waiting = sorted((ceil(t), m) for m, t in model.items() if m >> QUEUE_SHIFT == queue)
        assert agenda.due(queue, at, 5) == [m for t, m in waiting if t <= at][:5]
        assert agenda.next_due(queue) == (waiting[0][0] if waiting else None)
        assert len(agenda) == len(model)
        assert all(agenda.holds(t, m) for m, t in model.items())
        assert not agenda.holds(at + 1, msg_id) or ceil(model[msg_id]) == ceil(at + 1)


def test_a_look_between_what_is_added_sorts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sorted_at: list[int] = []
    order = Slot.order

    def note(slot: Slot) -> None:
        sorted_at.append(len(slot.items))
        order(slot)

    monkeypatch.setattr(Slot, "order", note)
    agenda = Agenda()
    for n in range(500):
        agenda.add(599.0 - n, (1 << QUEUE_SHIFT) + n + 1)
        assert agenda.next_due(1) == 599 - n
    assert sorted_at == [1]


def test_a_million_take_a_few_megabytes() -> None:
    agenda = Agenda()
    base = (3 << QUEUE_SHIFT) + 1
    for n in range(200_000):
        agenda.add(1_800_000_000 + n % 86_400, base + n)
    octets = sum(
        sys.getsizeof(slot.items) + sys.getsizeof(slot)
        for slots in agenda._slots.values()
        for slot in slots.values()
    )
    assert octets < 200_000 * 10
    assert len(agenda.due(3, 1_900_000_000, 1000)) == 1000
