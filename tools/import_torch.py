"""`ganzoo import_torch` as a script: see `ganzoo/cli/import_torch.py`."""

import sys

from ganzoo.cli.import_torch import main

sys.exit(main())
