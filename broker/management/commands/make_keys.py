"""Make the keys of this deployment, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from broker.crypto.epochs import new_epoch, save_private, save_public
from broker.crypto.seal_certificate import make_demo_seal
from broker.crypto.suites import HPKE_HYBRID, HPKE_X25519, ml_kem_available
from broker.private_files import write_private


class Command(BaseCommand):
    help = "Make the epoch key pair, and a throw-away seal certificate for trying; keys that exist are kept."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.KEY_DIR
        if not (folder / "epoch.public").exists():
            epoch = new_epoch(1, HPKE_HYBRID if ml_kem_available() else HPKE_X25519)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            save_private(epoch, folder / "epoch.private")
            save_public(epoch.public, folder / "epoch.public")
            self.stdout.write("Made the epoch key pair: epoch.private for the worker, epoch.public for the feeder.")
        if not (folder / "seal.crt").exists():
            now = timezone.now()
            seal = make_demo_seal(
                "Operator under test", valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=3650)
            )
            write_private(folder / "seal.key", seal.key)
            write_private(folder / "seal.crt", seal.certificate)
            self.stdout.write(
                "Made a throw-away seal certificate. For real use put your own in its place: seal.key, seal.crt."
            )
