"""`ganzoo request` as a script: see `ganzoo/cli/request.py`."""

import sys

from ganzoo.cli.request import main

sys.exit(main())
