"""The command line of `./dev`."""

import argparse
import os
import signal
import sys
from pathlib import Path

from .console import Failure, say, warn


def main() -> int:
    """Run the command given on the command line, and return its exit code."""
    # Ended from outside, we clean up as after a Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(sys.argv[1:])
    except Failure as failure:
        warn(f"dev: {failure}")
        return 1
    except KeyboardInterrupt:
        warn("dev: interrupted")
        return 130


def _run(arguments: list[str]) -> int:
    # These two pass their arguments on as they are, options included.
    if arguments[:1] == ["test"]:
        from . import testing

        return testing.run(arguments[1:])
    if arguments[:1] == ["odoo"]:
        return _odoo(arguments[1:])
    options = _parser().parse_args(arguments)
    return options.run(options) or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev",
        description="Set up, run, test and check relance_numm. All set-up is done as "
        "needed, in .dev/; downloads are kept in the user's cache folder.",
        epilog="ODOO_SOURCE=/path/to/odoo uses your own source tree of Odoo 19.0, "
        "DATABASE_URL=postgresql://user:password@host:port/ your own PostgreSQL.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=16),
    )
    commands = parser.add_subparsers(metavar="command", required=True)

    demo = commands.add_parser("demo", help="run Odoo with the demo data, mails caught")
    demo.add_argument("--port", type=int, default=8069, help="Odoo's port (8069)")
    demo.add_argument("--reset", action="store_true", help="make the database anew")
    demo.add_argument(
        "--check", action="store_true", help="do the main job unattended, and exit"
    )
    demo.set_defaults(run=_demo)

    # Listed for --help; _run hands these over before the parser sees them.
    commands.add_parser("test", help="run all tests; arguments go to pytest")
    commands.add_parser("odoo", help="Odoo's command line: ./dev odoo shell -d demo")

    bench = commands.add_parser("bench", help="measure the speed, beside a peer's")
    bench.add_argument("--quick", action="store_true", help="a tenth of the rows")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the table too")
    bench.add_argument(
        "--only", nargs="+", metavar="WORK", help="some of the works (--only list …)"
    )
    bench.set_defaults(run=_bench)

    lint = commands.add_parser("lint", help="check code, XML, translations, manifest")
    lint.add_argument("--fix", action="store_true", help="mend what can be mended")
    lint.set_defaults(run=_lint)

    commands.add_parser(
        "i18n", help="export the terms to translate and merge them into fr.po"
    ).set_defaults(run=_i18n)
    commands.add_parser(
        "screenshots", help="take the documentation's pictures"
    ).set_defaults(run=_screenshots)
    commands.add_parser("setup", help="do the set-up alone").set_defaults(run=_setup)
    commands.add_parser("stop", help="stop all that still runs").set_defaults(run=_stop)
    return parser


# The modules are imported when they are used: they are many, and some need the set-up.


def _demo(options: argparse.Namespace) -> int:
    from . import demo

    if options.check:
        return demo.check()
    return demo.serve(port=options.port, reset=options.reset)


def _bench(options: argparse.Namespace) -> int:
    from . import bench

    return bench.run(quick=options.quick, json_file=options.json, only=options.only)


def _lint(options: argparse.Namespace) -> int:
    from . import lint

    return lint.run(fix=options.fix)


def _i18n(options: argparse.Namespace) -> None:
    from . import i18n

    i18n.update()


def _screenshots(options: argparse.Namespace) -> int:
    from . import demo

    return demo.screenshots()


def _setup(options: argparse.Namespace) -> None:
    from . import setup

    setup.ensure(browser=True).template()
    say("Everything is set up.")


def _stop(options: argparse.Namespace) -> None:
    from . import postgres, process

    stopped = process.end_leftovers()
    if postgres.stop():
        stopped.append("postgres")
    say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def _odoo(arguments: list[str]) -> int:
    from . import setup
    from .databases import DEMO

    databases = setup.ensure()
    if DEMO in arguments and not databases.demo_exists():
        databases.demo()
    command = databases.odoo.command(*arguments)
    os.execve(command[0], command, databases.odoo.environ)
