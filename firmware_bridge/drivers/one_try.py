"""A password that is tried once. Recorders lock themselves after a few wrong ones.

Until the recorder has said that it takes the password, it is not sent a second time: not when
it was refused, and not when the answer was lost, for it may have been a refusal.
"""

from typing import Final

from firmware_bridge.capabilities import PasswordSource
from firmware_bridge.errors import NoPasswordError, WrongPasswordError

_LOST: Final = "it was tried, and the recorder's answer to that was lost"


class OneTry:
    """The password of one opening, and what the recorder has said of it so far."""

    def __init__(self, source: PasswordSource) -> None:
        self._source = source
        self._word: str | None = None
        self._is_in_doubt = False
        self._accepted = False
        self._refused = False

    @property
    def is_accepted(self) -> bool:
        """Whether the recorder took it."""
        return self._accepted

    def word(self) -> str:
        """Return the password, to be sent right now.

        Raises WrongPasswordError once the recorder refused it, NoPasswordError when there is
        none that may be tried, or the answer to the one try was lost.
        """
        if self._refused:
            raise WrongPasswordError
        if self._word is None:
            self._word = self._source.take()
        elif self._is_in_doubt:
            raise NoPasswordError(_LOST)
        self._is_in_doubt = not self._accepted
        return self._word

    def unsent(self) -> None:
        """Note that it did not leave the dock after all: the one try is not spent."""
        self._is_in_doubt = False

    def accepted(self) -> None:
        """Note that the recorder took it: from here on it may be sent again."""
        self._accepted = True
        self._is_in_doubt = False

    def refused(self) -> WrongPasswordError:
        """Note that the recorder refused it, and return the error that says so."""
        self._refused = True
        self._accepted = False
        self._word = ""
        self._source.refused()
        return WrongPasswordError()
