from rhi.model.attributes import PathAttributes
from rhi.model.prefix import to_prefix
from rhi.model.sent import NO_SESSION, NOTHING_SENT, address_order


def test_nothing_sent_without_a_session() -> None:
    prefix = to_prefix("203.0.113.1")

    assert NOTHING_SENT.routes() == []
    assert NOTHING_SENT.find(prefix) is None
    assert NOTHING_SENT.obstacle(prefix, PathAttributes()) == NO_SESSION


def test_address_order_has_ipv4_first_then_addresses_then_lengths() -> None:
    texts = ["2001:db8::1", "203.0.113.2", "203.0.113.1", "203.0.0.0/16", "203.0.0.0/17"]

    ordered = sorted(map(to_prefix, texts), key=address_order)

    assert list(map(str, ordered)) == [
        "203.0.0.0/16",
        "203.0.0.0/17",
        "203.0.113.1",
        "203.0.113.2",
        "2001:db8::1",
    ]
