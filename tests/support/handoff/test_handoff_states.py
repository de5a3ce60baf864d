"""A hand-off goes from state to state, and nothing else is possible."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ragdesk.errors import WrongState, error_status
from ragdesk.support.handoff.handoff_states import (
    TRANSITIONS,
    HandoffAction,
    HandoffState,
    list_actions,
    next_state,
)

CALLS = HandoffState.WAITING, HandoffState.WITH_PERSON


class HandoffLife(RuleBasedStateMachine):
    """Any actions in any order: what holds of a hand-off's life holds after each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.state = HandoffState.ANSWERING
        self.opened = 0
        self.closed = 0
        self.taken = False

    @rule(action=st.sampled_from(HandoffAction))
    def act(self, action: HandoffAction) -> None:
        before = self.state
        if (before, action) not in TRANSITIONS:
            with pytest.raises(WrongState, match=before) as refusal:
                next_state(before, action)
            assert error_status(refusal.value).status == 409
            return
        self.state = next_state(before, action)
        self.opened += action in {HandoffAction.OPEN, HandoffAction.REOPEN}
        self.closed += action is HandoffAction.CLOSE
        if action is HandoffAction.TAKE:
            self.taken = True
        if action in {HandoffAction.OPEN, HandoffAction.REOPEN, HandoffAction.TRANSFER}:
            self.taken = False
        if action is HandoffAction.REPLY:
            assert self.taken  # nobody answers who did not take it

    @invariant()
    def somebody_has_it_only_after_taking_it(self) -> None:
        if self.state is HandoffState.WITH_PERSON:
            assert self.taken

    @invariant()
    def it_is_open_exactly_while_more_was_opened_than_closed(self) -> None:
        assert (self.state in CALLS) == (self.opened > self.closed)
        assert self.opened - self.closed in {0, 1}

    @invariant()
    def every_state_has_a_way_on(self) -> None:
        assert list_actions(self.state)


TestHandoffLife = HandoffLife.TestCase
TestHandoffLife.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@given(st.sampled_from(HandoffState), st.sampled_from(HandoffAction))
def test_what_is_possible_is_listed_and_all_else_refused_by_the_name_of_the_state(state, action):
    if action in list_actions(state):
        assert next_state(state, action) in HandoffState
    else:
        with pytest.raises(WrongState, match=state):
            next_state(state, action)


def test_every_state_is_reached_and_closing_is_no_end():
    reached = {HandoffState.ANSWERING}
    for _ in HandoffState:
        reached |= {to for (state, _), to in TRANSITIONS.items() if state in reached}
    assert reached == set(HandoffState)
    assert next_state(HandoffState.CLOSED, HandoffAction.REOPEN) is HandoffState.WAITING
