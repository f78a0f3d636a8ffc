"""Content packs: what loads, the same each time, and what does not, with the place and the reason of every problem."""

import re
from pathlib import Path

import pytest

from models.errors import InvalidPack
from models.packs import DEMO_PACK, load_pack, pack_id
from models.records.core import DocumentQuestion
from models.records.criteria import Prohibition, Sign, criterion_of, criterion_resource

WHOLE = """\
pack: shop
name: The shop
personas:
  clerk:
    name: Kim
    instructions: You are Kim.
    greeting: Hello.
    voice:
      names: {espeak: en-us+f3}
      rate: 1.2
    cues:
      - id: hello
        when: ['\\bhello\\b', '\\bhi\\b']
        say: [Hello to you., Once more.]
      - id: price
        when: 'how much'
        say: Nine.
        after: [hello]
        once: true
    fallbacks: ["{topic}?", "So {said}."]
documents:
  prices:
    name: Prices
    text: Everything is nine.
scenarios:
  counter:
    name: At the counter
    problem_statement: Sell something.
    objectives: [Be kind]
    personas: [clerk]
    documents: [prices]
simulations:
  day: {name: One day, scenarios: [counter]}
practices:
  try: {name: Try it, simulation: day}
  must: {name: Do it, simulation: day, kind: home}
"""


def written(folder: Path, text: str, name: str = "pack.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


CRITERIA = """\
    objectives:
      - Be kind
      - text: Sell at the price.
        signs:
          - nine
          - any: ['costs? \\d+', 'that is \\d+']
            do: Say the price.
            say: It costs nine.
        needed: 2
        never:
          - any: ['half price', 'for free']
            tell: You gave it away.
            instead: It costs nine.
"""


def problems(path: Path) -> list[str]:
    with pytest.raises(InvalidPack) as raised:
        load_pack(path)
    for problem in raised.value.problems:
        assert re.match(rf"{re.escape(str(path.parent))}.*:\d+: \S", problem), problem
    return [problem.removeprefix(f"{path.parent}/") for problem in raised.value.problems]


def test_a_pack_becomes_records(tmp_path: Path) -> None:
    pack = load_pack(written(tmp_path, WHOLE))

    (kim,), (counter,), (day,), (prices,) = pack.personas, pack.scenarios, pack.simulations, pack.documents
    assert (pack.slug, pack.name) == ("shop", "The shop")
    assert (kim.voice.names, kim.voice.rate, kim.voice.pitch) == ({"espeak": "en-us+f3"}, 1.2, 1.0)
    assert [(cue.id, cue.when, cue.after, cue.once) for cue in kim.cues] == [
        ("hello", (r"\bhello\b", r"\bhi\b"), (), False),
        ("price", ("how much",), ("hello",), True),
    ]
    assert counter.persona_ids == (kim.id,)
    assert counter.document_ids == (prices.id,)
    assert day.scenario_ids == (counter.id,)
    assert [(practice.simulation_id, practice.kind) for practice in pack.practices] == [
        (day.id, "practice"),
        (day.id, "home"),
    ]


@pytest.mark.parametrize(
    ("field", "ends_call", "transfer"), [("ends_call: true", True, ""), ("transfer: human", False, "human")]
)
def test_a_cue_may_end_or_hand_on_the_call(tmp_path: Path, field: str, ends_call: bool, transfer: str) -> None:
    pack = load_pack(written(tmp_path, WHOLE.replace("once: true", field)))
    hello, price = pack.personas[0].cues
    assert (hello.ends_call, hello.transfer) == (False, "")
    assert (price.ends_call, price.transfer) == (ends_call, transfer)


def test_a_scenario_may_show_images_videos_flags_and_departments(tmp_path: Path) -> None:
    shown = """\
images: {form: {name: The form, url: 'https://example.org/form.png'}}
videos: {tour: {name: A tour, seconds: 90}}
flags: {first: {name: First call, type: channel, value: true}}
departments: {annex: {name: The annex}}
"""
    chosen = "    images: [form]\n    videos: [tour]\n    flags: [first]\n    departments: [annex]\n"
    text = WHOLE.replace("    documents: [prices]\n", f"    documents: [prices]\n{chosen}") + shown
    pack = load_pack(written(tmp_path, text))
    data = {item.kind: dict(item.data) for item in pack.resources}
    assert data == {
        "image": {"url": "https://example.org/form.png"},
        "video": {"url": "", "length_seconds": 90},
        "flag": {"type": "channel", "icon": "", "value": True},
        "department": {},
    }
    assert pack.scenarios[0].resources == {item.kind: (item.id,) for item in pack.resources}
    bad = text.replace("https://example.org/form.png", "javascript:alert(1)").replace("flags: [first]", "flags: [last]")
    first, second = problems(written(tmp_path, bad))
    assert "unknown flag 'last'; the pack has first" in first
    assert "'url' is no address of the web" in second


def test_ids_are_the_same_on_each_load_and_differ_between_things(tmp_path: Path) -> None:
    file = written(tmp_path, WHOLE)
    assert load_pack(file) == load_pack(file)
    assert load_pack(file).personas[0].id == pack_id("shop", "persona", "clerk")
    assert (
        len({pack_id("shop", "persona", "a"), pack_id("shop", "document", "a"), pack_id("other", "persona", "a")}) == 3
    )


def test_a_folder_is_one_pack(tmp_path: Path) -> None:
    head, rest = WHOLE.split("documents:\n")
    written(tmp_path, head, "a.yaml")
    written(tmp_path, "documents:\n" + rest, "b.yml")
    assert load_pack(tmp_path) == load_pack(written(tmp_path / "..", WHOLE, "whole.yaml"))


def test_a_document_may_be_a_file_beside_the_pack(tmp_path: Path) -> None:
    (tmp_path / "prices.md").write_text("# Nine\n", encoding="utf-8")
    file = written(tmp_path, WHOLE.replace("text: Everything is nine.", "file: prices.md"))
    assert load_pack(file).documents[0].text == "# Nine"


ASKED = "# remarks are skipped\nHow much is it? | is **nine**.\n\nIs it cheap?\n"


def test_a_document_may_come_with_questions(tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text(ASKED, encoding="utf-8")
    file = written(
        tmp_path, WHOLE.replace("text: Everything is nine.", "text: Everything is nine.\n    questions: asked.txt")
    )
    assert load_pack(file).documents[0].questions == (
        DocumentQuestion("How much is it?", "is **nine**."),
        DocumentQuestion("Is it cheap?"),
    )


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("How much? | is ten.", "line 1 of 'asked.txt': the document does not say 'is ten.'; copy the words"),
        ("x\n" + "x" * 301, "line 2 of 'asked.txt' is longer than 300 characters; shorten the question"),
        ("\n".join(f"Is it {n}?" for n in range(501)), "'asked.txt' has more than 500 questions"),
        (None, "the document file 'asked.txt' is missing; put it beside pack.yaml"),
    ],
)
def test_a_wrong_question_of_a_document_is_a_problem(tmp_path: Path, lines: str | None, problem: str) -> None:
    if lines is not None:
        (tmp_path / "asked.txt").write_text(lines, encoding="utf-8")
    file = written(
        tmp_path, WHOLE.replace("text: Everything is nine.", "text: Everything is nine.\n    questions: asked.txt")
    )
    with pytest.raises(InvalidPack, match=re.escape(problem)):
        load_pack(file)


@pytest.mark.parametrize(
    ("change", "instead", "problem"),
    [
        ("greeting:", "greting:", "pack.yaml:7: unknown key 'greting'; did you mean 'greeting'?"),
        ("    name: Kim\n", "", "pack.yaml:4: 'name' is missing; add it"),
        ("name: Kim", "name: 42", "pack.yaml:5: 'name' must be text, not a number; put it in quotes"),
        ("'\\bhi\\b'", "yes", "pack.yaml:13: 'when' must be text, not true or false; put it in quotes"),
        ("name: Kim", "name: [Kim]", "pack.yaml:5: 'name' must be text, not a list"),
        ("name: Kim", 'name: ""', "pack.yaml:5: 'name' is empty; write something"),
        ("once: true", "ends_call: 1", "pack.yaml:19: 'ends_call' must be true or false, not a number"),
        (
            "once: true",
            "ends_call: true\n        transfer: x",
            "pack.yaml:20: 'ends_call' and 'transfer' are both given",
        ),
        ("once: true", "transfer: " + 201 * "x", "pack.yaml:19: 'transfer' is longer than 200 characters"),
        ("once: true", "transfer: [x]", "pack.yaml:19: 'transfer' must be text, not a list"),
        ("once: true", "once: 1", "pack.yaml:19: 'once' must be true or false, not a number"),
        ("rate: 1.2", "rate: fast", "pack.yaml:10: 'rate' must be a number, not text"),
        ("rate: 1.2", "rate: 3", "pack.yaml:10: 'rate' is 3, out of range; choose 0.5 to 2"),
        ("rate: 1.2", "rate: .nan", "pack.yaml:10: 'rate' must be a number"),
        ("{espeak: en", "{espeek: en", "pack.yaml:9: unknown engine 'espeek'; the engines are espeak, piper, openai"),
        ("id: price", "id: hello", "pack.yaml:15: duplicate id 'hello' in cues; line 12 has it already"),
        ("[hello]", "[helo]", "pack.yaml:18: 'after' names the unknown cue 'helo'"),
        ("'how much'", "'how (much'", "pack.yaml:16: bad regular expression 'how (much': missing )"),
        ("'how much'", "'How much'", "pack.yaml:16: 'How much' has capitals"),
        ("'how much'", "'x*'", "pack.yaml:16: 'x*' matches anything"),
        ("'how much'", "'how.*'", "pack.yaml:16: 'how.*' ends in a wildcard"),
        ('"{topic}?"', '"{subject}?"', "pack.yaml:20: unknown placeholder '{subject}'; write {topic} or {said}"),
        ('"{topic}?"', '"{topic?"', "pack.yaml:20: bad placeholder in 'fallbacks'"),
        ("personas: [clerk]", "personas: [clark]", "pack.yaml:30: unknown persona 'clark'; the pack has clerk"),
        ("documents: [prices]", "documents:\n    - price", "pack.yaml:32: unknown document 'price'"),
        ("personas: [clerk]", "personas: []", "pack.yaml:30: 'personas' is empty; write at least one"),
        ("scenarios: [counter]", "scenarios: [x]", "pack.yaml:33: unknown scenario 'x'; the pack has counter"),
        ("simulation: day}", "simulation: night}", "pack.yaml:35: unknown simulation 'night'; the pack has day"),
        ("kind: home", "kind: house", "pack.yaml:36: 'kind' is 'house'; choose practice or home"),
        ("  try:", "  must:", "pack.yaml:36: 'must' is a duplicate of line 35; rename or remove"),
        ("  try:", "  Try It:", "pack.yaml:35: 'Try It' is not an id; use lower-case letters, digits and hyphens"),
        ("pack: shop", "pack: The Shop", "pack.yaml:1: 'pack' is 'The Shop'; use lower-case letters"),
        ("pack: shop\n", "", "pack.yaml:1: 'pack' is missing"),
        (
            "text: Every",
            "file: gone.md\n    text: Every",
            "pack.yaml:22: document 'prices' needs either 'text' or 'file'",
        ),
        ("text: Everything is nine.", "file: gone.md", "pack.yaml:24: the document file 'gone.md' is missing"),
        ("text: Everything is nine.", "file: ../x.md", "pack.yaml:24: 'file' is '../x.md', outside the pack's folder"),
        (
            "text: Everything is nine.",
            "file: /etc/x.md",
            "pack.yaml:24: 'file' is '/etc/x.md', outside the pack's folder",
        ),
        ("text: Everything is nine.", "file: pack.yaml", "pack.yaml:24: 'file' is 'pack.yaml'; name a .md or"),
        ("objectives: [Be kind]", "objectives: [Be kind", "YAML syntax: "),
        ("name: Kim", "name: Kim: the clerk", "pack.yaml:5: YAML syntax: mapping values are not allowed here"),
        ("    voice:", "\tvoice:", "pack.yaml:8: YAML syntax: "),
    ],
)
def test_each_problem_has_its_place_and_reason(tmp_path: Path, change: str, instead: str, problem: str) -> None:
    assert WHOLE.count(change) >= 1
    found = problems(written(tmp_path, WHOLE.replace(change, instead, 1)))
    assert any(problem in line for line in found), found


def test_all_problems_come_at_once_and_in_order(tmp_path: Path) -> None:
    text = WHOLE.replace("greeting:", "greting:").replace("rate: 1.2", "rate: 9").replace("[counter]", "[corner]")
    found = problems(written(tmp_path, text))
    assert [line.split(":")[1] for line in found] == ["4", "7", "10", "33"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"- a\n- b\n", "a pack must be keys with values, not a list"),
        (b"pack: \xff\n", "is not UTF-8 text (byte 6)"),
        (b"pack: a\n---\npack: b\n", "YAML syntax: but found another document"),
        (b"pack: \x00\n", "YAML syntax"),
        (b"[" * 5000, "nested too deeply"),
        (b"pack: a\nname: b\npersonas:\n", "'personas' must be keys with values, not empty"),
        (b"pack: a\nname: b\npersonas: &x {x: *x}\n", "pack.yaml:3: "),
    ],
)
def test_files_that_are_no_pack(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "pack.yaml"
    file.write_bytes(content)
    assert problem in "\n".join(problems(file))


def test_paths_that_are_no_pack(tmp_path: Path) -> None:
    assert "there is no such file or folder" in problems(tmp_path / "gone")[0]
    (tmp_path / "empty").mkdir()
    assert "holds no .yaml file" in problems(tmp_path / "empty")[0]


def test_two_files_may_not_hold_the_same_thing(tmp_path: Path) -> None:
    written(tmp_path, WHOLE, "a.yaml")
    written(tmp_path, "pack: other\npractices:\n  try: {name: Again, simulation: day}\n", "b.yaml")
    with pytest.raises(InvalidPack) as raised:
        load_pack(tmp_path)
    assert [line.removeprefix(f"{tmp_path}/") for line in raised.value.problems] == [
        "b.yaml:1: 'pack' stands in a.yaml already; keep one",
        "b.yaml:3: duplicate id 'try' in practices; a.yaml:35 has it already",
    ]


def test_a_file_that_cannot_be_read_is_the_only_problem_it_makes(tmp_path: Path) -> None:
    head, rest = WHOLE.split("documents:\n")
    written(tmp_path, head + "  broken: [\n", "a.yaml")
    written(tmp_path, "documents:\n" + rest.replace("kind: home", "kind: house"), "b.yaml")
    with pytest.raises(InvalidPack) as raised:
        load_pack(tmp_path)
    assert [line.removeprefix(f"{tmp_path}/").split(": ")[1] for line in raised.value.problems] == [
        "YAML syntax",
        "'kind' is 'house'; choose practice or home",
    ]


def test_the_demo_pack_holds_three_role_plays() -> None:
    pack = load_pack(DEMO_PACK)

    scenarios = {scenario.name: scenario for scenario in pack.scenarios}
    assert set(scenarios) == {"The records office", "The repair desk", "The clinic"}
    assert any(set(simulation.scenario_ids) == {s.id for s in pack.scenarios} for simulation in pack.simulations)
    assert {p.simulation_id for p in pack.practices if p.kind == "practice"} == {s.id for s in pack.simulations}
    assert any(practice.kind == "home" for practice in pack.practices)
    for scenario in pack.scenarios:
        assert len(scenario.persona_ids) == 1
        assert scenario.document_ids
        assert scenario.objectives
    for engine in ("espeak", "piper", "openai"):
        assert len({persona.voice.names[engine] for persona in pack.personas}) == 3, "each persona has its own voice"
    for persona in pack.personas:
        assert len(persona.cues) >= 30
        spoken = [persona.greeting, *persona.fallbacks, *(line for cue in persona.cues for line in cue.say)]
        assert all(line.endswith((".", "?", "!")) and len(line) < 300 for line in spoken)
        assert len(spoken) == len(set(spoken))


def test_objectives_with_what_meets_and_what_breaks_them(tmp_path: Path) -> None:
    pack = load_pack(written(tmp_path, WHOLE.replace("    objectives: [Be kind]\n", CRITERIA)))
    (scenario,) = pack.scenarios
    assert scenario.objectives == ("Be kind", "Sell at the price.")
    (resource,) = [item for item in pack.resources if item.kind == "criterion"]
    assert scenario.resources["criterion"] == (resource.id,)
    criterion = criterion_of(resource)
    assert (criterion.objective, criterion.needed) == ("Sell at the price.", 2)
    assert criterion.signs == (
        Sign("nine"),
        Sign(r"(?:costs? \d+)|(?:that is \d+)", "Say the price.", "It costs nine."),
    )
    assert criterion.never == (Prohibition("(?:half price)|(?:for free)", "You gave it away.", "It costs nine."),)
    assert criterion_of(criterion_resource(resource.id, criterion)) == criterion


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("- nine", "- '('", "bad regular expression '('"),
        ("- nine", "- 'x*'", "'x*' matches anything; name at least one word"),
        ("needed: 2", "needed: 3", "'needed' is 3, more than there are signs (2)"),
        ("            do: Say the price.\n", "", "'do' is missing"),
        ("            tell: You gave it away.\n", "", "'tell' is missing"),
        ("            instead: It costs nine.\n", "", "'instead' is missing"),
        ("never:", "nevver:", "unknown key 'nevver'; did you mean 'never'?"),
    ],
)
def test_objectives_that_cannot_be_read(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = WHOLE.replace("    objectives: [Be kind]\n", CRITERIA.replace(old, new, 1))
    assert any(problem in line for line in problems(written(tmp_path, text)))


RUBRIC = """\
rubrics:
  care:
    name: Care
    pass_points: 6
    groups:
      - id: manner
        name: Manner
        standards:
          - {id: warmth, name: Warmth, points: 10}
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("points: 10", "points: 0", "rubric 'care' has no points; give its standards some"),
        ("pass_points: 6", "pass_points: 11", "'pass_points' is 11, more than all points (10); lower it"),
        (RUBRIC[RUBRIC.index("        standards:") :], "        standards: []\n", "group 'manner' has no 'standards'"),
        (
            RUBRIC[RUBRIC.index("    groups:") :],
            "    groups: []\n",
            "rubric 'care' has no 'groups'; write at least one",
        ),
    ],
)
def test_rubrics_that_nothing_can_be_judged_by(tmp_path: Path, old: str, new: str, problem: str) -> None:
    load_pack(written(tmp_path, WHOLE + RUBRIC))
    assert any(problem in line for line in problems(written(tmp_path, WHOLE + RUBRIC.replace(old, new))))
