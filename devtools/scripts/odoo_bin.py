"""Odoo's command line as a file: its server starts its bus with `sys.argv[0]`, which
has to be a file that Python can run."""

from odoo.cli import main

main()
