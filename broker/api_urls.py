"""The API, version 1. Ids are UUIDs; no personal data in any address."""

from __future__ import annotations

from django.urls import path, re_path

from broker.api_input import NothingHere
from broker.assessment.api import Lines, PackQuestions, Questions
from broker.intake.api import Evidence, LineQuestions, OneRequest, Requests, RequestsFromCsv, Withdraw
from broker.orders.api import AttachOrder, CorrectTerms, OneOrder, RevokeOrder
from broker.parties.api import Courts
from broker.release.api import Package, Releases

app_name = "api"

urlpatterns = [
    path("courts/", Courts.as_view(), name="courts"),
    path("packs/<str:pack_id>/questions/", PackQuestions.as_view(), name="pack-questions"),
    path("requests/", Requests.as_view(), name="requests"),
    path("requests/csv/", RequestsFromCsv.as_view(), name="requests-csv"),
    path("requests/<uuid:request_id>/", OneRequest.as_view(), name="request"),
    path("requests/<uuid:request_id>/lines/", Lines.as_view(), name="lines"),
    path("requests/<uuid:request_id>/answers/", Questions.as_view(), name="answers"),
    path("requests/<uuid:request_id>/line-questions/", LineQuestions.as_view(), name="line-questions"),
    path("requests/<uuid:request_id>/evidence/", Evidence.as_view(), name="evidence"),
    path("requests/<uuid:request_id>/withdraw/", Withdraw.as_view(), name="withdraw"),
    path("requests/<uuid:request_id>/orders/", AttachOrder.as_view(), name="attach-order"),
    path("requests/<uuid:request_id>/releases/", Releases.as_view(), name="releases"),
    path("orders/<uuid:order_id>/", OneOrder.as_view(), name="order"),
    path("orders/<uuid:order_id>/terms/", CorrectTerms.as_view(), name="order-terms"),
    path("orders/<uuid:order_id>/revoke/", RevokeOrder.as_view(), name="revoke-order"),
    path("releases/<uuid:release_id>/package/", Package.as_view(), name="package"),
    re_path(r"", NothingHere.as_view(), name="nothing-here"),
]
