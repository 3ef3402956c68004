"""How Sphinx builds the site; `make docs` does it. No page loads anything from elsewhere."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import rhi

project = "rhi"
author = "The rhi authors"
copyright = "The rhi authors, Apache-2.0"
version = release = rhi.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.graphviz",
    "docs.site.extension",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site", "Thumbs.db"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
# Files of the tree that pages link to, such as examples, are no pages.
suppress_warnings = ["myst.xref_missing"]

napoleon_use_ivar = True
napoleon_custom_sections = [
    ("Needs a new session to take effect", "params_style"),
    ("Take effect at once and withdraw nothing that stays", "params_style"),
]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"

graphviz_output_format = "svg"
smartquotes = False  # options begin with two hyphens
html_theme = "furo"
html_title = f"rhi {version}"
html_static_path: list[str] = []
html_copy_source = False
html_show_sourcelink = False
