"""The scripted tutor: teaches a lesson of a content pack deterministically, without a model or a network."""

from dataclasses import dataclass, replace
from typing import Any

from models.records.external import Node
from models.records.lessons import Chunk, Lesson, Question
from pipeline.tutoring.answers import MATCHED_LIMIT, Judgement, judge
from pipeline.tutoring.tools import Toolbox
from pipeline.tutoring.turns import AnswerVerdict, LessonState, StudentTurn, TutorTurn

HELP_LEVELS = 3
"""Number of wrong answers to a chunk that get help. The next one gets a good answer, and the one after it goes on."""

REPEATED_SCORE = 0.5
"""Score of a right answer that the tutor had given before."""

_GIVES_UP = frozenset(
    ("i do not know", "do not know", "no idea", "i have no idea", "i am not sure", "not sure", "dunno", "pass")
)


@dataclass(slots=True)
class _Turn:
    """A turn under construction."""

    student: StudentTurn
    state: LessonState
    lesson: Lesson
    node: Node
    tools: Toolbox
    reasoning: list[str]
    verdict: AnswerVerdict | None = None

    @property
    def chunk(self) -> Chunk:
        return self.lesson.chunks[min(self.state.chunk, len(self.lesson.chunks) - 1)]

    @property
    def question(self) -> Question:
        exercise = self.state.exercise
        return self.chunk.question if exercise is None else self.chunk.exercises[exercise]

    def note(self, sentence: str) -> None:
        self.reasoning.append(sentence)

    def done(self, explanation: str, state: LessonState, *, figure: str = "", asks: bool = True) -> TutorTurn:
        return TutorTurn(
            student=self.student,
            explanation=explanation,
            state=state,
            figure=figure,
            asks=asks,
            results=tuple(self.tools.results),
            tools_used=tuple(self.tools.used),
            reasoning=tuple(self.reasoning),
            verdict=self.verdict,
        )


async def scripted_turn(
    student: StudentTurn, state: LessonState, node: Node, lesson: Lesson, tools: Toolbox
) -> TutorTurn:
    """Generate the lesson's next turn, without storing anything."""
    turn = _Turn(student, state, lesson, node, tools, [student.left_out] if student.left_out else [])
    if state.exercise is not None and state.exercise >= len(turn.chunk.exercises):
        turn.state = state = replace(state, exercise=None)  # the lesson was read again, with fewer of them
    if state.complete:
        turn.note("The lesson is complete already.")
        return turn.done(closing(lesson, state), state)
    if not state.begun:
        return await _begin(turn)
    match student.kind:
        case "answer":
            return await _evaluate(turn)
        case "clarification":
            return await _clarify(turn)
        case "start" | "learning":
            turn.note(f"No answer was given: chunk {state.chunk + 1} is taught once more.")
            return turn.done(turn.chunk.teach, state)


def closing(lesson: Lesson, state: LessonState) -> str:
    """Return the last words of a lesson: its own if all was mastered, else what to go over again."""
    if not state.unmastered:
        return lesson.closing
    titles = [chunk.title for chunk in lesson.chunks if chunk.id in state.unmastered]
    shown = len(lesson.chunks) - len(titles)
    return (
        f"That was the last part. You have seen all {len(lesson.chunks)} parts and shown that you know "
        f"{shown or 'none'} of them. Begin the lesson again to go over the rest: {'; '.join(titles)}."
    )


async def _begin(turn: _Turn) -> TutorTurn:
    progress = await turn.tools.run("check_student_progress", {})
    before = await turn.tools.run("check_prerequisite_mastery", {})
    opening = [f"This lesson is on {turn.lesson.title[0].lower()}{turn.lesson.title[1:]}. {turn.lesson.description}"]
    if progress["diagnosticScore"] is None:
        turn.note("There is no test of the parent concept, so the lesson begins at its beginning.")
    else:
        weak = ", ".join(progress["weakAreas"])
        turn.note(
            f"The test of the parent concept was {progress['diagnosticScore']:.0%}; weak areas: {weak or 'none'}."
        )
        if weak:
            opening.append(f"The test says to take care with {weak}.")
    missing = [item["title"] for item in before["prerequisites"] if not item["mastered"]]
    if missing:
        turn.note(f"Not mastered yet: {', '.join(missing)}.")
        opening.append(f"It builds on {' and '.join(missing)}, so ask whenever something from there is unclear.")
    else:
        turn.note("Nothing that must come first is missing.")
    first = turn.lesson.chunks[0]
    turn.note(f"Teach chunk 1 of {len(turn.lesson.chunks)}: {first.title}.")
    return turn.done(
        "\n\n".join([" ".join(opening), first.teach]), _asking(replace(turn.state, begun=True), first.question)
    )


async def _evaluate(turn: _Turn) -> TutorTurn:
    student, question, number = turn.student, turn.question, turn.state.chunk + 1
    judged = judge(question, student.text)
    if question.type == "draw" and student.drawing is not None and judged.fault == "incomplete":
        turn.note("A drawing came, and no model that sees is configured: its words are asked for.")
        return turn.done(
            "I cannot see drawings here. Tell me in words what yours shows, and I compare it with a good one.",
            turn.state,
        )
    if not student.text:
        turn.note("The answer is empty, so there is nothing to judge.")
        return turn.done("I did not get an answer.", turn.state)
    is_exercise = turn.state.exercise is not None
    asked = f"the exercise of chunk {number}" if is_exercise else f"chunk {number}"
    turn.note(f"Compared the answer with {asked}: {judged.found} of {judged.wanted} points found.")
    repeated = judged.right and turn.state.told and not is_exercise
    score = REPEATED_SCORE if repeated else judged.score
    turn.verdict = AnswerVerdict(judged.right, score, turn.chunk.id, is_exercise, turn.state.wrong + 1, judged.fault)
    outcome: dict[str, Any] = await turn.tools.run(
        "record_exercise_result",
        {
            "exercise_prompt": question.ask,
            "student_answer": student.text[:MATCHED_LIMIT],
            "is_correct": judged.right,
            "score": score,
            "feedback": turn.chunk.praise if judged.right else judged.reply,
        },
    )
    turn.note(
        f"{outcome['correctCount']} of {outcome['totalAttempts']} answers right, mean {outcome['averageScore']:.2f}."
    )
    if not judged.right:
        return await _try_again(turn, judged)
    if is_exercise:
        turn.note(f"The exercise is solved: back to the question of chunk {number}.")
        return turn.done("Right. Now the question again.", _asking_again(turn))
    if repeated:
        turn.note(f"Chunk {number} is not mastered: its answer had been given.")
        return _go_on(turn, "Yes, that is it.", mastered=False)
    return _go_on(turn, turn.chunk.praise or "That is right.", mastered=True)


def _go_on(turn: _Turn, said: str, *, mastered: bool) -> TutorTurn:
    """Go on to the next chunk, or end the lesson."""
    state = turn.state
    if not mastered:
        state = replace(state, unmastered=(*state.unmastered, turn.chunk.id))
    following = state.chunk + 1
    if following >= len(turn.lesson.chunks):
        left = len(state.unmastered)
        turn.note(f"That was the last chunk: all are covered, {f'{left} not mastered' if left else 'all mastered'}.")
        done = replace(state, complete=True, question="")
        return turn.done(f"{said}\n\n{closing(turn.lesson, done)}", done)
    chunk = turn.lesson.chunks[following]
    turn.note(f"Go on to chunk {following + 1} of {len(turn.lesson.chunks)}: {chunk.title}.")
    state = replace(state, chunk=following, wrong=0, explained=0, exercise=None, told=False)
    return turn.done(f"{said}\n\n{chunk.teach}", _asking(state, chunk.question))


async def _try_again(turn: _Turn, judged: Judgement) -> TutorTurn:
    """Help, each time more: three levels, then a good answer, then on to the next chunk."""
    chunk, state = turn.chunk, replace(turn.state, wrong=turn.state.wrong + 1)
    said = [_reply(judged, turn.student.text)]
    if state.told and state.exercise is None:
        turn.note(f"Chunk {state.chunk + 1} is left, not mastered.")
        return _go_on(turn, f"{said[0]} We leave this one for another time.", mastered=False)
    if state.exercise is not None:
        turn.note(f"The exercise is not solved: its answer, and back to the question of chunk {state.chunk + 1}.")
        said.append(f"{_model_answer(turn.question)} Now the question again.")
        state = replace(_asking_again(turn), wrong=state.wrong)
    if state.wrong > HELP_LEVELS:
        turn.note("Help has not helped: say a good answer, and ask for it in the student's words.")
        said.append(f"{_model_answer(chunk.question)} Now say it in your own words.")
        return turn.done(" ".join(said), replace(state, told=True))
    turn.note(f"Stay with chunk {state.chunk + 1} and give help {state.wrong} of {HELP_LEVELS}.")
    said.append(_ladder(*chunk.hints, *chunk.explain, chunk.teach)[state.wrong - 1])
    figure = ""
    if state.wrong == 2 and chunk.examples:
        example = await turn.tools.run("generate_example", {"topic": chunk.title, "difficulty": "simple"})
        said.append(f"An example. {example['example']}")
    if state.wrong == 2 and chunk.exercises and turn.state.exercise is None:
        made = await turn.tools.run("create_exercise", {"topic": chunk.title, "difficulty": "easy"})
        index = next(i for i, exercise in enumerate(chunk.exercises) if exercise.ask == made["exercise"])
        turn.note("An easier exercise comes first.")
        said.append("Try this first.")
        state = _asking(replace(state, exercise=index), chunk.exercises[index])
    if state.wrong == HELP_LEVELS and chunk.diagram:
        drawn = await turn.tools.run("visualize_concept", {"what": chunk.title, "style": "diagram"})
        figure = drawn["diagram"]
    return turn.done(" ".join(said), state, figure=figure)


def _reply(judged: Judgement, answer: str) -> str:
    """Return what is said to a wrong answer before the help."""
    if answer.lower().replace("'", "").replace("dont", "do not").strip(" .!") in _GIVES_UP:
        return "That is all right."
    match judged.fault:
        case "opposite":
            return "Not quite: part of that says the opposite."
        case "mistake":
            return f"Not quite. {judged.reply}".strip()
        case "echo":
            return "That is the question itself."
        case _:
            return "That is a part of it." if judged.found else "Not quite."


async def _clarify(turn: _Turn) -> TutorTurn:
    """Explain in other words, each time more: three levels, then a good answer."""
    chunk, state = turn.chunk, turn.state
    level = state.explained
    state = replace(state, explained=level + 1)
    if level >= HELP_LEVELS and state.exercise is None:
        turn.note(f"Chunk {state.chunk + 1} was explained {HELP_LEVELS} times: say a good answer.")
        return turn.done(
            f"{_model_answer(chunk.question)} Say it in your own words, and we go on.",
            replace(state, told=True),
            asks=False,
        )
    turn.note(
        f"Explain chunk {state.chunk + 1} in other words, level {min(level, HELP_LEVELS - 1) + 1} of {HELP_LEVELS}."
    )
    said = _ladder(*(chunk.explain or (chunk.teach,)), *chunk.hints, chunk.teach)[min(level, HELP_LEVELS - 1)]
    figure = ""
    if chunk.diagram:
        drawn = await turn.tools.run("visualize_concept", {"what": chunk.title, "style": "diagram"})
        figure = drawn["diagram"]
    if level == 1 and chunk.examples:
        example = await turn.tools.run("generate_example", {"topic": chunk.title, "difficulty": "simple"})
        said = f"{said} {example['example']}"
    return turn.done(said, state, figure=figure, asks=False)


def _ladder(*texts: str) -> tuple[str, ...]:
    """Return the first different texts, one for each level; the last one repeats where there are too few."""
    found = list(dict.fromkeys(texts))[:HELP_LEVELS]
    return (*found, *[found[-1]] * (HELP_LEVELS - len(found)))


def _model_answer(question: Question) -> str:
    stop = "" if question.answer.endswith((".", "!", "?")) else "."
    return f"A good answer is this. {question.answer}{stop}"


def _asking(state: LessonState, question: Question) -> LessonState:
    return replace(state, question=question.ask, question_type=question.type)


def _asking_again(turn: _Turn) -> LessonState:
    """Return the state back at the chunk's own question, after an exercise."""
    return _asking(replace(turn.state, exercise=None), turn.chunk.question)
