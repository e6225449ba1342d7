"""Odoo's command line as a file: its server starts its own bus by this very path, which
`python -m odoo` cannot be."""

import sys
from pathlib import Path

# What lies beside this file is not to be found by `import`.
sys.path.remove(str(Path(__file__).parent))

from odoo.cli import main

main()
