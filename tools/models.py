"""`ganzoo models` as a script: see `ganzoo/cli/models.py`."""

import sys

from ganzoo.cli.models import main

sys.exit(main())
