"""The pages. References and ids are random and tell nothing."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from broker.portal.views import account, events, keys, orders, public, requests

app_name = "portal"

urlpatterns = [
    path("", public.home, name="home"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("invitation/", account.invitation, name="invitation"),
    path("account/sessions/", account.list_sessions, name="sessions"),
    path("account/sessions/end/", account.end_session, name="end-session"),
    path("help/", public.help_page, name="help"),
    path("help/open_release.sh", public.opening_script, name="opening-script"),
    path("help/operator-certificate.pem", public.operator_certificate, name="operator-certificate"),
    path("requests/", requests.list_requests, name="requests"),
    path("requests/new/", requests.new_request, name="new-request"),
    path("requests/<str:reference>/", requests.show_request, name="request"),
    path("requests/<str:reference>/withdraw/", requests.withdraw, name="withdraw"),
    path("requests/<str:reference>/answers/", requests.answer, name="answer"),
    path("requests/<str:reference>/line-questions/", requests.answer_about_line, name="line-questions"),
    path("requests/<str:reference>/evidence/", requests.evidence, name="evidence"),
    path("requests/<str:reference>/orders/new/", orders.new_order, name="new-order"),
    path("orders/<uuid:order_id>/", orders.show_order, name="order"),
    path("orders/<uuid:order_id>/terms/", orders.new_terms, name="order-terms"),
    path("orders/<uuid:order_id>/revoke/", orders.revoke, name="revoke-order"),
    path("orders/<uuid:order_id>/document/", orders.document, name="order-document"),
    path("releases/<uuid:release_id>/package/", requests.package, name="package"),
    path("keys/", keys.show_keys, name="keys"),
    path("keys/recipient/", keys.register_key, name="register-key"),
    path("keys/api/", keys.make_api_key, name="make-api-key"),
    path("keys/api/revoke/", keys.revoke_key, name="revoke-api-key"),
    path("events/", events.list_events, name="events"),
]
