"""Merge and check translation files. Runs in the virtual environment (polib).

    python -m devtools.translations merge EXPORTED.pot COMMITTED.pot LANGUAGE.po
    python -m devtools.translations check EXPORTED.pot COMMITTED.pot LANGUAGE.po

The exported file says what the addon's terms are now; the other two are in its folder.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import polib

#: Odoo's own width, so that its exports and ours differ in content only.
WIDTH = 78


def merge(exported: Path, template: Path, translation: Path) -> list[str]:
    """Bring both files up to date with the export; return what is left to translate."""
    template.parent.mkdir(exist_ok=True)
    if _terms(exported) != _terms(template):
        shutil.copyfile(exported, template)
    po = _open(translation)
    if not translation.exists():
        po.metadata = {**polib.pofile(exported).metadata, "Language": translation.stem}
    po.merge(polib.pofile(exported))
    # Terms that are gone: git remembers them.
    for entry in po.obsolete_entries():
        po.remove(entry)
    po.sort(key=lambda entry: entry.msgid)
    po.save(translation)
    return list(_incomplete(po))


def check(exported: Path, template: Path, translation: Path) -> list[str]:
    """Return what is wrong with the files, given the terms the addon has now."""
    if not template.exists() or not translation.exists():
        return [f"{template.name} or {translation.name} is missing: run ./dev i18n"]
    po = polib.pofile(translation)
    wanted = set(_terms(exported))
    problems = []
    for path in (template, translation):
        terms = set(_terms(path))
        problems += [f"{path.name} lacks: {term!r}" for term in sorted(wanted - terms)]
        problems += [
            f"{path.name} has what is gone: {term!r}" for term in sorted(terms - wanted)
        ]
    if problems:
        problems.append("run ./dev i18n to bring them up to date")
    return problems + list(_incomplete(po))


def _open(path: Path) -> polib.POFile:
    return polib.pofile(path if path.exists() else "", wrapwidth=WIDTH)


def _terms(path: Path) -> dict[str, list]:
    """Return the terms in a file and where each comes from, obsolete ones left out."""
    return {
        entry.msgid: sorted(entry.occurrences)
        for entry in _open(path)
        if not entry.obsolete
    }


def _incomplete(po: polib.POFile) -> Iterator[str]:
    for entry in po.untranslated_entries():
        yield f"not translated: {entry.msgid!r}"
    for entry in po.fuzzy_entries():
        yield f"fuzzy: {entry.msgid!r}"


def main() -> int:
    """Merge or check, and print what is left to do."""
    action, *paths = sys.argv[1:]
    problems = {"merge": merge, "check": check}[action](*map(Path, paths))
    print("\n".join(problems))
    return 1 if problems and action == "check" else 0


if __name__ == "__main__":
    sys.exit(main())
