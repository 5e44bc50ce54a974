"""All addresses."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    # Browsers ask for it on every page that names no icon, the admin's among them.
    path("favicon.ico", RedirectView.as_view(url=static("portal/seal.svg"))),
    path("admin/", admin.site.urls),
    path("api/v1/", include("broker.api_urls")),
    path("", include("broker.portal.account_urls")),
    path("", include("broker.portal.urls")),
]

handler400 = "broker.api_errors.bad_request"
handler403 = "broker.api_errors.forbidden"
handler404 = "broker.api_errors.not_found"
handler429 = "broker.api_errors.too_many"
handler500 = "broker.api_errors.broken"
