"""The translation files: what the merge keeps, and what the check complains about."""

import polib
import pytest

from devtools import translations


@pytest.fixture
def files(tmp_path):
    """Return a function that writes the three files: export, template, translation."""

    def write(exported, template, translated):
        paths = [tmp_path / name for name in ("new.pot", "addon.pot", "fr.po")]
        contents = (
            dict.fromkeys(exported, ""),
            dict.fromkeys(template, ""),
            translated,
        )
        for path, terms in zip(paths, contents, strict=True):
            po = polib.POFile()
            po.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
            po.extend(polib.POEntry(msgid=i, msgstr=s) for i, s in terms.items())
            po.save(path)
        return paths

    return write


def test_nothing_to_complain_about(files):
    assert translations.check(*files(["Plan"], ["Plan"], {"Plan": "Plan"})) == []


@pytest.mark.parametrize(
    ("exported", "template", "translated", "complaint"),
    [
        (["Plan"], ["Plan"], {"Plan": ""}, "not translated: 'Plan'"),
        (["Plan", "Step"], ["Plan"], {"Plan": "Plan"}, "fr.po lacks: 'Step'"),
        (["Plan", "Step"], ["Plan"], {"Plan": "Plan"}, "addon.pot lacks: 'Step'"),
        ([], ["Plan"], {}, "addon.pot has what is gone: 'Plan'"),
        ([], [], {"Plan": "Plan"}, "fr.po has what is gone: 'Plan'"),
    ],
)
def test_complaints(files, exported, template, translated, complaint):
    assert complaint in translations.check(*files(exported, template, translated))


def test_fuzzy_is_incomplete(files):
    paths = files(["Plan"], ["Plan"], {"Plan": "Plan"})
    po = polib.pofile(paths[2])
    po[0].flags.append("fuzzy")
    po.save()
    assert translations.check(*paths) == ["fuzzy: 'Plan'"]


def test_merge_leaves_only_new_terms_to_translate(files):
    paths = files(
        ["Plan", "Étape"], ["Plan", "Gone"], {"Plan": "Plan", "Gone": "Parti"}
    )
    assert translations.merge(*paths) == ["not translated: 'Étape'"]
    po = polib.pofile(paths[2])
    assert {e.msgid: e.msgstr for e in po} == {"Plan": "Plan", "Étape": ""}
    po.find("Étape").msgstr = "Étape"
    po.save()
    assert translations.check(*paths) == []


def test_merge_makes_the_files_of_a_new_language(files):
    exported, template, translation = files(["Plan"], [], {})
    template.unlink()
    translation.unlink()
    assert translations.merge(exported, template, translation)
    assert polib.pofile(translation).metadata["Language"] == "fr"
    assert template.exists()
