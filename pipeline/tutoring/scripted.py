"""The scripted tutor: teaches a lesson of a content pack deterministically, without a model or a network."""

from dataclasses import dataclass, replace
from typing import Any

from models.patterns import pattern
from models.records.external import Node
from models.records.lessons import Chunk, Lesson, Question
from pipeline.llm.reflection import normalised
from pipeline.tutoring.tools import Toolbox
from pipeline.tutoring.turns import LessonState, StudentTurn, TutorTurn

_MATCHED_LIMIT = 2_000
"""Characters of an answer that are matched, which bounds the cost of a pack's patterns."""

TELL_AFTER = 3
"""Number of wrong answers after which the tutor gives a model answer."""


@dataclass(slots=True)
class _Turn:
    """A turn under construction."""

    student: StudentTurn
    state: LessonState
    lesson: Lesson
    node: Node
    tools: Toolbox
    reasoning: list[str]

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
        )


async def scripted_turn(
    student: StudentTurn, state: LessonState, node: Node, lesson: Lesson, tools: Toolbox
) -> TutorTurn:
    """Generate the lesson's next turn, without storing anything."""
    turn = _Turn(student, state, lesson, node, tools, [student.left_out] if student.left_out else [])
    if state.complete:
        turn.note("The lesson is complete already.")
        return turn.done(lesson.closing, state)
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
    found, wanted = _matched(question, student.text)
    if question.type == "draw" and student.drawing is not None and found < wanted:
        turn.note("A drawing came, and no model that sees is configured: its words are asked for.")
        return turn.done(
            "I cannot see drawings here. Tell me in words what yours shows, and I compare it with a good one.",
            turn.state,
        )
    asked = f"chunk {number}" if turn.state.exercise is None else f"the exercise of chunk {number}"
    turn.note(f"Compared the answer with {asked}: {found} of {wanted} points found.")
    right = found == wanted
    outcome: dict[str, Any] = await turn.tools.run(
        "record_exercise_result",
        {
            "exercise_prompt": question.ask,
            "student_answer": student.text[:_MATCHED_LIMIT],
            "is_correct": right,
            "score": round(found / wanted, 2),
            "feedback": turn.chunk.praise if right else "",
        },
    )
    turn.note(
        f"{outcome['correctCount']} of {outcome['totalAttempts']} answers right, mean {outcome['averageScore']:.2f}."
    )
    return await (_go_on(turn) if right else _try_again(turn))


async def _go_on(turn: _Turn) -> TutorTurn:
    chunk, state = turn.chunk, turn.state
    if state.exercise is not None:
        turn.note(f"The exercise is solved: back to the question of chunk {state.chunk + 1}.")
        return turn.done("Right. Now the question again.", _asking(replace(state, exercise=None), chunk.question))
    praise = chunk.praise or "That is right."
    following = state.chunk + 1
    if following >= len(turn.lesson.chunks):
        turn.note("That was the last chunk: the lesson is complete.")
        done = replace(state, complete=True, question="")
        return turn.done(f"{praise}\n\n{turn.lesson.closing}", done)
    next_chunk = turn.lesson.chunks[following]
    turn.note(f"Go on to chunk {following + 1} of {len(turn.lesson.chunks)}: {next_chunk.title}.")
    state = _asking(replace(state, chunk=following, wrong=0, explained=0), next_chunk.question)
    return turn.done(f"{praise}\n\n{next_chunk.teach}", state)


async def _try_again(turn: _Turn) -> TutorTurn:
    chunk, state = turn.chunk, replace(turn.state, wrong=turn.state.wrong + 1)
    hint = chunk.hints[min(state.wrong, len(chunk.hints)) - 1]
    if not turn.student.text:
        said = ["I did not get an answer.", hint]
    elif state.wrong >= TELL_AFTER:
        turn.note("Several wrong answers: say a good one, and ask for it in the student's words.")
        answer = turn.question.answer
        stop = "" if answer.endswith((".", "!", "?")) else "."
        said = [f"Not yet. A good answer is this. {answer}{stop}", "Now say it in your own words."]
    else:
        turn.note(f"Stay with chunk {state.chunk + 1} and give hint {min(state.wrong, len(chunk.hints))}.")
        said = ["Not quite.", hint]
    if state.wrong == TELL_AFTER - 1 and state.exercise is None:
        if chunk.examples:
            example = await turn.tools.run("generate_example", {"topic": chunk.title, "difficulty": "simple"})
            said.append(f"An example. {example['example']}")
        if chunk.exercises:
            made = await turn.tools.run("create_exercise", {"topic": chunk.title, "difficulty": "easy"})
            index = next(i for i, exercise in enumerate(chunk.exercises) if exercise.ask == made["exercise"])
            turn.note("An easier exercise comes first.")
            said.append("Try this first.")
            state = _asking(replace(state, exercise=index), chunk.exercises[index])
    return turn.done(" ".join(said), state)


async def _clarify(turn: _Turn) -> TutorTurn:
    chunk, state = turn.chunk, turn.state
    said = chunk.explain[min(state.explained, len(chunk.explain) - 1)] if chunk.explain else chunk.teach
    turn.note(f"Explain chunk {state.chunk + 1} in other words.")
    figure = ""
    if chunk.diagram:
        drawn = await turn.tools.run("visualize_concept", {"what": chunk.title, "style": "diagram"})
        figure = drawn["diagram"]
    if state.explained > 0 and chunk.examples:
        example = await turn.tools.run("generate_example", {"topic": chunk.title, "difficulty": "simple"})
        said = f"{said} {example['example']}"
    return turn.done(said, replace(state, explained=state.explained + 1), figure=figure, asks=False)


def _asking(state: LessonState, question: Question) -> LessonState:
    return replace(state, question=question.ask, question_type=question.type)


def _matched(question: Question, answer: str) -> tuple[int, int]:
    """Return the number of required points that an answer contains, and their total number."""
    written = answer.lower()[:_MATCHED_LIMIT]
    texts = [normalised(written)] + ([" ".join(written.split())] if question.type == "code" else [])
    found = sum(any(pattern(one).found_in(text) for one in group for text in texts) for group in question.accept)
    return found, len(question.accept)
