"""Two signs of one hour make each other graver, unless one of them is doubted itself."""

from __future__ import annotations

from actors.messages import Found
from actors.signs import independent_signs, signs_with
from actors.wholes import Raised
from detections.declare import Finding, Verdict

NEW, POLICY = "key_vault.unusual_application", "key_vault.policy_change_and_query"


def raised(type_: str, steps: int = 0, vault: str = "/v") -> Raised:
    return Found(type_, "vault", vault, 5, Finding(evidence={}, first_us=0, last_us=0, count=1)), Verdict(
        steps=steps
    )


def counted(*some: Raised, shadow: frozenset[str] = frozenset()) -> list[int]:
    signs = independent_signs(some, shadow)
    return [signs_with(signs, one) for one, _ in some]


def test_two_signs_confirm_each_other() -> None:
    assert counted(raised(NEW), raised(POLICY)) == [2, 2]


def test_a_doubted_sign_confirms_nothing_but_may_be_confirmed() -> None:
    assert counted(raised(NEW, -1), raised(POLICY)) == [2, 1]
    assert counted(raised(NEW, -1), raised(POLICY, -1)) == [1, 1]


def test_signs_of_one_family_of_other_vaults_and_in_shadow_confirm_nothing() -> None:
    assert counted(raised(NEW), raised("key_vault.unusual_user")) == [1, 1]
    assert counted(raised(NEW), raised(POLICY, vault="/w")) == [1, 1]
    assert counted(raised(NEW), raised(POLICY), shadow=frozenset({NEW}))[1] == 1
