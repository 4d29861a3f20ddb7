"""`sealdock-central run`: the server, in the foreground; systemd keeps it there."""

import asyncio
import logging
import signal
import ssl
from typing import Final

import click

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.faults import EXPECTED
from central.pull.keeping import Keeping
from central.web.app import app
from config.central_settings import Web
from transport import tls
from transport.errors import TlsFileError
from transport.serving import serve
from transport.tls import Renewal

log = logging.getLogger("sealdock.central")

_RENEWAL_S: Final = 5.0


@click.command(
    epilog="""\b
Examples:
  sealdock-central run
  sealdock-central run --state ./trial"""
)
@common_options
def run(invocation: Invocation) -> None:
    """Be the centre: witness, mirror, overview.

    Logs go to stderr. With --json they are JSON, and stdout says once where we listen. Ends in
    good order on SIGTERM or Ctrl-C.
    """
    logging.getLogger().setLevel(logging.INFO)
    # It would tell of each request that a dock is asked: many a second, all of them well.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    web = invocation.loaded.settings.web
    context = _tls(web)
    renewal = Renewal(context, cert=web.cert, key=web.key, crl=web.crl) if context else None
    centre = Centre.open(invocation.loaded, signs=True)
    try:
        asyncio.run(_serve(centre, invocation, context, renewal))
    finally:
        centre.close()


async def _serve(
    centre: Centre,
    invocation: Invocation,
    context: ssl.SSLContext | None,
    renewal: Renewal | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(address: str) -> None:
        docks = len(centre.register.docks())
        log.info("listening on %s, %d docks, state %s", address, docks, invocation.state)
        if invocation.json:
            told = {"message_type": "listening", "schema": SCHEMA, "address": address}
            click.echo(json_line(told))

    listen = centre.loaded.settings.web.listen
    keeping = Keeping(centre)
    try:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(keeping.run())]
            if renewal is not None:
                beside.append(group.create_task(_renewed(renewal)))
            await serve(app(centre), listen, tls=context, stop=stop, ready=ready)
            for task in beside:
                task.cancel()
    except ExceptionGroup as group:
        expected, others = group.split(EXPECTED)
        if others is not None or expected is None:
            raise
        # One reason is enough to know why the centre stops.
        raise expected.exceptions[0] from None
    finally:
        keeping.close()


async def _renewed(renewal: Renewal) -> None:
    """Take up a certificate or revocation list that was replaced."""
    while True:
        await asyncio.sleep(_RENEWAL_S)
        try:
            if renewal.look():
                log.info("certificates and revocation list taken up anew")
        except TlsFileError as error:
            log.warning("%s; what was loaded before goes on", error)


def _tls(web: Web) -> ssl.SSLContext | None:
    if not web.cert:
        return None
    return tls.server_context(cert=web.cert, key=web.key, client_ca=web.client_ca, crl=web.crl)
