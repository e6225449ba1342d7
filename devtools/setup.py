"""Everything that has to be there before Odoo runs, made where it is missing."""

from concurrent.futures import ThreadPoolExecutor

from . import node, odoo_source, postgres, python_env, system
from .databases import Databases
from .odoo import Odoo
from .paths import RUN
from .steps import lock


def ensure(*, development: bool = True, browser: bool = False) -> Databases:
    """Set up what is missing and return the databases, with their server running.

    :param development: with what tests and linters need
    :param browser: with a browser
    """
    packages = list(system.BASE)
    if not node.is_available():
        packages += system.WKHTMLTOPDF
    elif development and browser:
        packages += system.UNPATCHED
    if browser:
        packages += system.BROWSER
    with lock(RUN / "setup.lock", "Waiting for another ./dev to set things up …"):
        system.ensure(packages)
        # Downloads from different places, side by side.
        with ThreadPoolExecutor() as pool:
            python = pool.submit(_python, development)
            source = pool.submit(odoo_source.ensure)
            wkhtmltopdf = pool.submit(node.link_wkhtmltopdf)
        wkhtmltopdf.result()
        python.result()
        odoo = Odoo(source.result(), postgres.ensure())
        odoo.write_config()
    return Databases(odoo)


def _python(development: bool) -> None:
    for step in python_env.steps(development=development):
        step.ensure()
