"""Balancing by people: what the law leaves to judgement, graded by two, concluded by name and with reasons.

1. An assessment that NEEDS_JUDGEMENT names its weighings, reviews and conflicts. Each is settled once for one
   assessment record, and so for all lines of the request whose facts are the same.
2. A weighing is graded by two people, each before seeing what the other gave. A grading is final: nobody edits it and
   nothing replaces it, because a grade given after seeing another's is no second opinion.
3. Who concludes gives reasons. Where the two differ, or the conclusion goes against the formula, a third person
   reviews it with reasons of their own.
4. A review or a conflict is one question, concluded with reasons and without grades.
5. Lines may be approved when everything the record names is concluded for the disclosure (`selectors.is_judged`; the
   database decides the same by itself).
"""
