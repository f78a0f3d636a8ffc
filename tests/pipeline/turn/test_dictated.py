"""What is dictated, in every form that a recogniser writes, and what a question asks for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.turn.asked import Asked, Kind, asked_for
from pipeline.turn.dictated import Dictation, dictation

WORDS = "oh one two three four five six seven eight nine".split()
LENGTHS = {
    "What is your phone number?": 10,
    "What are the last four digits?": 4,
    "I sent you a six-digit code; what is it?": 6,
    "Please read me your card number.": 16,
    "What is your social security number?": 9,
    "Please say your PIN.": 4,
}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("What is your phone number?", Asked(Kind.PHONE)),
        ("Thanks, Ann. And where can I reach you? What is the best number to call you back on?", Asked(Kind.PHONE)),
        ("Can you tell me the last four digits of your social security number?", Asked(Kind.CODE, 4)),
        ("the 6-digit code", Asked(Kind.CODE, 6)),
        ("What is the security code on the back?", Asked(Kind.CODE, 3)),
        ("Please say your PIN.", Asked(Kind.CODE, 4)),
        ("What is your ZIP code?", Asked(Kind.ZIP)),
        ("And your date of birth?", Asked(Kind.DATE)),
        ("Could you spell your last name?", Asked(Kind.SPELLING)),
        ("What is your order number?", Asked(Kind.CODE)),
        ("What is the number of guests?", Asked(Kind.QUANTITY)),
        ("How many digits does it have?", Asked(Kind.QUANTITY)),
        ("Which room are you in?", Asked(Kind.QUANTITY)),
        ("Is that one bag or two?", Asked(Kind.QUANTITY)),
        ("Would you like a seat in row A, or C?", Asked(Kind.QUANTITY)),
        ("What is your phone number? Take your time.", Asked(Kind.PHONE)),
        ("What is your phone number? Tell me when you have it.", Asked(Kind.PHONE)),
        ("I have your phone number. How can I help?", None),
        ("When is it?", Asked(Kind.QUANTITY)),
        ("I'd like the number", None),
        ("What seems to be the problem?", None),
        ("", None),
    ],
)
def test_a_question_tells_what_is_wanted(words: str, asked: Asked | None) -> None:
    assert asked_for(words) == asked


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("415", "", Dictation.GOES_ON),
        ("4, 1, 5", "", Dictation.GOES_ON),
        ("four one five", "", Dictation.GOES_ON),
        ("S-M-I-", "", Dictation.GOES_ON),
        ("S M I", "", Dictation.GOES_ON),
        ("The number I have is 0, 7", "", Dictation.GOES_ON),
        ("it's 0 7 7", "", Dictation.GOES_ON),
        ("Smith, S M I", "", Dictation.GOES_ON),
        ("apples, pears, plums", "", Dictation.GOES_ON),
        ("apples, pears, and plums", "", None),
        ("Yes, please, thanks", "", None),
        ("double", "What is the code?", Dictation.GOES_ON),
        ("4, 1, 5 dash", "What is the code?", Dictation.GOES_ON),
        ("room 12", "", None),
        ("at half past 3", "", None),
        ("I got a B", "", None),
        ("Oh.", "", None),
        ("so do I", "", None),
        ("You said 4 1 5?", "", None),
        ("S M I?", "", Dictation.GOES_ON),
        ("I live in the U.S.", "", Dictation.PERHAPS_WHOLE),
        ("a hundred and", "", None),
        ("415 no sorry 416 555 2671", "What is your phone number?", Dictation.WHOLE),
        ("415 555 2671 and my zip is 941", "What is your phone number?", Dictation.GOES_ON),
        ("555 2671", "What is your phone number?", Dictation.ANY_LENGTH),
        ("my number is five five five one two three four", "", Dictation.PERHAPS_WHOLE),
        ("five five five one two three four", "What is your phone number?", Dictation.ANY_LENGTH),
        ("415-555-2", "", Dictation.ANY_LENGTH),
        ("06 12 34 56 78", "What is your phone number?", Dictation.PERHAPS_WHOLE),
        ("1 415 555 267", "What is your phone number?", Dictation.ANY_LENGTH),
        ("+44 7700 9", "What is your phone number?", Dictation.GOES_ON),
        ("+44 7700 900 461", "What is your phone number?", Dictation.PERHAPS_WHOLE),
        ("3782 822463 10005", "What is your card number?", Dictation.WHOLE),
        ("94110", "What is your ZIP code?", Dictation.PERHAPS_WHOLE),
        ("94110-12", "What is your ZIP code?", Dictation.ANY_LENGTH),
        ("94110-1234", "What is your ZIP code?", Dictation.WHOLE),
        ("4 7 2 9 1", "What are the last four digits?", Dictation.PERHAPS_WHOLE),
        ("the ninth of", "What is your date of birth?", Dictation.GOES_ON),
        ("the ninth of february", "What is your date of birth?", Dictation.GOES_ON),
        ("03 04 1985", "What is your date of birth?", Dictation.WHOLE),
        ("GARC", "Please spell your last name.", Dictation.GOES_ON),
        ("G A R C I A", "Mr Garcia, can you spell that?", Dictation.WHOLE),
        ("I S", "What is the first name? Please spell it.", Dictation.GOES_ON),
        ("my name is I S", "", Dictation.GOES_ON),
        ("three four ab", "What is your date of birth?", Dictation.GOES_ON),
        ("Smith", "Could you spell your last name?", Dictation.GOES_ON),
        ("No, sorry.", "Could you spell your last name?", None),
        ("B as in Bravo", "Please spell it.", Dictation.GOES_ON),
        ("Be as in Brabo. Eat as an Echo.", "Please spell the street.", Dictation.GOES_ON),
        ("plus y", "What number are you calling from?", Dictation.GOES_ON),
        ("A.", "Which option, A or B?", Dictation.PERHAPS_WHOLE),
        ("12", "How many guests?", None),
        ("I don't have one.", "What is your phone number?", None),
        ("for one time", "What is your phone number?", Dictation.GOES_ON),
        ("four one five is the area", "What is your phone number?", Dictation.GOES_ON),
        ("Where would I find it?", "What is your phone number?", None),
        ("You already have it.", "What is your phone number?", None),
        ("my number is 4 1 time", "", Dictation.GOES_ON),
        ("my number is 415 555 2671 thanks", "", None),
        ("Smith SMI", "", Dictation.GOES_ON),
        ("i need milk, eggs", "", Dictation.GOES_ON),
        ("i want help, please", "", None),
        ("Smith FMI", "", Dictation.GOES_ON),
        ("Agent FBI", "", None),
        ("Smith F. M. I. T. H.", "How do you spell that?", Dictation.PERHAPS_WHOLE),
        ("Why are you?", "How do you spell that?", Dictation.GOES_ON),
        ("Why do you need it?", "How do you spell that?", None),
        ("January. The Ferd.", "And your date of birth?", Dictation.GOES_ON),
        ("5485", "And your date of birth?", Dictation.ANY_LENGTH),
        ("I'm in the stumble far.", "What is your phone number?", Dictation.GOES_ON),
        ("I don't know it.", "What is your phone number?", None),
        ("You can reach me at 212. Fine, fine, fine, fine.", "", Dictation.GOES_ON),
        ("44719208", "What is your account number?", Dictation.ANY_LENGTH),
        ("4471", "What is your account number?", Dictation.GOES_ON),
        ("44719208, that's it.", "What is your account number?", None),
        ("44719208 I think", "What is your account number?", None),
        ("4155550", "What is your phone number?", Dictation.ANY_LENGTH),
        ("415-555-132", "What is your phone number?", Dictation.ANY_LENGTH),
        ("Bread.", "What did you buy?", Dictation.MAY_GO_ON),
        ("Bread. Butter.", "What did you buy?", Dictation.GOES_ON),
        ("I need paper pens.", "What do you need?", Dictation.MAY_GO_ON),
        ("Apples and", "What did you buy?", Dictation.GOES_ON),
        ("Bread, butter, and cheese.", "What did you buy?", None),
        ("Nothing, thanks.", "What did you buy?", None),
        ("do i need an appointment", "What do you need?", None),
        ("A plan.", "What would you like to know?", None),
        ("A plan.", "What would you like to order?", Dictation.MAY_GO_ON),
        ("I was there with my sister.", "What did you buy?", None),
        ("Aspirin, I view profan.", "Which medicines do you take?", Dictation.MAY_GO_ON),
        ("♪", "What would you like to order?", None),
        ("Aspirin, I think.", "Which medicines do you take?", None),
        ("Whatever. Bye.", "Which medicines do you take?", None),
        ("Of course, we can.", "Which medicines do you take?", None),
        ("Ja, ja", "", None),
        ("la la la", "", None),
        ("Aspirin, that's all.", "Which medicines do you take?", None),
        ("Coffee, is it fresh?", "What would you like to order?", None),
        ("Nothing, I am fine.", "What would you like to order?", None),
        ("I need maples bears.", "", Dictation.MAY_GO_ON),
        ("We sell books downstairs.", "", None),
        ("I need this always.", "", None),
        ("on Monday, Tuesday.", "When are you free?", Dictation.GOES_ON),
        ("On Monday Tuesday.", "When are you free?", Dictation.GOES_ON),
        ("In April, May.", "", Dictation.GOES_ON),
        ("Not Monday, Tuesday.", "When are you free?", None),
        ("Monday and Tuesday.", "When are you free?", None),
        ("Monday, Tuesday?", "", None),
        ("It's so salmon salmon.", "", Dictation.MAY_GO_ON),
        ("Bye bye.", "", None),
        ("It hurts so much, so much.", "", None),
        ("Salmon salmon?", "", None),
        ("Time time time 1 2 3 4", "", Dictation.ANY_LENGTH),
        ("It's time time time 0132.", "What is your phone number?", Dictation.ANY_LENGTH),
        ("Time time 0132.", "What is your phone number?", Dictation.GOES_ON),
        ("He is in Brabo. He is an Echo.", "Can you spell the street for me?", Dictation.GOES_ON),
        ("It is in Boston, near the old harbour.", "Can you spell the street for me?", None),
        ("6, 0, 4,", "What are the last four digits?", Dictation.GOES_ON),
        ("6, 0, 4", "What are the last four digits?", Dictation.ANY_LENGTH),
        ("4, 1, 5, 5, 5, 5, 5,", "What is your phone number?", Dictation.GOES_ON),
        ("6, 1, 7, 5, 5, 5, 5, 0, 1, 4, 2,", "What is your phone number?", Dictation.PERHAPS_WHOLE),
        ("4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3,", "How can I help you today?", Dictation.ANY_LENGTH),
        ("I'm 4.85", "And your date of birth?", Dictation.PERHAPS_WHOLE),
        ("I'm 485", "And your date of birth?", Dictation.PERHAPS_WHOLE),
        ("4.25", "And your date of birth?", Dictation.GOES_ON),
        ("J-K-S-O-M", "Can you spell Johnson for me?", Dictation.PERHAPS_WHOLE),
        ("WHIT FIEELD", "Please spell Whitfield.", Dictation.PERHAPS_WHOLE),
        ("J-O-H-N-S", "Can you spell Johnson for me?", Dictation.GOES_ON),
        ("J-O-H-N-S-O", "Can you spell Johnson for me?", Dictation.GOES_ON),
        ("W-H-I-D", "Please spell Whitfield.", Dictation.GOES_ON),
        ("", "What is your phone number?", Dictation.GOES_ON),
        ("", "What seems to be the problem?", None),
    ],
)
def test_how_far_it_is(text: str, asked: str, found: Dictation | None) -> None:
    assert dictation(text, asked) is found


@pytest.mark.parametrize(
    ("so_far", "text", "asked", "found"),
    [
        ("S M", "SM. Hi.", "Please spell it.", Dictation.GOES_ON),
        ("n", "then hey", "", Dictation.GOES_ON),
        ("I need apples, pears.", "I need apples, pears. Banana sand.", "", Dictation.GOES_ON),
        ("I need apples, pears.", "I need apples, pears and plums.", "", None),
        ("my number is 415", "my number is for one, time", "", Dictation.GOES_ON),
        ("415 555", "415 555 2671 thanks", "What is your phone number?", None),
        ("415", "415 sorry what do you need", "", None),
        ("B as in Bravo", "B as in Bravo, he is a necko", "Please spell it.", Dictation.GOES_ON),
        ("It's so salmon salmon.", "It's so salmon salmon. I'm hungry.", "", Dictation.GOES_ON),
        ("It's 4", "It's 4 o'clock", "", None),
        ("415", "415 would you mind if I look for it first", "", None),
    ],
)
def test_a_dictation_goes_on_over_few_other_words(so_far: str, text: str, asked: str, found: Dictation | None) -> None:
    assert dictation(text, asked, so_far) is found


def written(groups: list[str], form: str) -> str:
    """The groups as a recogniser may write them."""
    match form:
        case "digits":
            return " ".join(" ".join(group) for group in groups)
        case "commas":
            return ", ".join(", ".join(group) for group in groups) + "."
        case "groups":
            return " ".join(groups)
        case "sentences":
            return ". ".join(groups) + "."
        case "hyphens":
            return "-".join(groups)
        case "together":
            return "".join(groups)
        case _:
            return " ".join(WORDS[int(digit)] for digit in "".join(groups))


@pytest.mark.slow
@given(
    question=st.sampled_from(sorted(LENGTHS)),
    form=st.sampled_from(["digits", "commas", "groups", "sentences", "hyphens", "together", "words"]),
    lead=st.sampled_from(["", "It's ", "Sure, it is ", "um "]),
    data=st.data(),
)
@settings(max_examples=400, deadline=None)
def test_a_number_goes_on_until_it_has_the_length_that_was_asked_for(
    question: str, form: str, lead: str, data: st.DataObject
) -> None:
    length = LENGTHS[question]
    number = data.draw(st.text("23456789", min_size=1, max_size=1)) + data.draw(
        st.text("23456789", min_size=length - 1, max_size=length - 1)
    )
    groups: list[str] = []
    while sum(map(len, groups)) < length:
        at = sum(map(len, groups))
        groups.append(number[at : at + data.draw(st.integers(1, 5))])
    whole = data.draw(st.integers(1, len(groups)))
    text = lead + written(groups[:whole], form)
    found = dictation(text, question)
    if whole == len(groups):
        assert found in (Dictation.WHOLE, Dictation.PERHAPS_WHOLE)
    elif not (length == 10 and [len(group) for group in groups[:whole]] == [3, 4]):
        assert found in (Dictation.GOES_ON, Dictation.ANY_LENGTH)


@given(
    st.text("4 1,.-?'²٣abIA oneSMI", max_size=30), st.sampled_from([*LENGTHS, "", "Your date of birth?", "Spell it."])
)
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_it(text: str, asked: str) -> None:
    assert dictation(text, asked) in (None, *Dictation)
