"""Messages made of many records at once are those that one after the other would be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core.export import Exported
from rhi.core.update_format import UpdateFormat
from rhi.model.prefix import Family
from tests.core.script import UPDATE, cut

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
CLASSIC = Exported(bytes.fromhex("400101004002004003040a000001"), bytes.fromhex("c00804fde80001"), b"")
MP = Exported(
    bytes.fromhex("4001010040020040050400000064"), bytes.fromhex("c00804fde80001"), bytes(15) + b"\1"
)


@pytest.mark.parametrize(
    ("family", "exported", "record_size"),
    [
        (V4, CLASSIC, 5),
        (V4, MP, 5),
        (V4, None, 5),
        (V4, CLASSIC, 1),
        (V6, MP, 17),
        (V6, None, 17),
        (V6, MP, 8),
    ],
)
@pytest.mark.parametrize("max_size", [4096, 65535])
@given(data=st.data())
def test_messages_of_many_records_are_those_of_one_message_at_a_time(
    family: Family, exported: Exported | None, record_size: int, max_size: int, data: st.DataObject
) -> None:
    layout = UpdateFormat(family, max_size)
    full = layout.room(exported) // record_size
    count = data.draw(st.sampled_from([1, full - 1, full, full + 1, 2 * full, 2 * full + 1, 3 * full - 1]))
    nlri = bytes(n % 251 for n in range(count * record_size))

    found = layout.messages(exported, nlri, record_size)

    step = full * record_size
    pieces = [nlri[at : at + step] for at in range(0, len(nlri), step)]
    assert found == b"".join(layout.messages(exported, piece, record_size) for piece in pieces)
    assert all(kind == UPDATE and 19 + len(body) <= max_size for kind, body in cut(found))
