import pytest, json
from tests.support.cases import *
pytestmark=pytest.mark.django_db
def test_x():
    desk=make_desk()
    import time
    t=time.time()
    r=make_reviewed(desk,3)
    print("t",time.time()-t, states(r))
    for c in r.orders.get().checks.all(): print(c.number,c.code,c.title,c.passed,c.detail,c.line_id)
    a=r.lines.first().assessments.latest("sequence")
    print(len(a.record.content)); open("/tmp/g/a.json","w").write(json.dumps(json.loads(a.record.content),indent=1))
    from legal_rules import explain
    print(explain.as_text(json.loads(a.record.content)))
