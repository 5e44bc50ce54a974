import os, subprocess, json
import pytest
from django.test import Client
from tests.support.flow import Flow, load_stores, civil_terms, HIT, SHARED, PASSWORD
from tests.support.cases import make_line
from broker.parties.models import Organisation, Role, User
pytestmark = pytest.mark.django_db(databases=["default","leases","identities"], transaction=True)

def cookie(user):
    c = Client(); c.force_login(user); return c.cookies["sessionid"].value

def test_shots(live_server):
    load_stores()
    flow = Flow.create()
    w = flow.world
    waiting = flow.file([{**make_line(n)} for n in range(1, 251)]); flow.run()
    refused = flow.file([HIT], measure="disconnection"); flow.run()
    crim = flow.file([HIT, SHARED], facts={}); flow.run()
    done = flow.released([HIT])
    partly = flow.file([HIT, SHARED])
    o = flow.attach(partly, civil_terms([HIT])); flow.run()
    bad = flow.file([HIT]); ob = flow.attach(bad, civil_terms([HIT]), flow.signed_order()+b"xx"); flow.run()
    for r in (waiting, refused, crim, done, partly, bad):
        print(r.reference, list(r.lines.values_list("state", flat=True)[:3]))
    people = {u.role: u for u in User.objects.all()}
    counsel, clerk = flow.person("carla"), flow.person("marta")
    shots = []
    def add(name, user, path): shots.append([name, cookie(user) if user else "", path])
    add("login", None, "/login/"); add("help", None, "/help/"); add("404", None, "/nix/")
    add("list", counsel, "/requests/"); add("new", counsel, "/requests/new/")
    for n, r in (("waiting", waiting), ("refused", refused), ("incomplete", crim), ("done", done)):
        add("req-"+n, counsel, f"/requests/{r.reference}/")
    add("keys", counsel, "/keys/")
    add("clerk-list", clerk, "/requests/"); add("clerk-req", clerk, f"/requests/{waiting.reference}/")
    add("clerk-new", clerk, f"/requests/{waiting.reference}/orders/new/")
    add("order", clerk, f"/orders/{o.id}/"); add("order-bad", clerk, f"/orders/{ob.id}/"); add("terms", clerk, f"/orders/{o.id}/terms/")
    add("events", people["auditor"], "/events/"); add("403", clerk, "/requests/new/")
    json.dump({"base": live_server.url, "shots": shots, "user": counsel.username, "password": PASSWORD, "only": os.environ.get("ONLY","")}, open("/tmp/shots/plan.json", "w"))
    r = subprocess.run(["/tmp/v/bin/python", "/tmp/shots/shoot.py"], capture_output=True, text=True, timeout=300)
    print(r.stdout, r.stderr[-3000:]); assert r.returncode == 0
