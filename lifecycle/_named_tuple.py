"""A twin of `typing.NamedTuple` that is cheap to import, cheap to declare.

`typing` takes a launcher 2 ms to import, and a named tuple writes code for each class: 0.2 ms.
A class gets its fields from its annotations, its defaults from what they are set to, as there.
"""

from __future__ import annotations

from operator import itemgetter

Protocol = object  # only a type checker has a use for the real one


class NamedTuple(tuple):  # type: ignore[type-arg]  # its fields are its subclasses' to name
    """An immutable record: its fields by name or by place, equal to a tuple of the same values."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _defaults: dict[str, object] = {}  # noqa: RUF012 - written once for each class, below

    def __init_subclass__(cls) -> None:
        """Make the annotated names fields."""
        cls._fields = tuple(cls.__annotations__)
        cls._defaults = {name: cls.__dict__[name] for name in cls._fields if name in cls.__dict__}
        for place, name in enumerate(cls._fields):
            setattr(cls, name, property(itemgetter(place)))

    def __new__(cls, *given: object, **named: object) -> NamedTuple:
        """Give the record; raises TypeError for a field too many or too few."""
        fields = cls._fields
        if len(given) < len(fields):
            try:
                rest = [
                    named.pop(name) if name in named else cls._defaults[name]
                    for name in fields[len(given) :]
                ]
            except KeyError as error:
                raise TypeError(f"{cls.__name__} needs {error.args[0]}") from None
            given = (*given, *rest)
        if named or len(given) > len(fields):
            raise TypeError(f"{cls.__name__} takes {', '.join(fields)}")
        return tuple.__new__(cls, given)

    def _replace(self, **named: object) -> NamedTuple:
        """Give a copy with some fields changed."""
        return type(self)(**{**self._asdict(), **named})

    def _asdict(self) -> dict[str, object]:
        """Give the fields by name."""
        return dict(zip(self._fields, self, strict=True))

    def __getnewargs__(self) -> tuple[object, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({told})"
