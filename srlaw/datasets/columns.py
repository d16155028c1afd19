"""Which column of a table is the user, the item, the time and the rating."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from srlaw.errors import InputError, listed, quoted

# In order of preference, compared without case, spaces and punctuation.
GUESSES: dict[str, tuple[str, ...]] = {
    role: tuple(names.split())
    for role, names in {
        "user": "userid user uid reviewerid customerid customer visitorid memberid accountid sessionid session",
        "item": "itemid item iid movieid videoid productid product asin sku articleid newsid trackid songid "
        "artistid bookid businessid contentid",
        "time": "timestamp timems unixreviewtime unixtime time ts eventtime datetime createdat date",
        "rating": "rating overall score stars",
    }.items()
}
REQUIRED = ("user", "item", "time")
NO_TIMES = "none"  # as the name of the time column: there is none, and the file is in order
_RECBOLE = re.compile(r"([^:]+):(token|token_seq|float|float_seq)")  # name and type in a header of RecBole
_LISTED = 12  # names that an error lists at most


def resolve(
    seen: Sequence[str], given: Mapping[str, str | None], file: str, separator: str | None = None
) -> dict[str, str]:
    """Map user, item, time and, if there is one, rating to column names; no time where ``given["time"] == "none"``.

    Args:
        seen: the column names of the file; those of RecBole, such as ``user_id:token``, count without their type.
        given: role → name that the caller gave, or None to guess.
        file, separator: what to call the file in an error, and what was taken to separate its fields.

    Raises:
        InputError: if a named column is absent or stands twice, a needed one cannot be guessed, or two roles share one.
    """
    names, columns = _untyped(seen, file), listed(seen, _LISTED)
    found: dict[str, str] = {}
    for role in GUESSES:
        name = given.get(role)
        if role == "time" and name == NO_TIMES:
            continue
        if name is None:
            name = _guess(names, role, file)
        elif name in seen:  # with its type
            name = names[list(seen).index(name)]
        elif name not in names:
            raise InputError(f"{file} has no column {quoted(name)} for the {role}; its columns are {columns}")
        if name is None and role in REQUIRED:
            raise InputError(
                f"{file} has no column that looks like the {role}; its columns are {columns}: "
                + _cure(role, seen, separator)
            )
        if name is not None:
            if name in found.values():
                raise InputError(f"{file}: column {quoted(name)} cannot be the {role} and something else as well")
            if Counter(names)[name] > 1:
                raise InputError(f"{file} has two columns {quoted(name)}; rename the one that is not the {role}")
            found[role] = name
    return {role: seen[names.index(name)] for role, name in found.items()}


def _untyped(seen: Sequence[str], file: str) -> list[str]:
    typed = [_RECBOLE.fullmatch(name) for name in seen]
    parts = [match.groups() for match in typed if match]
    if len(parts) < len(seen):
        return list(seen)
    for name, kind in parts:
        if kind == "token_seq" and _plain(name) in {f"{guess}list" for guess in GUESSES["item"]}:
            raise InputError(f"{file} has past items in its column {quoted(name)}; give the file with one event a line")
    return [name for name, _ in parts]


def _cure(role: str, seen: Sequence[str], separator: str | None) -> str:
    header = "".join(seen)
    other = max(";|\t,", key=header.count)
    if separator and other != separator and header.count(other):
        return f"if fields are separated by {other!r}, pass separator={other!r} (--separator {other!r})"
    if all(name.lstrip("-").replace(".", "").isdigit() for name in seen):
        return "its first line must name the columns, such as user, item and time, so put a header line above the rows"
    ordered = ", or time='none' (--time none) if each user's events stand in order" if role == "time" else ""
    return f"name it with {role}=… (--{role} …){ordered}"


def _guess(names: Sequence[str], role: str, file: str) -> str | None:
    for guess in GUESSES[role]:
        fitting = list(dict.fromkeys(name for name in names if _plain(name) == guess))
        if len(fitting) > 1:
            both = " and ".join(map(quoted, fitting[:2]))
            raise InputError(f"{file} has {both}, which both look like the {role}; rename one of them")
        if fitting:
            return fitting[0]
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
