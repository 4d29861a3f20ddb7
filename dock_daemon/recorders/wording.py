"""What is said of a recorder that could not tell something. Pure."""

from config.messages import term


def trouble(code: str, lang: str) -> str:
    """Return what happened and what to do, by the code of a RecorderError (`Greeting.troubles`)."""
    return term("recorder-error", code, lang)
