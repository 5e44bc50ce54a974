"""Proceedings gain emergencies; an answer carries the natural person behind its account.

Facts that take two people count persons, not accounts, and the processes that assess may not read accounts. The
database writes the person itself, so that nobody answers as somebody else. Answers from before this migration carry
one and the same person: no question of that time asked for two.
"""

import uuid

from django.db import migrations, models

PROCEEDINGS = [
    ("civil", "Civil"),
    ("criminal", "Criminal"),
    ("administrative", "Administrative"),
    ("emergency", "Emergency"),
]

FORWARD = """
CREATE FUNCTION fact_answer_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.person := (SELECT person_id FROM user_account WHERE id = NEW.answered_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER fact_answer_person BEFORE INSERT ON fact_answer FOR EACH ROW EXECUTE FUNCTION fact_answer_person();
"""
BACK = """
DROP TRIGGER fact_answer_person ON fact_answer;
DROP FUNCTION fact_answer_person();
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0008_invitations_scopes_and_limits")]

    operations = [
        *(
            migrations.AlterField(
                model_name=model,
                name="proceeding",
                field=models.CharField(choices=PROCEEDINGS, max_length=16),
            )
            for model in ("disclosurerequest", "orderterms")
        ),
        migrations.AddField(
            model_name="factanswer",
            name="person",
            field=models.UUIDField(default=uuid.UUID(int=0)),
            preserve_default=False,
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
