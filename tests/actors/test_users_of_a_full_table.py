"""Who is let go of a full table of users: the one seen longest ago, however many come in an hour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.gatherings import MAX_USERS, NEVER, Oldest, Uses, use

NAMES = st.integers(0, MAX_USERS + 12).map(lambda number: f"p{number:02}")


def plainly(users: Uses, principal: str, hour: int) -> None:
    """With a look at all of them each time."""
    known = users.pop(principal, None)
    if known is None and len(users) >= MAX_USERS:
        del users[min(users, key=lambda name: (users[name][1], name))]
    if known is None:
        users[principal] = [hour, hour, NEVER]
    else:
        users[principal] = [known[0], hour, known[1] if known[1] < hour else known[2]]


@given(st.lists(st.lists(NAMES, max_size=40), max_size=8), st.integers(0, MAX_USERS))
def test_of_a_full_table_the_user_seen_longest_ago_goes(hours: list[list[str]], before: int) -> None:
    users: Uses = {f"p{number:02}": [0, number % 3, NEVER] for number in range(before)}
    expected = {name: list(known) for name, known in users.items()}
    for hour, names in enumerate(hours, 3):
        oldest: Oldest = []
        for name in names:
            use(users, oldest, name, hour)
            plainly(expected, name, hour)
    assert users == expected
    assert len(users) <= MAX_USERS


def test_a_user_that_comes_again_while_others_push_in_is_kept() -> None:
    """Their first hour says since when they are known: an address that is theirs for a year must not look new."""
    users: Uses = {}
    for number in range(MAX_USERS):
        use(users, [], f"old{number:02}", 1)
    oldest: Oldest = []
    for number in range(MAX_USERS):
        use(users, oldest, f"new{number:02}", 2)
        use(users, oldest, "old63", 2)
    assert users["old63"] == [1, 2, 1]
    assert sum(name.startswith("old") for name in users) == 1
