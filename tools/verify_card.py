"""`ganzoo verify_card` as a script: see `ganzoo/cli/verify_card.py`."""

import sys

from ganzoo.cli.verify_card import main

sys.exit(main())
