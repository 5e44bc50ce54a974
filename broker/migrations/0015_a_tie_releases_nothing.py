"""A stalemate means no release: where both gradings come to a tie, nobody concludes for a disclosure.

As a step that both found failed, which nothing makes up for. Conclusions of before stand on record, and open no
approval any more.
"""

from django.db import migrations

BARRED = """
CREATE OR REPLACE FUNCTION balancing_is_barred(p_balancing uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT grading_reading(a) IN (%s)
       AND grading_reading(b) IN (%s)
      FROM balancing_grading a JOIN balancing_grading b USING (balancing_id)
     WHERE a.balancing_id = p_balancing AND a.seat = 1 AND b.seat = 2 $$;
"""
FAILED = "'unsuitable', 'unnecessary', 'uncertain'"
ENDED = f"{FAILED}, 'stalemate'"


class Migration(migrations.Migration):
    dependencies = [("broker", "0014_nobody_grades_what_they_saw_graded")]
    operations = [migrations.RunSQL(BARRED % (ENDED, ENDED), BARRED % (FAILED, FAILED))]
