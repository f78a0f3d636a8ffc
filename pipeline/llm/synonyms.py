"""Words of one meaning in conversations, one group a line: matching by words takes those of a group as the same.

A word stands in one group at most. Where two words are the same in some sentences only, examples have both.
"""

from functools import lru_cache

from pipeline.search.words import stem

_GROUPS = """
    afraid scared frightened anxious nervous worried fear fears worry worries fearful terrified panic
    angry mad furious annoyed irritated cross
    sad unhappy down depressed
    hurt hurts pain painful ache aches sore sting discomfort
    buy bought purchase purchased got
    computer laptop notebook machine pc device macbook
    broken broke dead died dies fail fails failed failing stopped crash crashed kaput defective
    repair repaired fix fixed mend mended
    replace replacement exchange swap new
    refund reimburse reimbursement money cash
    receipt invoice bill proof
    cost costs price expensive pay paid fee
    free gratis complimentary
    files data documents pictures photos photo picture stuff
    backup backups copy copies copied
    lend loan loaner borrow spare temporary
    quick quickly fast soon hurry rush
    son boy kid child children kids daughter sons
    mother mom mum mama parent parents
    husband spouse wife married partner
    siblings brother brothers sister sisters
    college university school campus
    grades grade marks mark gpa results result scores score
    records record file transcript
    study studies studying major degree subject course courses
    class classes
    form paper papers paperwork document waiver slip
    sign signs signed signature
    permission consent approval authorization permit
    allowed permitted
    law rule rules government regulation regulations policy legal ferpa
    help assist support
    counselor counsellor counseling counselling advisor adviser dean therapist
    phone telephone call calls called calling ring rings text
    email mail
    online website web internet portal
    name called
    live lives living home house apartment dorm dormitory
    job work works occupation living career profession employed
    boss manager supervisor
    doctor physician specialist radiologist sonographer
    nurse
    test scan ultrasound examination exam procedure sonogram
    tummy belly stomach abdomen
    breakfast lunch supper dinner meal
    eat ate eaten food eating
    drink drank water tea coffee
    medicine medicines medication tablet tablets pill pills drugs
    sleep slept rest sleeping
    bed couch
    clothes shirt top gown blouse
    begin start starts started beginning
    finish finished end ended over
    talk talked speak spoke chat speaking talking
    tell told inform
    happen happened happens
    wrong matter problem trouble issue problems
    long lengthy
    meeting appointment
    pet pets cat dog animal
    hobby hobbies
    weather rain sun sunny raining
    old age
    bus buses route
    drive drove driving driver
    wait waited waiting
    queue line lines
    sit seat
    hand hands
    understand understood
    think thought believe opinion
    want wants wish
    need needs
    see saw seen look looked looking
    show shows shown
    switch turn press
    on
    send sends sent deliver
    keep holding hold
"""


@lru_cache(maxsize=1)
def _meanings() -> dict[str, str]:
    named: dict[str, str] = {}
    for group in _GROUPS.strip().splitlines():
        words = group.split()
        for word in words:
            named.setdefault(stem(word), stem(words[0]))
    return named


def meaning_of(word: str) -> str:
    """Return what stands for a word of a normalised text and for all that mean the same: a stem."""
    stemmed = stem(word)
    return _meanings().get(stemmed, stemmed)
