"""An embedded PostgreSQL 18 for trying and testing, with nothing to install or configure.

`Cluster(folder).running()` is the whole interface. The server listens on a unix socket in a private folder
and on no network; it trusts every process of this user, so the walls between the stores need a real server.
Not here: the schema and the roles, and anything of Django.
"""

from broker.embedded.cluster import Cluster
from broker.embedded.errors import EmbeddedError

__all__ = ["Cluster", "EmbeddedError"]
