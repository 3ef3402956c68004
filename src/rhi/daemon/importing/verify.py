"""A draft is read as `rhi check` would read it, before anybody sees it."""

import tomllib

from rhi.daemon.config.build import BuildError, build
from rhi.daemon.config.load import check
from rhi.daemon.config.problems import ConfigError


def verify(text: str) -> None:
    """Refuse a draft that is no right configuration.

    Raises:
        ConfigError: values of the source cannot stand in a configuration; it names each.
    """
    try:
        build(check(tomllib.loads(text), "as converted", {}))
    except BuildError as error:
        raise ConfigError("as converted", error.problems, {}) from None
