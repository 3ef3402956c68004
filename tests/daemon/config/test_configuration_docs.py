"""docs/configuration.md names every key there is."""

import re
from pathlib import Path

import pytest

from rhi.daemon.config.load import check, load
from rhi.daemon.config.models import (
    PARAMETER_FIELDS,
    Adjust,
    ApiSettings,
    Band,
    Config,
    DampingSettings,
    DrainSettings,
    GroupSettings,
    LogSettings,
    Model,
    Peer,
    PeerSettings,
    ServiceSettings,
)

DOCS = Path(__file__).parents[3] / "docs" / "configuration.md"
TEXT = DOCS.read_text()


@pytest.mark.parametrize(
    "model",
    [
        Config,
        ServiceSettings,
        GroupSettings,
        ApiSettings,
        LogSettings,
        DrainSettings,
        DampingSettings,
        Band,
        Adjust,
    ],
)
def test_every_key_is_in_the_documentation(model: type[Model]) -> None:
    named = set(re.findall(r"`([a-z_]+)`", TEXT))

    assert set(model.model_fields) <= named


def test_peers_have_the_fields_of_parameters_and_what_is_documented() -> None:
    own = set(Peer.model_fields) - PARAMETER_FIELDS

    assert set(PeerSettings.model_fields) >= PARAMETER_FIELDS
    assert own == {"template", "password_file", "password_env"}
    assert own <= set(re.findall(r"`([a-z_]+)`", TEXT))


def test_example_of_the_documentation_is_a_right_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
    file = tmp_path / "rhi.toml"
    file.write_text(example)

    config = load(str(file))

    assert [str(prefix) for prefix in config.services["dns"].addresses] == ["203.0.113.53", "2001:db8::53"]


def test_defaults_are_those_of_the_documentation() -> None:
    config = check({"router_id": "192.0.2.1", "as_number": 1, "allow_empty": True}, "x", {})

    assert (config.complete_within, str(config.reload_limit)) == (30.0, "50 %")
    assert config.api == ApiSettings(socket=None, mode="0660", listen=None)
    assert config.log == LogSettings(format="text", level="info")
    assert GroupSettings().window == 60.0
    assert ServiceSettings.model_fields["group"].default == "default"
