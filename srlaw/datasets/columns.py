"""Which column of a table is the user, the item, the time and the rating."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from srlaw.errors import InputError

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


def resolve(seen: Sequence[str], given: Mapping[str, str | None], file: str) -> dict[str, str]:
    """Map user, item, time and, if there is one, rating to column names.

    Args:
        seen: the column names of the file.
        given: role → name that the caller gave, or None to guess.
        file: what to call the file in an error.

    Raises:
        InputError: if a named column is absent, a needed one cannot be guessed, or two roles share one.
    """
    listed = ", ".join(repr(name[:40]) for name in seen[:30])
    found: dict[str, str] = {}
    for role in GUESSES:
        name = given.get(role) or _guess(seen, role)
        if name is not None and name not in seen:
            raise InputError(f"{file} has no column {name!r} for the {role}; its columns are {listed}")
        if name is None and role in REQUIRED:
            raise InputError(
                f"{file} has no column that looks like the {role}; its columns are {listed}: "
                f"name it with {role}=… (--{role} …)"
            )
        if name is not None:
            if name in found.values():
                raise InputError(f"{file}: column {name!r} cannot be the {role} and something else as well")
            found[role] = name
    return found


def _guess(seen: Sequence[str], role: str) -> str | None:
    plain = {re.sub(r"[\W_]+", "", name).casefold(): name for name in reversed(seen)}
    return next((plain[guess] for guess in GUESSES[role] if guess in plain), None)
