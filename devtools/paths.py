"""Where things lie."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEVTOOLS = ROOT / "devtools"

#: Made by `./dev`, ignored by git: remove it to start from nothing.
WORK = ROOT / ".dev"
STAMPS = WORK / "stamps"
LOGS = WORK / "logs"
RUN = WORK / "run"
BIN = WORK / "bin"
VENV = WORK / "venv"
MAILS = WORK / "mails"
ODOO_DATA = WORK / "odoo-data"
ODOO_CONFIG = WORK / "odoo.conf"
PGDATA = WORK / "postgres"

#: Downloads, shared by every clone of this user.
CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relance_numm"
)
