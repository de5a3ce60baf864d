"""Nothing that is to go out of the house is lost, sent twice at once, or sent out of order."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from handoff_values import ReversedText, begin_conversations, handoff

from ragdesk.errors import DeliveryFailed
from ragdesk.support.database import Database
from ragdesk.support.handoff.delivery import Deliverer
from ragdesk.support.handoff.handoff_states import HandoffAction
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.handoff.outbox import LEASE_SECONDS, MOST_ATTEMPTS, HandoffLink, Outbox


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Receiver:
    """Takes letters, or fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.taken: list[tuple[str, str]] = []

    def __call__(self, letter, link, store_link) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise DeliveryFailed("The other side answered 503.")
        store_link(HandoffLink(reference=f"{len(self.taken)}", progress=link.progress))
        self.taken.append((letter.handoff, str(letter.action)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> HandoffStore:
    begin_conversations(database, [f"c{number}" for number in range(1, 8)])
    return HandoffStore(database, ReversedText(), channels=("webhook",), clock=clock)


@pytest.fixture
def outbox(database: Database, clock: Clock) -> Outbox:
    return Outbox(database, ReversedText(), clock=clock)


def test_letters_of_a_hand_off_go_out_in_their_order_and_wait_for_each_other(store, outbox, clock):
    first = store.open_handoff(handoff(), "p").id
    store.change_handoff(first, HandoffAction.TAKE, "a")
    store.change_handoff(first, HandoffAction.CLOSE, "a")
    other = store.open_handoff(handoff(conversation="c2"), "p").id
    receiver = Receiver(failures=1)
    deliverer = Deliverer(outbox, {"webhook": receiver})
    assert deliverer.deliver_due() == 1
    assert receiver.taken == [(other, "open")]  # the first one failed: what follows it waits
    assert [one["error"] for one in outbox.list_troubles(first)] == ["The other side answered 503."]
    clock.now += 10
    assert deliverer.deliver_due() == 3
    assert receiver.taken[1:] == [(first, "open"), (first, "take"), (first, "close")]
    assert outbox.count_letters() == {"delivered": 4, "failed": 0, "wait": 0}
    assert outbox.list_troubles(first) == []


def test_a_letter_of_a_server_that_stopped_is_sent_when_its_lease_ends(store, outbox, clock):
    store.open_handoff(handoff(), "p")
    taken = outbox.claim_letter()
    assert taken is not None
    assert outbox.claim_letter() is None
    clock.now += LEASE_SECONDS
    again = outbox.claim_letter()
    assert again is not None
    assert again.id == taken.id


def test_several_servers_send_each_letter_once(store, database, clock):
    names = [store.open_handoff(handoff(conversation=f"c{n}"), "p").id for n in range(1, 8)]
    receiver = Receiver()

    def deliver(_: int) -> int:
        outbox = Outbox(database, ReversedText(), clock=clock)
        return Deliverer(outbox, {"webhook": receiver}).deliver_due()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(deliver, range(3)))
    deliver(0)
    assert sorted(name for name, _ in receiver.taken) == sorted(names)


def test_waiting_grows_to_an_hour_and_ends_after_days_without_losing_the_letter(
    store, outbox, clock
):
    name = store.open_handoff(handoff(), "p").id
    deliverer = Deliverer(outbox, {"webhook": Receiver(failures=10_000)})
    began, waits = clock.now, []
    for _ in range(MOST_ATTEMPTS):
        assert deliverer.deliver_due() == 0
        (trouble,) = outbox.list_troubles(name)
        waits.append(trouble["due"] - clock.now)
        clock.now = trouble["due"]
    assert sorted(waits[:9], key=lambda wait: wait // 10) == waits[:9]
    assert waits[0] < 10
    assert 2_800 < max(waits) < 4_600
    assert outbox.count_letters()["failed"] == 1
    assert clock.now - began > 2 * 86_400
    assert outbox.retry_letters(name) == 1
    receiver = Receiver()
    assert Deliverer(outbox, {"webhook": receiver}).deliver_due() == 1
    assert receiver.taken == [(name, "open")]


def test_the_other_side_says_when_to_come_again(store, outbox, clock):
    name = store.open_handoff(handoff(), "p").id

    def busy(*_):
        raise DeliveryFailed("busy", retry_after=600)

    Deliverer(outbox, {"webhook": busy}).deliver_due()
    clock.now += 590
    assert outbox.claim_letter() is None
    clock.now += 20
    assert outbox.claim_letter() is not None
    assert outbox.list_troubles(name)[0]["attempts"] == 1


def test_a_channel_that_is_set_no_more_keeps_its_letters(store, outbox):
    store.open_handoff(handoff(), "p")
    assert Deliverer(outbox, {}).deliver_due() == 0
    assert outbox.count_letters()["wait"] == 1


def test_a_link_leads_back_to_its_hand_off(store, outbox):
    name = store.open_handoff(handoff(), "p").id
    assert outbox.get_link(name, "chatwoot") == HandoffLink()
    outbox.store_link(name, "chatwoot", HandoffLink(progress={"contact": 1}))
    link = HandoffLink(reference="42", progress={"contact": 1})
    outbox.store_link(name, "chatwoot", link)
    assert outbox.get_link(name, "chatwoot") == link
    assert outbox.find_handoff_of("chatwoot", "42") == name
    assert outbox.find_handoff_of("zendesk", "42") is None


def test_the_background_thread_sends_and_stops(store, outbox):
    receiver = Receiver()
    deliverer = Deliverer(outbox, {"webhook": receiver})
    deliverer.start()
    store.open_handoff(handoff(), "p")
    deliverer.wake()
    for _ in range(500):
        if receiver.taken:
            break
        deliverer._stopping.wait(0.01)
    deliverer.close()
    assert [action for _, action in receiver.taken] == ["open"]
