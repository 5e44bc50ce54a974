import pytest, json, time, re
from django.test import Client
from tests.support.cases import *
from django.db import connection
from django.test.utils import CaptureQueriesContext
pytestmark=pytest.mark.django_db
def test_x():
    desk=make_desk()
    r=make_reviewed(desk,3)
    c=Client(); c.force_login(desk.ana)
    for url in ["/admin/","/admin/broker/disclosurerequest/",f"/admin/broker/disclosurerequest/{r.id}/change/"]:
        with CaptureQueriesContext(connection) as q:
            t=time.time(); x=c.get(url); print(url,x.status_code,len(q),time.time()-t)
        open("/tmp/g/out.html","wb").write(x.content)
        assert x.status_code==200
    t=r.orders.get().terms.get()
    for url in [f"/admin/broker/disclosurerequest/terms/{t.id}/",f"/admin/broker/disclosurerequest/orders/{t.order_id}/document/","/admin/broker/packversion/","/admin/broker/assessmentrecord/","/admin/broker/sealedrelease/"]:
        assert c.get(url).status_code==200,url
