"""`ganzoo translate` as a script: see `ganzoo/cli/translate.py`."""

import sys

from ganzoo.cli.translate import main

sys.exit(main())
