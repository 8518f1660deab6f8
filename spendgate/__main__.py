"""``python -m spendgate``."""

import sys

from spendgate.cli import main

sys.exit(main())
