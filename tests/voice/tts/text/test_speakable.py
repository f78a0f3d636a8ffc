"""What is said for what is written, and the way back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.tts.text.numbers import cardinal, ordinal, year
from voice.tts.text.speakable import speakable


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Bold**, *italic*, _too_, ~~gone~~, `code`.", "Bold, italic, too, gone, code."),
        ("# A plan\n\n- One apple\n- *Two* pears!\n\nDone", "A plan. One apple. Two pears! Done"),
        ("1. First\n2. Second\n", "one, First. two, Second."),
        ("- [x] Call home\n", "Call home."),
        ("> Quoted", "Quoted."),
        ("| Name | Age |\n|---|:-:|\n| Ann | 5 |\n", "Name, Age. Ann, five."),
        ("```python\nprint()\n```\nok", "print. ok"),
        ("---\nNew part", "New part"),
        ("See [the guide](https://a.example/b?c=d_e) and ![a cat](c.png).", "See the guide and a cat."),
        ("Go to https://www.example.com/a/b?c=1.", "Go to example dot com."),
        ("Go to http://10.0.0.1:80/x now", "Go to the link now"),
        ("Mail ann@example.org or see example.com.", "Mail ann at example dot org or see example dot com."),
        ("<b>Hi</b> &amp; bye<br>", "Hi and bye"),
        ("Great 😀👍🏽! ❤️ :)", "Great!"),
        ("Dr. Smith, Mr. Jones and Mrs. Lee", "Doctor Smith, Mister Jones and Missis Lee"),
        ("Visit St. Mary on Main St.", "Visit Saint Mary on Main Street."),
        ("Fruit, e.g. apples, i.e. food, etc.", "Fruit, for example apples, that is food, et cetera."),
        ("cats vs. dogs, approx. ten", "cats versus dogs, approximately ten"),
        ("No. I said no. 7.", "No. I said number seven."),
        ("in the U.S. with J. Smith", "in the US with J Smith"),
        ("NASA SAID so", "NASA SAID so"),
        ("Wait....... what?!?! no!!!", "Wait... what? no!"),
        ("one -- two — three – four - five", "one, two, three, four, five"),
        ("“Yes,” she’d say", '"Yes," she\'d say'),
        (
            "It is $5.50, £1, €1.2m or $0.99",
            "It is five dollars fifty, one pound, one point two million euros or ninety-nine cents",
        ),
        ("$1,000,000 and 50% off", "one million dollars and fifty percent off"),
        ("at 5:30pm, 10:05, 9:00 and 5 p.m.", "at five thirty P M, ten oh five, nine o'clock and five P M."),
        (
            "in 1984, 2005, 2024, the 1990s",
            "in nineteen eighty-four, two thousand five, twenty twenty-four, the nineteen nineties",
        ),
        ("on 2024-05-06, the 21st", "on May sixth, twenty twenty-four, the twenty-first"),
        ("call (555) 123-4567", "call five five five, one two three, four five six seven"),
        ("1,234 or 3.14 or 007", "one thousand two hundred thirty-four or three point one four or zero zero seven"),
        ("1/2, 1½, 24/7, 120/80", "one half, one and one half, twenty-four seven, one hundred twenty over eighty"),
        ("20°C, -5, 5-10 kg, 1 kg", "twenty degrees Celsius, minus five, five to ten kilograms, one kilogram"),
        ("version 3.11.2 of B12", "version three point eleven point two of B twelve"),
        ("[[hello]] and/or \x00 a_b", "hello and or a b"),
        ("AT&T, C++, 2 + 2 = 4", "AT and T, C plus plus, two plus two equals four"),
        (" and so on)", "and so on)"),
    ],
)
def test_english(written: str, said: str) -> None:
    assert speakable(written, spell_numbers=True).text == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Ticket B4172, please.", "Ticket B four one seven two, please."),
        ("It is in room 1204B.", "It is in room one two zero four B."),
        ("Reference 4471-88 is open", "Reference four four seven one, eight eight is open"),
        ("Your PIN 0042 works", "Your PIN zero zero four two works"),
        ("the PIN is 4172.", "the PIN is four one seven two."),
        ("room 204, extension 1180", "room two zero four, extension one one eight zero"),
        ("order number 90210", "order number nine zero two one zero"),
        ("flight BA1984", "flight B A one nine eight four"),
        ("sort code 12-34-56", "sort code one two, three four, five six"),
        ("B12, MP3 and G20", "B twelve, MP three and G twenty"),
        ("100K users, 500B tokens", "one hundred thousand users, five hundred billion tokens"),
        ("from 1914-18 to 1990-1995", "from nineteen fourteen to eighteen to nineteen ninety to nineteen ninety-five"),
        ("3000-4500 people, 5-10 days", "three thousand to four thousand five hundred people, five to ten days"),
        ("I order 500 pens in 3204 boxes", "I order five hundred pens in three thousand two hundred four boxes"),
        ("$3204.50 and 0.042", "three thousand two hundred four dollars fifty and zero point zero four two"),
    ],
)  # fmt: skip
def test_codes_are_said_by_digits_and_quantities_are_not(written: str, said: str) -> None:
    assert speakable(written, spell_numbers=True).text == said


def test_codes_are_apart_also_where_the_engine_says_the_digits() -> None:
    assert speakable("B4172 in 1204B, 4471-88", spell_numbers=False).text == "B 4 1 7 2 in 1 2 0 4 B, 4 4 7 1, 8 8"


def test_digits_stay_where_the_engine_says_them() -> None:
    assert speakable("$5.50 at 5:30pm in 1984, 50%", spell_numbers=False).text == (
        "5 dollars 50 at 5 30 P M in 1984, 50 percent"
    )


def test_other_languages_keep_their_own_numbers_and_abbreviations() -> None:
    said = speakable(
        "**Am 3.5.** um 5 Uhr, z. B. [hier](http://a.b) & 😀 St. Pauli", spell_numbers=True, language="de-DE"
    )
    assert said.text == "Am 3.5. um 5 Uhr, z. B. hier & St. Pauli"


@pytest.mark.parametrize("text", ["", " \n", "😀 🎉", "***", "...", "[[]]", "\0\0", "---", "|---|---|", ":)", "\ud800"])
def test_nothing_speakable_is_nothing(text: str) -> None:
    assert speakable(text, spell_numbers=True).text == ""


@pytest.mark.parametrize(
    ("written", "word", "span"),
    [
        ("**Hello** there", "there", "there"),
        ("See [the guide](http://a.b) now", "guide", "guide"),
        ("See [the guide](http://a.b) now", "now", "now"),
        ("It costs $5.50 today", "fifty", "5.50"),
        ("It costs $5.50 today", "today", "today"),
        ("😀 Dr. Smith", "Doctor", "Dr."),
        ("😀 Dr. Smith", "Smith", "Smith"),
        ("in 1984 then", "eighty-four", "1984"),
        ("room 1204B today", "four", "1204B"),
        ("the PIN is 4172.", "seven", "7"),
        ("the PIN is 4172.", "PIN", "PIN"),
    ],
)
def test_a_spoken_word_leads_back_to_what_is_written(written: str, word: str, span: str) -> None:
    said = speakable(written, spell_numbers=True)
    at = said.text.index(word)
    start, end = said.given(at, at + len(word))
    assert written[start:end] == span


@pytest.mark.parametrize(
    "pattern",
    [
        "a", " ", "[[", "*", "_a", "12", "a.", "a-", "|-", "http://", "a@", "\n ",
        "<a", "1,", "😀", "\0", "$5", "[a](", "(1", "555-", ",000", "- ", "1. ", "&&x",
        "½", "`", "1:", "((", "![", "B4172", "1-", "0", "pin ", "A-",
    ],
)  # fmt: skip
def test_ten_thousand_characters_take_no_time_to_speak_of(pattern: str) -> None:
    text = (pattern * 10_000)[:10_000]
    said = speakable(text, spell_numbers=True)
    assert len(said.text) <= 8 * len(text) + 16


PIECES = st.sampled_from(
    [
        "**", "_", "[", "](", ")", "http://", "$", "5", "1,000", "1984", "%", ".",
        "...", "Dr.", "St. ", "e.g.", "\n", "- ", "# ", "|", "😀", "[[", "]]", "\0",
        " ", "word", "Z", "12:30", "½", "°C", "-", "/", "&amp;", "<b>", "@", "U.S.",
        "ﬁ", "é", "你好", "٣",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200), st.booleans(), st.sampled_from(["en", "fr"]))
@pytest.mark.slow
def test_it_never_raises_and_always_leads_back(text: str, spell_numbers: bool, language: str) -> None:
    said = speakable(text, spell_numbers=spell_numbers, language=language)
    assert len(said.text) == len(said.origin) == len(said.extent)
    assert len(said.text) <= 8 * len(text) + 16
    assert list(said.origin) == sorted(said.origin)
    assert all(0 <= start < len(text) for start in said.origin)
    assert all(start < end <= len(text) for start, end in zip(said.origin, said.extent, strict=True))
    assert not set(said.text) & set("[]{}\0\n*`")
    said.text.encode()


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "zero"), (13, "thirteen"), (42, "forty-two"), (100, "one hundred"), (1001, "one thousand one"),
     (2_000_345, "two million three hundred forty-five")],
)  # fmt: skip
def test_cardinals(number: int, words: str) -> None:
    assert cardinal(number) == words


@pytest.mark.parametrize(("number", "words"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (33, "thirty-third")])
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"), [(1900, "nineteen hundred"), (1905, "nineteen oh five"), (2010, "twenty ten")]
)
def test_years(number: int, words: str) -> None:
    assert year(number) == words
