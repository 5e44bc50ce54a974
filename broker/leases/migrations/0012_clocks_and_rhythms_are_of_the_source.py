"""What is remembered of the devices of a source is kept once, not with each of its logs.

1. The source gets it: clocks that ran ahead or were put back, jumps, rhythms.
2. What its logs kept is taken over: where they differ, that of the log begun last.
"""

from django.db import migrations, models


def take_over(apps, schema_editor):
    progress = apps.get_model("leases", "LogProgress").objects.using(schema_editor.connection.alias)
    for kept in progress.select_related("log__source").order_by("log_id"):
        source = kept.log.source
        for name in ("ahead", "leaps", "rhythms"):
            source.heard[name] = source.heard.get(name, {}) | kept.counts.get(name, {})
        back = {device: [clock, heard, [owed] if owed > 0 else []] for device, (clock, owed, heard) in kept.counts.get("back", {}).items()}
        source.heard["back"] = source.heard.get("back", {}) | back
        source.heard["longest"] = max(source.heard.get("longest", 0), kept.counts.get("longest", 0))
        source.save(update_fields=["heard"])


class Migration(migrations.Migration):
    dependencies = [("leases", "0011_pools_have_ports")]

    operations = [
        migrations.AddField("leasesource", "heard", models.JSONField(db_default={}, default=dict)),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
