"""The admin site: for legal staff with a second factor, under our log-in and our content policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.decorators import secure_admin_login
from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from broker.parties.second_factor import is_shown


class BrokerAdminSite(AdminSite):
    """Django's admin; log-in, passwords and second factors are the portal's business."""

    site_title = site_header = "Disclosure broker"
    index_title = "Legal staff of the operator"
    # The portal sends legal staff here; a link back would go in a circle.
    site_url = None
    index_template = "admin/broker/index.html"
    # The pages put request, order and law side by side; they need the width.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in legal staff whose session has shown a second factor; the middleware asks for it before."""
        return super().has_permission(request) and is_shown(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to the one log-in there is."""
        arrive: Callable[..., HttpResponse] = secure_admin_login(lambda request: redirect("admin:index"))
        return arrive(request)

    def password_change(  # type: ignore[override] # a redirect is a response as good as a page
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        # Scripts of the admin are files of its own, which its templates name without a nonce.
        return csp_replace({"script-src": [SELF]})(super().admin_view(view, cacheable))
