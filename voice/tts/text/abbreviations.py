"""English abbreviations: how they are read, and that their full stop does not end a sentence."""

import re

TITLES = {
    "dr.": "Doctor",
    "mr.": "Mister",
    "mrs.": "Missis",
    "ms.": "Miz",
    "prof.": "Professor",
    "rev.": "Reverend",
    "hon.": "Honorable",
    "gen.": "General",
    "col.": "Colonel",
    "capt.": "Captain",
    "lt.": "Lieutenant",
    "sgt.": "Sergeant",
    "sen.": "Senator",
    "gov.": "Governor",
    "mt.": "Mount",
    "ft.": "Fort",
}
"""Expanded if a name follows."""

PHRASES = {
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "et cetera",
    "vs.": "versus",
    "v.s.": "versus",
    "cf.": "compare",
    "ca.": "about",
    "approx.": "approximately",
    "jr.": "junior",
    "sr.": "senior",
    "dept.": "department",
    "appt.": "appointment",
    "apt.": "apartment",
    "ave.": "avenue",
    "blvd.": "boulevard",
    "rd.": "road",
    "inc.": "incorporated",
    "ltd.": "limited",
    "corp.": "corporation",
    "est.": "established",
    "a.m.": "a m",
    "p.m.": "p m",
    "a.k.a.": "also known as",
    "w/o": "without",
    "w/": "with",
    "b/c": "because",
    "jan.": "January",
    "feb.": "February",
    "aug.": "August",
    "sept.": "September",
    "oct.": "October",
    "nov.": "November",
    "dec.": "December",
}
"""Expanded anywhere."""

BEFORE_NUMBERS = {
    "no.": "number",
    "nos.": "numbers",
    "p.": "page",
    "pp.": "pages",
    "fig.": "figure",
    "vol.": "volume",
    "ch.": "chapter",
    "ext.": "extension",
}
"""Expanded if a number follows."""

# "no." also ends sentences ("I said no. Then..."), "etc." too, but joining the next sentence to it does no harm.
_NEVER_AN_END = {*TITLES, *PHRASES, "st.", "fig.", "vol.", "pp.", "ext."}
_LAST_WORD = re.compile(r"(?:^|(?<=[\s(\[{\"'“‘*_—-]))([^\s(\[{\"'“‘*_—-]{1,12})$")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")


def ends_with_abbreviation(text: str) -> bool:
    """Return whether the full stop at the end of `text` belongs to an abbreviation ("Dr.") or initials ("U.S.")."""
    found = _LAST_WORD.search(text[-16:])
    if found is None:
        return False
    word = found[1]
    return word.lower() in _NEVER_AN_END or (word != "I." and _INITIALS.fullmatch(word) is not None)
