"""The API's two lists that are read before a run: workspaces and labels. Pure: bytes to values."""

from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, FailFast, Field, ValidationError

from batch.api.excerpt import Redactor


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
_Model = TypeVar("_Model", bound=BaseModel)


class _Listing(BaseModel, Generic[_Record]):
    success: Literal[True] = True
    # A list of a million wrong records is told by its first: all of them took 7 s and 1 GB.
    data: Annotated[list[_Record], FailFast()]


def parse_workspaces(body: bytes, redactor: Redactor) -> tuple[Workspace, ...]:
    """The workspaces that a listing names; raises ValueError saying what was wrong with it."""
    records = read_model(_Listing[_WorkspaceRecord], body, redactor).data
    return tuple(
        Workspace(
            id=(id_ := redactor.one_line(record.id)),
            name=redactor.one_line(record.name or "") or id_,
        )
        for record in records
    )


def parse_labels(body: bytes, redactor: Redactor) -> tuple[str, ...]:
    """The labels' names, exactly as the API spells them; raises ValueError as above."""
    records = read_model(_Listing[_LabelRecord], body, redactor).data
    return tuple(redactor.without_key(record.name) for record in records)


def read_model(model: type[_Model], body: bytes, redactor: Redactor) -> _Model:
    """A body as this model; raises ValueError saying where it is none, and how."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the body"
        raise ValueError(redactor.one_line(f"{place}: {first['msg']}")) from None
