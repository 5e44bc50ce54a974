"""Import the stages' admins so that Django finds them, and name the site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group

from broker.assessment.admin import AssessmentRecordAdmin, PackVersionAdmin
from broker.decisions.admin import DisclosureRequestAdmin
from broker.release.admin import SealedReleaseAdmin

__all__ = ["AssessmentRecordAdmin", "DisclosureRequestAdmin", "PackVersionAdmin", "SealedReleaseAdmin"]

admin.site.site_title = "Disclosure broker"
admin.site.site_header = "Disclosure broker"
admin.site.index_title = "Legal staff of the operator"
# The portal sends legal staff here; a link back would go in a circle.
admin.site.site_url = None
# Roles are a property of the account; Django's groups mean nothing here.
admin.site.unregister(Group)
admin.site.index_template = "admin/broker/index.html"
# The pages put request, order and law side by side; they need the width.
admin.site.enable_nav_sidebar = False
