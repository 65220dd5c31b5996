"""The API's two lists that are read before a run: workspaces and labels. Pure: bytes to values."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from batch.excerpt import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace that the key can see. name: fit to be shown; the id where it has no name."""

    id: str
    name: str


class _WorkspaceRecord(BaseModel):
    id: str = Field(alias="_id")
    name: str | None = None


class _LabelRecord(BaseModel):
    name: str


_Record = TypeVar("_Record", bound=BaseModel)


class _Listing(BaseModel, Generic[_Record]):
    success: Literal[True] = True
    data: list[_Record]


def parse_workspaces(body: bytes) -> tuple[Workspace, ...]:
    """The workspaces that a listing names; raises ValueError saying what was wrong with it."""
    records = _read(_Listing[_WorkspaceRecord], body).data
    return tuple(
        Workspace(id=record.id, name=one_line(record.name or "") or record.id) for record in records
    )


def parse_labels(body: bytes) -> tuple[str, ...]:
    """The labels' names, exactly as the API spells them; raises ValueError as above."""
    return tuple(record.name for record in _read(_Listing[_LabelRecord], body).data)


def _read(model: type[_Listing[_Record]], body: bytes) -> _Listing[_Record]:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the body"
        raise ValueError(one_line(f"{place}: {first['msg']}")) from None
