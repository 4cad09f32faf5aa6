"""Plain data become dataclasses, and errors become one line with the field and its allowed values."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Literal

import pytest
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError
from pydantic.dataclasses import dataclass

from common.errors import InputError
from common.validation import FIELDS, input_error, one_of, validated, within


@dataclass(config=FIELDS)
class Lamp:
    """A dataclass with all kinds of fields."""

    watts: Annotated[StrictInt, within(1, 100)] = 60
    hours: Annotated[StrictInt, within(0, 10**6)] = 0
    height: Annotated[StrictFloat, within(0.5, 2)] = 1.0
    shape: Literal["round", "flat", "long"] = "round"
    color: tuple[StrictFloat, StrictFloat, StrictFloat] = (1.0, 1.0, 1.0)
    lit: StrictBool = False
    bulbs: Annotated[StrictInt, one_of(1, 2, 4)] = 1
    price: Annotated[StrictFloat, Field(gt=0)] = 9.5
    owner: StrictStr | None = None

    def __post_init__(self) -> None:
        if self.owner == "nobody":
            raise ValueError("must be somebody")


@dataclass(config=FIELDS)
class Room:
    """A dataclass with another one inside."""

    name: StrictStr
    lamp: Lamp = dataclasses.field(default_factory=Lamp)
    tags: tuple[StrictStr, ...] = ()


def test_plain_data_become_dataclasses() -> None:
    room = validated(Room, {"name": "hall", "lamp": {"height": 2, "color": [0, 0.5, 1]}, "tags": ["a", "b"]}, "room")
    assert room == Room("hall", Lamp(height=2.0, color=(0.0, 0.5, 1.0)), ("a", "b"))
    assert isinstance(room.lamp.height, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "room: must be a mapping of field names to values"),
        ({"name": "hall", "lamp": None}, "room.lamp: must be a mapping of field names to values"),
        ({}, "room.name: is missing"),
        ({"name": "hall", "door": 1}, "room: unknown field 'door'; choose one of name, lamp, tags"),
        ({"name": "hall", 1: 1}, "room: unknown field '1'; choose one of name, lamp, tags"),
        (
            {"name": "hall", "lamp": {"colour": 1}},
            "room.lamp: unknown field 'colour'; choose one of watts, hours, height, shape, color, lit, bulbs, price, owner",
        ),
        ({"name": 5}, "room.name: must be of type str, not int"),
        ({"name": "hall", "lamp": {"watts": "5"}}, "room.lamp.watts: must be of type int, not str"),
        ({"name": "hall", "lamp": {"watts": True}}, "room.lamp.watts: must be of type int, not bool"),
        ({"name": "hall", "lamp": {"watts": 5.0}}, "room.lamp.watts: must be of type int, not float"),
        ({"name": "hall", "lamp": {"watts": 0}}, "room.lamp.watts: must be 1 to 100"),
        ({"name": "hall", "lamp": {"hours": -1}}, "room.lamp.hours: must be 0 to 1,000,000"),
        ({"name": "hall", "lamp": {"height": math.nan}}, "room.lamp.height: must be 0.5 to 2"),
        ({"name": "hall", "lamp": {"height": 10**400}}, "room.lamp.height: must be finite"),
        ({"name": "hall", "lamp": {"shape": "odd"}}, "room.lamp.shape: must be round, flat or long"),
        ({"name": "hall", "lamp": {"color": [1]}}, "room.lamp.color: must have 3 entries"),
        ({"name": "hall", "lamp": {"color": [1, 2, 3, 4]}}, "room.lamp.color: must have 3 entries"),
        ({"name": "hall", "lamp": {"color": [1, 2, "3"]}}, "room.lamp.color[2]: must be of type float, not str"),
        ({"name": "hall", "lamp": {"color": 1}}, "room.lamp.color: must be a list"),
        ({"name": "hall", "lamp": {"lit": "yes"}}, "room.lamp.lit: must be of type bool, not str"),
        ({"name": "hall", "lamp": {"bulbs": 3}}, "room.lamp.bulbs: must be 1, 2 or 4"),
        ({"name": "hall", "lamp": {"bulbs": 2.0}}, "room.lamp.bulbs: must be of type int, not float"),
        ({"name": "hall", "lamp": {"price": -1}}, "room.lamp.price: must be greater than 0"),
        ({"name": "hall", "lamp": {"owner": "nobody"}}, "room.lamp: must be somebody"),
        ({"name": "hall", "tags": "all"}, "room.tags: must be a list"),
        ({"name": "hall", "tags": [1] * 10_001}, "room: has a list or mapping of 10,001 entries, more than 10,000"),
        (
            {"name": "hall", "lamp": {str(n): n for n in range(50_000)}},
            "room: has a list or mapping of 50,000 entries, more than 10,000",
        ),
    ],
)
def test_faults_name_the_field_and_what_it_must_be(values: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        validated(Room, values, "room")
    assert str(caught.value) == message


def test_faults_of_a_constructor() -> None:
    with pytest.raises(ValidationError) as caught:
        Lamp(watts=1000)
    assert str(input_error(caught.value, "lamp")) == "lamp.watts: must be 1 to 100"
