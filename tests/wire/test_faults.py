"""What is noted of the faults of one UPDATE (RFC 7606 §3 h)."""

import pytest

from rhi.errors import NotificationError
from rhi.wire.faults import MAX_FAULTS, Fault, Faults, Treatment


def fault(treatment: Treatment, number: int = 1) -> Fault:
    return Fault(number, treatment, 5, b"data", f"fault {number}")


def test_faults_are_kept_in_order_up_to_a_bound() -> None:
    faults = Faults()

    for number in range(100):
        faults.note(fault(Treatment.ATTRIBUTE_DISCARD, number))

    assert [each.code for each in faults] == list(range(MAX_FAULTS))


def test_faults_beyond_the_bound_keep_one_that_is_stronger() -> None:
    faults = Faults()
    for number in range(MAX_FAULTS):
        faults.note(fault(Treatment.ATTRIBUTE_DISCARD, number))

    faults.note(fault(Treatment.TREAT_AS_WITHDRAW, 100))
    faults.note(fault(Treatment.TREAT_AS_WITHDRAW, 101))

    assert [each.code for each in faults] == [*range(MAX_FAULTS - 1), 100]


def test_fault_that_ends_the_session_is_raised() -> None:
    with pytest.raises(NotificationError, match="fault 1") as caught:
        Faults().note(fault(Treatment.SESSION_RESET))

    assert (caught.value.code, caught.value.subcode, caught.value.data) == (3, 5, b"data")


def test_treatments_have_the_rfcs_words() -> None:
    assert [each.label for each in Treatment] == ["attribute discard", "treat-as-withdraw", "session reset"]
