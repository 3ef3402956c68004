"""For Sphinx: the directive `rhi-states NAME` draws a state diagram; `rhi-reference NAME` becomes tables."""

import re
from typing import Any, ClassVar, Final

from docutils import nodes
from docutils.parsers.rst import Directive
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.ext.graphviz import graphviz

from docs.site import states, tables

# Languages of other daemons' configurations, which Pygments does not know.
ROUTERS: Final = ("bird", "frr", "gobgp", "openbgpd", "exabgp", "haproxy")

REFERENCE: Final = re.compile(r"^```\{rhi-reference\} (\w+)\n```$", re.MULTILINE)


class States(Directive):
    """A state diagram."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """The picture, with the arrows in words for those who cannot see it."""
        name = self.arguments[0]
        words = "; ".join(
            f"{edge.source} to {edge.target}: {', '.join(edge.events)}" for edge in states.DIAGRAMS[name]()
        )
        return [graphviz(code=states.dot(name), options={"docname": ""}, alt=words)]


def write_tables(app: Sphinx, document: str, source: list[str]) -> None:
    """Put the tables that a page asks for into its text, before it is parsed: they have headings."""
    source[0] = REFERENCE.sub(lambda match: tables.TABLES[match[1]](), source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    for name in ROUTERS:
        app.add_lexer(name, TextLexer)
    app.add_directive("rhi-states", States)
    app.connect("source-read", write_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
