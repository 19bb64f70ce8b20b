"""Where settings stand: the environment, a `.env` file, and files of secrets. Raw texts and places.

Refuses what only looks right: quotes, invisible characters, line ends, giants. Never shows a value.
"""

import difflib
import io
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from app.core.errors import ConfigError
from services.secrets import is_sealed

MAX_VALUE = 8 * 1024
MAX_SEALED = 2 * MAX_VALUE  # of a sealed text, which is longer than what is in it
MAX_FILE = 64 * 1024
OWN_PREFIX = "TRADER_"
_ENVIRONMENT = "environment"
_QUOTES = "\"'`"


@dataclass(frozen=True, slots=True)
class Raw:
    """One setting as found. `place` is for people: "environment" or ".env line 3". `from_file`: by way of X_FILE."""

    name: str
    text: str
    place: str
    from_file: bool = False


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or ""."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


Leave = Callable[[Mapping[str, str]], frozenset[str]]  # raw texts as given → names that are left unread


def read_sources(
    environ: Mapping[str, str], env_file: Path | None, names: set[str], secrets: set[str], leave: Leave | None = None
) -> dict[str, Raw]:
    """Each setting that is given, by name; the environment wins over the file. Empty means not given."""
    found: dict[str, Raw] = {}
    for layer in read_layers(environ, env_file, names, secrets, leave):
        found.update(layer)
    return found


def read_layers(
    environ: Mapping[str, str], env_file: Path | None, names: set[str], secrets: set[str], leave: Leave | None = None
) -> tuple[dict[str, Raw], dict[str, Raw]]:
    """What the file gives, and what the environment gives. No file of a name that is left unread is opened."""
    known = names | {f"{name}_FILE" for name in secrets}
    layers = from_env_file(env_file, known), from_environment(environ, known)
    if leave is not None:
        left = leave({name: raw.text for layer in layers for name, raw in layer.items() if raw.text})
        for layer in layers:
            for name in left & set(layer):
                del layer[name]
    file, environment = layers
    return resolved(file, secrets), resolved(environment, secrets)


def as_they_stand(
    environ: Mapping[str, str], env_file: Path | None, names: set[str], secrets: set[str]
) -> dict[str, Raw]:
    """What is given where, the environment over the file. `X_FILE` stands under that name: its file is not opened."""
    known = names | {f"{name}_FILE" for name in secrets}
    found = {**from_env_file(env_file, known), **from_environment(environ, known)}
    return {name: raw for name, raw in found.items() if raw.text}


def from_environment(environ: Mapping[str, str], known: set[str]) -> dict[str, Raw]:
    raws = {}
    for name, text in environ.items():
        if name in known:
            raws[name] = Raw(name, text, _ENVIRONMENT)
        elif name.upper().startswith(OWN_PREFIX):
            raise _unknown(name, _ENVIRONMENT, known)
    return raws


def from_env_file(path: Path | None, known: set[str]) -> dict[str, Raw]:
    if path is None or not path.exists():
        return {}
    raws: dict[str, Raw] = {}
    for binding in parse_stream(io.StringIO(file_text(path, str(path), MAX_FILE))):
        place = f"{path} line {binding_line(binding)}"
        if binding.error:
            raise ConfigError(f"{place}: cannot be read; write NAME=value and close each quote")
        if binding.key is None:
            continue
        name = binding.key
        if name in raws:
            raise ConfigError(f"{place}: {name} is given twice; remove one of the lines")
        if name not in known:
            refuse_misspelt(name, place, known)
            continue
        if binding.value is None:
            raise ConfigError(f"{place}: {name} has no value; write {name}=value or remove the line")
        raws[name] = Raw(name, binding.value, place)
    return raws


def binding_line(binding: Binding) -> int:
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def refuse_misspelt(name: str, place: str, known: set[str]) -> None:
    """Others' names may stand in a shared file; one that is ours but for a slip may not."""
    if name.upper().startswith(OWN_PREFIX) or difflib.get_close_matches(name.upper(), list(known), n=1, cutoff=0.85):
        raise _unknown(name, place, known)


def _unknown(name: str, place: str, known: set[str]) -> ConfigError:
    meant = nearest(name.upper(), known)
    cure = f"did you mean {meant}?" if meant else "docs/settings.md lists all names"
    shown = name if name.isprintable() and len(name) <= 60 else "a name"
    return ConfigError(f"{place}: {shown} is not a setting; {cure}")


def resolved(layer: dict[str, Raw], secrets: set[str]) -> dict[str, Raw]:
    """Follow `X_FILE` for secrets, drop what is empty, check what is left."""
    found = {}
    for name, raw in layer.items():
        if raw.text == "":
            continue
        _check(raw)
        owner = name.removesuffix("_FILE")
        if name != owner and owner in secrets:
            if owner in layer and layer[owner].text != "":
                raise ConfigError(f"{raw.place}: {owner} and {name} are both given; keep one")
            found[owner] = _secret_from(raw, owner)
        else:
            found[name] = raw
    return found


def _secret_from(raw: Raw, owner: str) -> Raw:
    place = f"{raw.place}: file of {raw.name}"
    path = Path(raw.text)
    if not path.is_file():
        raise ConfigError(f"{raw.place}: {raw.name} names a file that is not there; correct the path")
    text = file_text(path, place, MAX_SEALED)
    if len(text) > MAX_VALUE and not is_sealed(text):
        raise ConfigError(f"{place}: is larger than {MAX_VALUE // 1024} KB; shorten it")
    text = text.removesuffix("\n")
    if not text:
        raise ConfigError(f"{place}: it is empty; write the value into it or remove {raw.name}")
    secret = Raw(owner, text, place, from_file=True)
    _check(secret)
    return secret


def file_text(path: Path, place: str, most: int) -> str:
    """The whole of a small UTF-8 file with LF line ends, or a ConfigError that says what else it is."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"{place}: cannot be read ({error.strerror}); check path and permissions") from error
    if len(data) > most:
        raise ConfigError(f"{place}: is larger than {most // 1024} KB; shorten it")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{place}: begins with a byte order mark; save it as UTF-8 without one")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{place} line {line}: is not UTF-8 text; save the file as UTF-8") from error
    if "\r" in text:
        line = text[: text.index("\r")].count("\n") + 1
        raise ConfigError(f"{place} line {line}: has Windows line ends (CR LF); save it with LF line ends")
    return text


def _check(raw: Raw) -> None:
    """Refuse a value that carries more than it shows."""
    if wrong := flaw(raw.text):
        raise ConfigError(f"{raw.place}: {raw.name} {wrong}")


def flaw(text: str) -> str:
    """What is wrong with a text, whatever it is for; it never shows the text."""
    if len(text) > (MAX_SEALED if is_sealed(text) else MAX_VALUE):
        return f"is {len(text)} characters long; at most {MAX_VALUE} are allowed, shorten it"
    if text.endswith("\r"):
        return "ends with a carriage return; save the file it comes from with LF line ends"
    if text != text.strip():
        return "begins or ends with a blank; remove it"
    if text[0] in _QUOTES and len(text) > 1 and text[-1] == text[0]:
        return "is wrapped in quotes; remove them"
    for character in text:
        kind = unicodedata.category(character)
        if kind == "Cs":
            return "is not UTF-8 text; type it again"
        if kind in ("Cc", "Cf", "Zl", "Zp"):
            return f"contains an invisible character (U+{ord(character):04X}); type the value again"
    return ""
