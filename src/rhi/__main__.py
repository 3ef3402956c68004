"""`python -m rhi` is the same as `rhi`."""

import sys

from rhi.cli import main

sys.exit(main())
