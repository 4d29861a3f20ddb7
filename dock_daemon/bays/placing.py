"""Which bay a piece of news is for: by the physical port, and by what a profile knows."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from config.settings import Bay
from dock_daemon.bays.bay_states import Event
from dock_daemon.bays.media import Appeared, ChannelAppeared, Gone, MediumAppeared
from dock_daemon.recorders import matching
from dock_daemon.recorders.matching import Profile

log = logging.getLogger(__name__)


class Placing:
    """Hands what hotplug tells to the bays. A channel that no profile knows is nobody's."""

    def __init__(
        self,
        bays: Iterable[Bay],
        posts: Mapping[str, Callable[[Event], None]],
        profiles: Sequence[Profile],
    ) -> None:
        self._bay_at = {port: bay.name for bay in bays for port in bay.ports}
        self._posts = posts
        self._profiles = profiles
        self._place_of: dict[str, str] = {}
        self._unmapped: dict[str, Appeared] = {}

    @property
    def unmapped(self) -> list[Appeared]:
        """What is at ports that are no bays."""
        return list(self._unmapped.values())

    def tell(self, event: Appeared | Gone) -> None:
        """Hand one piece of news to its bay."""
        match event:
            case ChannelAppeared():
                if matching.of_channel(self._profiles, event.seen):
                    self._appeared(event)
            case MediumAppeared():
                expects = matching.expects_channel(self._profiles, event.seen)
                self._appeared(replace(event, expects_channel=expects))
            case _:
                self._unmapped.pop(event.sys_path, None)
                if (name := self._place_of.pop(event.sys_path, None)) is not None:
                    self._posts[name](event)

    def _appeared(self, event: Appeared) -> None:
        name = next((self._bay_at[one] for one in event.ports if one in self._bay_at), None)
        if name is None:
            self._unmapped[event.sys_path] = event
            log.warning(
                "%s is at port %s, which is no bay; to make it one, add to the"
                ' configuration: [[bays]] name = "…" ports = ["%s"]',
                event.node,
                event.port,
                event.port,
            )
        elif name not in self._posts:
            log.warning("%s is in bay %s, which is disabled", event.node, name)
        else:
            self._place_of[event.sys_path] = name
            self._posts[name](event)
