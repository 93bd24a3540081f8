"""What a schema refuses, as a sentence that names the entry, what it says and what it may say.

msgspec checks world files and manifests against their types; its message gives the place as
`$.generators[...].as_kind`, without the entry's name and without what would be allowed. Both are found here: the
entry by leaving the others out, what is allowed from the type.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from vrgen.errors import did_you_mean

Hook = Callable[[type, Any], Any]
Path = tuple[str | int, ...]

_LONGEST = 60


def explain(raw: object, kind: Any, error: msgspec.ValidationError, whole: str, hook: Hook | None = None) -> str:
    """The sentence, without the file's name, for what `msgspec.convert(raw, kind)` raised.

    `whole`: what all of `raw` is called, such as "a world file".
    """
    problem, _, place = str(error).rstrip(".").partition(" - at ")
    path = _entry(raw, kind, place.strip("`"), hook)
    said, allowed = _at(raw, inspect.type_info(kind), path)
    at = _written(path)
    name = (re.findall(r"`([^`]*)`", problem) or [""])[0]
    if problem.startswith("Object contains unknown field"):
        return f"'{name}' is no key of {at or whole}; {did_you_mean(name, _keys(allowed, said))}"
    if problem.startswith("Object missing required field"):
        return f"{at or whole} lacks '{name}', which has to be there{_choices(allowed, name)}; add it"
    remedy = "correct it"
    names = _names(allowed)
    if isinstance(said, str) and names and said not in names:  # 1 and "1" are written alike
        found = did_you_mean(said, names)
        remedy = found if found.startswith("did you") else remedy
    return f"{at or whole} is {_shown(said)}, expected {_expected(allowed)}; {remedy}"


# --- where ------------------------------------------------------------------------------------------------


def _entry(raw: object, kind: Any, place: str, hook: Hook | None) -> Path:
    """The place with names: `("generators", "sky", "as_kind")`."""
    path: Path = ()
    for field, index in re.findall(r"\.([^.\[\]]+)|\[(\.\.\.|\d+)\]", place):
        step: str | int = field
        if index == "...":
            step = _guilty(raw, kind, path, place, hook)
        elif index:
            step = int(index)
        path = (*path, step)
    return path


def _guilty(raw: object, kind: Any, path: Path, place: str, hook: Hook | None) -> str:
    """The first key of the table at `path` that alone brings the same complaint."""
    table = _value(raw, path)
    assert isinstance(table, dict)
    for key, value in table.items():
        try:
            msgspec.convert(_with(raw, path, {key: value}), kind, dec_hook=hook)
        except msgspec.ValidationError as error:
            if str(error).rstrip(".").endswith(place + "`"):
                return str(key)
    return "…"


def _value(raw: Any, path: Path) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def _with(raw: Any, path: Path, value: object) -> object:
    """`raw` with another value at `path`; `raw` itself stays as it is."""
    if not path:
        return value
    changed: Any = dict(raw) if isinstance(raw, dict) else list(raw)
    changed[path[0]] = _with(raw[path[0]], path[1:], value)
    return changed


def _written(path: Path) -> str:
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return words.removeprefix(".")


def _at(said: Any, allowed: inspect.Type, path: Path) -> tuple[Any, inspect.Type]:
    """The value at `path`, and its type."""
    for step in path:
        allowed = _inside(allowed, said, step)
        said = said.get(step) if isinstance(said, dict) else said[int(step)]
    return said, allowed


def _inside(allowed: inspect.Type, said: Any, step: str | int) -> inspect.Type:
    for one in _alternatives(allowed):
        match one:
            case inspect.StructType() if isinstance(said, dict):
                if step == one.tag_field:
                    tags = [str(s.tag) for s in _alternatives(allowed) if isinstance(s, inspect.StructType)]
                    return inspect.LiteralType(tuple(tags))
                if one.tag_field and said.get(one.tag_field) != one.tag:
                    continue
                for field in one.fields:
                    if field.encode_name == step:
                        return field.type
            case inspect.DictType() if isinstance(said, dict):
                return one.value_type
            case inspect.TupleType() if isinstance(said, list):
                return one.item_types[int(step)]
            case inspect.ListType() | inspect.VarTupleType() if isinstance(said, list):
                return one.item_type
            case _:
                pass
    return inspect.AnyType()


def _alternatives(allowed: inspect.Type) -> tuple[inspect.Type, ...]:
    return allowed.types if isinstance(allowed, inspect.UnionType) else (allowed,)


# --- what would be right ----------------------------------------------------------------------------------


def _keys(allowed: inspect.Type, said: Any) -> list[str]:
    kinds = [one for one in _alternatives(allowed) if isinstance(one, inspect.StructType)]
    tagged = said if isinstance(said, dict) else {}
    mine = [one for one in kinds if one.tag_field and tagged.get(one.tag_field) == one.tag]
    return [field.encode_name for one in mine or kinds for field in one.fields]


def _choices(allowed: inspect.Type, key: str) -> str:
    """For a key that is missing: " (one of …)" where there are names to choose from."""
    names = _names(_inside(allowed, {}, key))
    return f" (one of {', '.join(names)})" if names else ""


def _names(allowed: inspect.Type) -> list[str]:
    literals = [one for one in _alternatives(allowed) if isinstance(one, inspect.LiteralType)]
    return [str(value) for one in literals for value in one.values]


def _expected(allowed: inspect.Type) -> str:
    match allowed:
        case inspect.UnionType():
            told = [_expected(one) for one in allowed.types if not isinstance(one, inspect.NoneType)]
            return " or ".join(dict.fromkeys(told))
        case inspect.LiteralType():
            values = [str(value) for value in allowed.values]
            return f"one of {', '.join(values)}" if len(values) > 1 else repr(allowed.values[0])
        case inspect.FloatType():
            return f"a number{_bounds(allowed)}"
        case inspect.IntType():
            return f"a whole number{_bounds(allowed)}"
        case inspect.StrType() | inspect.CustomType():
            return "text in quotes"
        case inspect.BoolType():
            return "true or false"
        case inspect.TupleType():
            kinds = ", ".join(dict.fromkeys(_expected(t) for t in allowed.item_types))
            return f"a list of {len(allowed.item_types)}, each {kinds}"
        case inspect.ListType() | inspect.VarTupleType():
            return f"a list{_length(allowed)}, each {_expected(allowed.item_type)}"
        case inspect.DictType():
            return f"a table{_length(allowed)}"
        case inspect.StructType():
            return "a table"
        case _:
            return "something else"


def _bounds(allowed: inspect.FloatType | inspect.IntType) -> str:
    if allowed.ge is not None and allowed.le is not None:
        return f" from {allowed.ge:g} to {allowed.le:g}"
    limits = (("above", allowed.gt), ("from", allowed.ge), ("below", allowed.lt), ("up to", allowed.le))
    told = [f"{words} {limit:g}" for words, limit in limits if limit is not None]
    return " " + " and ".join(told) if told else ""


def _length(allowed: inspect.ListType | inspect.VarTupleType | inspect.DictType) -> str:
    if allowed.min_length:
        return f" of at least {allowed.min_length}"
    return f" of at most {allowed.max_length}" if allowed.max_length is not None else ""


def _shown(said: object) -> str:
    match said:
        case bool():
            return str(said).lower()
        case dict():
            return "a table" if said else "an empty table"
        case None:
            return "null"
        case _:
            text = repr(said)
            return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
