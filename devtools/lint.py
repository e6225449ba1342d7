"""`./dev lint`: every check that needs no test run."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree

from . import i18n, node, setup
from .addons import all_addons
from .console import say, warn
from .databases import Databases
from .paths import ROOT, VENV

#: What prettier formats, beside XML.
FORMATTED = ("xml", "js", "css", "scss", "json", "yaml", "yml")


@dataclass(frozen=True)
class Linter:
    """The checks; each returns what it complains about, an empty string if nothing."""

    databases: Databases
    fix: bool

    def checks(self) -> dict[str, Callable[[], str]]:
        """Return the checks by title, in the order in which they run."""
        return {
            "Python format (ruff)": self.ruff_format,
            "Python style (ruff)": self.ruff,
            "Odoo rules (pylint-odoo)": self.pylint_odoo,
            "Addon files (oca-checks)": self.oca_checks,
            "XML is well-formed": self.xml,
            "XML, JavaScript, CSS format (prettier)": self.prettier,
            "Translations are complete": self.translations,
        }

    def ruff_format(self) -> str:
        """Check the Python code's format."""
        return self._tool("ruff", "format", *([] if self.fix else ["--check"]), ".")

    def ruff(self) -> str:
        """Check the Python code's style."""
        return self._tool("ruff", "check", *(["--fix"] if self.fix else []), ".")

    def pylint_odoo(self) -> str:
        """Check the addons' code and manifests against Odoo's and OCA's rules."""
        return self._tool("pylint", *(addon.name for addon in all_addons()))

    def oca_checks(self) -> str:
        """Check the addons' data files, and the syntax of their translations."""
        addons = all_addons()
        translations = [po for addon in addons for po in addon.files("*.po", "*.pot")]
        return self._tool(
            "oca-checks-odoo-module", *(addon.path for addon in addons)
        ) + self._tool("oca-checks-po", *translations)

    def xml(self) -> str:
        """Check that every XML file can be read."""
        complaints = []
        for addon in all_addons():
            for path in addon.files("*.xml", "*.svg"):
                try:
                    ElementTree.parse(path)
                except ElementTree.ParseError as error:
                    complaints.append(f"{path.relative_to(ROOT)}: {error}")
        return "\n".join(complaints)

    def prettier(self) -> str:
        """Check the format of what is not Python."""
        if not node.is_available():
            say("    skipped: this machine has no npm to get prettier with")
            return ""
        modules = node.modules()
        command = ["node", modules / "prettier" / "bin" / "prettier.cjs"]
        command += ["--plugin", modules / "@prettier/plugin-xml/src/plugin.js"]
        command += ["--log-level", "warn", "--write" if self.fix else "--check"]
        command += ["--no-error-on-unmatched-pattern"]
        command += [f"**/*.{{{','.join(FORMATTED)}}}"]
        return self._run(command)

    def translations(self) -> str:
        """Check that every term of the installed addons is translated."""
        return "\n".join(i18n.problems(self.databases))

    def _tool(self, name: str, *arguments: object) -> str:
        return self._run([VENV / "bin" / name, *arguments])

    def _run(self, command: list) -> str:
        result = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=self.databases.odoo.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return result.stdout or "it failed" if result.returncode else ""


def run(*, fix: bool) -> int:
    """Run every check and return 1 if one complains."""
    linter = Linter(setup.ensure(), fix)
    failed = []
    for title, check in linter.checks().items():
        say(f"==> {title}")
        if complaint := check():
            say(complaint)
            failed.append(title)
    if failed:
        warn(f"dev lint: {len(failed)} of the checks complain: {'; '.join(failed)}")
        return 1
    say("dev lint: no complaints")
    return 0
