"""What is remembered of the devices of a source is kept once, not with each of its logs.

1. The source gets it: clocks that ran ahead or were put back, jumps, rhythms.
2. What its logs kept is taken over: where they differ, that of the log begun last.
"""

from django.db import migrations, models


def take_over(apps, schema_editor):
    alias = schema_editor.connection.alias
    logs = apps.get_model("leases", "LogProgress").objects.using(alias)
    for source in apps.get_model("leases", "LeaseSource").objects.using(alias):
        heard = {"ahead": {}, "leaps": {}, "back": {}, "rhythms": {}, "longest": 0}
        for kept in logs.filter(log__source=source).order_by("log_id").values_list("counts", flat=True):
            for name in ("ahead", "leaps", "rhythms"):
                heard[name] |= kept.get(name, {})
            for device, (clock, owed, at) in kept.get("back", {}).items():
                heard["back"][device] = [clock, at, [owed] if owed > 0 else []]
            heard["longest"] = max(heard["longest"], kept.get("longest", 0))
        # One that has written rightly since is not ahead.
        heard["ahead"] = {d: at for d, at in heard["ahead"].items() if source.clocks.get(d, at) == at}
        source.heard = heard
        source.save(update_fields=["heard"])


class Migration(migrations.Migration):
    dependencies = [("leases", "0012_holds_know_what_was_shown")]

    operations = [
        migrations.AddField("leasesource", "heard", models.JSONField(db_default={}, default=dict)),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
