"""`python -m onem2m_ws` is the command `onem2m-ws`."""

import sys

from ._command import main

sys.exit(main())
