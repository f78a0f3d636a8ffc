"""The words of closed classes: articles, pronouns, prepositions, auxiliaries, question words."""

FUNCTION_WORDS = frozenset(
    (
        "a about after again all am an and any anything are as at be because been before being but by can cannot could "
        "did do does for from had has have he her here him his how i if in into is it its just let may me might more "
        "must my no not nothing now of off on one or our out over please she should so some something than that the "
        "their them then there these they this those to too under until up us was we were what when where which while "
        "who whom whose why will with without would yes you your yours"
    ).split()
)
