"""`sealdock serve`: the published log and what belongs to it, over HTTP."""

import asyncio
import logging
import signal
import ssl
from typing import Final

import click

from config.errors import ConfigError
from config.messages import say
from config.settings import Web
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.notify import Notifier
from dock_daemon.web.app import application
from dock_daemon.web.core import Core
from transport import listening
from transport.errors import TlsFileError
from transport.limits import Limits
from transport.serving import serve as serve_http
from transport.threads import Threads
from transport.tls import Renewal, server_context

log = logging.getLogger("sealdock")

_PULSE_S: Final = 10.0
# Under TLS a client costs 0.3 MB while it idles, and 0.8 while it takes a clip slowly.
_LIMITS: Final = Limits(connections=200)
_READERS: Final = 8  # threads: more do not make a disk faster, and one that is stuck is one less
_PAIRS: Final = (("key", "cert"), ("cert", "key"), ("cert", "client_ca"), ("client_ca", "crl"))
"""What is missing where it is empty, and the other is given."""


@click.command(
    epilog="""\b
Examples:
  sealdock serve
  sealdock serve --listen 127.0.0.1:0 --state ./trial"""
)
@click.option("--listen", metavar="ADDRESS:PORT", help="Where to listen; port 0 picks a free one.")
@common_options
def serve(invocation: Invocation, *, listen: str | None) -> None:
    """Serve the published log, manifests and clips over HTTP, to be read only.

    Says the address once it listens. Without a certificate only this machine can be listened
    to; who is given documents and clips, the role in his certificate says. Reads published
    files, and asks the daemon, which need not run yet. Ends in good order on SIGTERM or Ctrl-C.
    """
    logging.getLogger().setLevel(logging.INFO)
    web = invocation.loaded.settings.web
    listen = listen or web.listen
    _check(invocation, web, listen)
    tls = _tls(web)
    renewal = Renewal(tls, cert=web.cert, key=web.key, crl=web.crl) if tls else None
    asyncio.run(_serve(invocation, listen, tls, renewal))


async def _serve(
    invocation: Invocation, listen: str, tls: ssl.SSLContext | None, renewal: Renewal | None
) -> None:
    notifier = Notifier.from_environment()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    core, files = Core(invocation.state), Threads(_READERS, "files")

    def ready(address: str) -> None:
        _say(invocation, address, guarded=tls is not None)
        notifier.ready()

    pulse = asyncio.create_task(_pulse(notifier, renewal))
    try:
        app = application(invocation.state, core, invocation.lang, files=files)
        await serve_http(app, listen, tls=tls, stop=stop, ready=ready, limits=_LIMITS)
    finally:
        notifier.stopping()
        pulse.cancel()
        core.close()
        files.close()


async def _pulse(notifier: Notifier, renewal: Renewal | None) -> None:
    """Feed the watchdog for as long as the loop turns; take up certificates that were renewed."""
    while True:
        notifier.alive()
        await asyncio.sleep(_PULSE_S)
        try:
            if renewal is not None and renewal.look():
                log.info("certificates and revocation list taken up anew")
        except TlsFileError as error:
            log.warning("%s; what was loaded before goes on", error)


def _say(invocation: Invocation, address: str, *, guarded: bool) -> None:
    url = f"{'https' if guarded else 'http'}://{address}"
    if invocation.json:
        click.echo(json_line({"message_type": "status", "schema": SCHEMA, "listening": url}))
        return
    origin = invocation.loaded.settings.dock.origin
    click.echo(say("serve.listening", invocation.lang, origin=origin, url=url))
    if not invocation.loaded.settings.web.client_ca:
        click.echo(say("serve.log-only", invocation.lang))


def _check(invocation: Invocation, web: Web, listen: str) -> None:
    """Raise ConfigError where the settings would serve to whom they must not."""
    origins = invocation.loaded.origins
    for missing, given in _PAIRS:
        if getattr(web, given) and not getattr(web, missing):
            raise ConfigError(
                "web-half",
                source=origins[f"web.{given}"],
                where=f"$.web.{missing}",
                given=f"web.{given}",
                missing=f"web.{missing}",
            )
    if not web.cert and not listening.is_loopback(listen):
        source = origins["web.listen"] if listen == web.listen else "flag --listen"
        raise ConfigError("web-open", source=source, where="$.web.listen", listen=listen)


def _tls(web: Web) -> ssl.SSLContext | None:
    """Return the TLS of the settings: who may not show a certificate gets no further."""
    if not web.cert:
        return None
    return server_context(cert=web.cert, key=web.key, client_ca=web.client_ca, crl=web.crl)
