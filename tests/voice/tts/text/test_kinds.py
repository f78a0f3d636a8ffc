"""What is written in ways of its own: amounts, dates, ranges, codes, numerals, symbols and other scripts."""

import pytest

from voice.tts.text.speakable import speakable

RANGES = """
$5-10 = five to ten dollars
$5-$10 = five to ten dollars
10 - 4 = ten minus four
4.5/5 = four point five out of five
8/10 = eight out of ten
16:9 = sixteen to nine
won 3:2 = won three to two
50/50 = fifty fifty
2^10 = two to the power of ten
8 1/2 x 11 = eight and one half by eleven
1:23:45 = one hour, twenty-three minutes and forty-five seconds
0:00:30 = thirty seconds
pages 10-12 = pages ten to twelve
10am-4pm = ten A M to four P M
9:00-17:30 = nine o'clock to seventeen thirty
-5 degrees = minus five degrees
"""
MONEY = """
5$ = five dollars
5,50 EUR = five euros fifty
€5,50 = five euros fifty
3.50€ = three euros fifty
$.50 = fifty cents
$2T = two trillion dollars
$1.5M = one point five million dollars
CHF 12.50 = twelve Swiss francs fifty
USD 1 = one US dollar
20 GBP = twenty pounds
1,000 JPY = one thousand yen
1.250,50 € = one thousand two hundred fifty euros fifty
75¢ = seventy-five cents
50p each = fifty pence each
"""
SYMBOLS = """
# = pound
* = star
Press # or *. = Press pound or star.
C# and F# = C sharp and F sharp
dial *67 = dial star six seven
the # of items = the number of items
#1 = number one
#summer = hashtag summer
3 * 4 = three times four
an A* in maths = an A star in maths
"""
CODES = """
card 4111 1111 1111 1111 = card four one one one, one one one one, one one one one, one one one one
Call 5550199. = Call five five five zero one nine nine.
call us at 911 = call us at nine one one
flight UA 1234 = flight U A one two three four
ZIP code 90210 = ZIP code nine zero two one zero
my flight is UA 1234 = my flight is U A one two three four
case #20817 = case number two zero eight one seven
10.0.0.1:80 = one zero dot zero dot zero dot one port eight zero
192.168.0.1 = one nine two dot one six eight dot zero dot one
1-800-FLOWERS = one, eight hundred, FLOWERS
version 2.0.1 = version two point zero point one
seat 12B = seat twelve B
"""
MEASURES = """
1 1/2 cups = one and one half cups
He is 5'11". = He is five foot eleven.
He is 6'2 now = He is six foot two now
5 ft 11 in = five foot eleven
6 in wide = six inches wide
.5 miles = zero point five miles
10,5 km = ten point five kilometers
20 m² and 5 ft³ = twenty square meters and five cubic feet
9.58 s = nine point five eight seconds
It is 5 m. = It is five meters.
2.4 GHz = two point four gigahertz
98.6 F today = ninety-eight point six degrees Fahrenheit today
It is 98 F. = It is ninety-eight degrees Fahrenheit.
12" wide = twelve inches wide
72F = seventy-two degrees Fahrenheit
-40C = minus forty degrees Celsius
1.5M people = one point five million people
10k = ten thousand
the 80s = the eighties
2 L = two liters
100 Mbps = one hundred megabits a second
60 mph = sixty miles an hour
"""
NUMERALS = """
Henry VIII = Henry the eighth
Pope John Paul II = Pope John Paul the second
World War II = World War two
Chapter IV = Chapter four
Part I = Part one
Vol. II = Volume two
Edward VII's = Edward the seventh's
Rocky III = Rocky three
Malcolm X = Malcolm X
MIX = MIX
Charles I = Charles the first
Charles I am told = Charles I am told
"""
DATES = """
Mon-Fri = Monday to Friday
Tue, Thu and Sat = Tuesday, Thursday and Saturday
open Mon. = open Monday.
Sat 10am = Saturday ten A M
He sat in the sun = He sat in the sun
The Sun is hot = The Sun is hot
Jan-Mar = January to March
Sept 5 = September fifth
Mar 3, 2024 = March third, twenty twenty-four
May 5-7 = May fifth to seventh
4 March 2024 = the fourth of March twenty twenty-four
03/04/2024 = March fourth, twenty twenty-four
2024/12/25 = December twenty-fifth, twenty twenty-four
25.12.2024 = December twenty-fifth, twenty twenty-four
due 12/25 = due December twenty-fifth
You may 5 times = You may five times
"""
ENDS = """
Call the Dr. = Call the Doctor.
I live on Oak Dr. = I live on Oak Drive.
Dr. Smith = Doctor Smith
on Main St. = on Main Street.
"""


def rows(*tables: str) -> list[tuple[str, str]]:
    lines = [line for table in tables for line in table.strip().splitlines()]
    return [(written, said) for written, _, said in (line.rpartition(" = ") for line in lines)]


@pytest.mark.parametrize(("written", "said"), rows(RANGES, MONEY, SYMBOLS, CODES, MEASURES, NUMERALS, DATES, ENDS))
def test_as_it_is_read(written: str, said: str) -> None:
    assert speakable(written, spell_numbers=True).text == said


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("de", "Es kostet 5,50 EUR.", "Es kostet 5,50 Euro."),
        ("es", "Son $5 o 20€.", "Son 5 dólares o 20 euros."),
        ("fr", "£20", "20 livres"),
        ("it-IT", "€ 3,50", "3,50 euro"),
        ("pt", "10 USD", "10 dólares"),
    ],
)
def test_currencies_elsewhere(language: str, written: str, said: str) -> None:
    assert speakable(written, spell_numbers=False, language=language).text == said


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("en", "I said 你好 to her", "I said to her"),
        ("en", "Она, she said, спасибо.", "she said."),
        ("en", "the α and Ω rays", "the alpha and omega rays"),
        ("en", "Café, naïve, Łódź", "Café, naïve, Łódź"),
        ("en", "你好", "你好"),
        ("ru", "Это Whisper", "Это Whisper"),
        ("ja", "これは漢字です", "これは漢字です"),
        ("zh", "这是 тест 吗", "这是 吗"),
    ],
)
def test_characters_of_another_script(language: str, written: str, said: str) -> None:
    assert speakable(written, spell_numbers=False, language=language).text == said


@pytest.mark.parametrize(("written", "_said"), rows(RANGES, MONEY, SYMBOLS, CODES, MEASURES, NUMERALS, DATES, ENDS))
def test_the_way_back_covers_what_is_written(written: str, _said: str) -> None:
    spoken = speakable(written, spell_numbers=True)
    assert list(spoken.origin) == sorted(spoken.origin)
    start, end = spoken.given(0, len(spoken.text))
    assert start <= len("USD ")
    assert end >= len(written) - 1
