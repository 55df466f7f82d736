"""Data section of a config: the source, kind and shape of the examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ganzoo.errors import UsageError
from ganzoo.schema.section import OpenSection, Section

# Keys of `dataset` that set the shape of an example, by kind, in the order of the axes.
SHAPE_KEYS = {
    "image": ("size", "channels"),
    "points": ("columns",),
    "table": ("columns",),
    "sequence": ("length", "columns"),
}


class ColumnConfig(Section):
    """A column of a table and its scaling.

    The networks see `(x - mean) / deviation`. Generated numbers are rounded to `decimals`, if set.
    """

    name: str
    mean: float = 0.0
    deviation: float = Field(default=1.0, gt=0.0)
    decimals: int | None = Field(default=None, ge=0, le=9)


class DatasetConfig(OpenSection):
    """The source of the examples, and their form.

    `name` is a registered source, the name of a TFDS data set, or `folder:PATH`. `kind` sets the meaning of an example
    and the keys of its shape: `image` has `size`, the side of the square in pixels, and `channels`; `points` and
    `table` rows have `columns`; `sequence` has `length` (time steps) and `columns`. `fields` describes the columns of
    a table; training fills it in from the data. `classes` is 0 for data without labels. `class_names`, in label order,
    is filled in for a data set given by `--dataset`. Further keys are options of the source, which opening it checks.

    Translation has two `domains`, the first is A in papers, in folders `trainA`, `trainB`, `testA`, `testB` or in
    TFDS's `cycle_gan/NAME`; images in folders must not be smaller than `size`. With `paired`, example i of one domain
    corresponds to example i of the other. With `load_size`, training images are resized to that side and a new random
    square of `size` is cropped at each use. `hold_out` images of each domain are not trained on: evaluation during
    training translates them, so that test images have no part in the choice of a step.

    Schema 1 wrote points as `size: 0` with one of `channels` per column; that is read as `kind: points`.
    """

    name: str
    kind: Literal["image", "points", "table", "sequence"] = "image"
    split: str = "train"
    size: int | None = Field(default=None, ge=1, le=1024, validate_default=True)
    channels: int | None = Field(default=None, ge=1, le=256, validate_default=True)
    length: int | None = Field(default=None, ge=1, le=65536, validate_default=True)
    columns: int | None = Field(default=None, ge=1, le=65536, validate_default=True)
    fields: list[ColumnConfig] = Field(default_factory=list)
    classes: int = Field(default=0, ge=0)
    class_names: list[str] = Field(default_factory=list)
    domains: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]] = Field(default_factory=list, max_length=2)
    paired: bool = False
    load_size: int | None = Field(default=None, ge=1, le=2048)
    hold_out: int = Field(default=0, ge=0)
    augment: list[str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _points_of_schema_1(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "kind" in data or isinstance(data.get("size"), bool) or data.get("size") != 0:
            return data
        others = {key: value for key, value in data.items() if key not in ("size", "channels")}
        return {**others, "kind": "points", "columns": data.get("channels")}

    @field_validator("size", "channels", "length", "columns")
    @classmethod
    def _shape_of_its_kind(cls, value: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("kind")
        if kind is None:  # invalid itself, and reported
            return value
        wanted = info.field_name in SHAPE_KEYS[kind]
        if wanted and value is None:
            raise ValueError("missing")
        if not wanted and value is not None:
            keys = " and ".join(SHAPE_KEYS[kind])
            raise ValueError(f"not for kind: {kind}, whose shape is given by {keys} (remove it, or change the kind)")
        return value

    @model_validator(mode="after")
    def _only_what_its_kind_has(self) -> DatasetConfig:
        of_images = {"domains": self.domains, "load_size": self.load_size, "augment": self.augment}
        for key, value in of_images.items():
            if value and self.kind != "image":
                raise ValueError(f"{key}: only for kind: image, not for kind: {self.kind} (remove it)")
        if self.fields and self.kind != "table":
            raise ValueError(f"fields: only for kind: table, not for kind: {self.kind} (remove it)")
        if self.fields and len(self.fields) != self.columns:
            raise ValueError(f"fields: expected {self.columns}, one per column, got {len(self.fields)}")
        for key, value in {"paired": self.paired, "hold_out": self.hold_out}.items():
            if value and not self.domains:
                raise ValueError(f"{key}: only for data with two domains (remove it, or name the domains)")
        return self

    @model_validator(mode="after")
    def _two_domains_and_a_crop_that_fits(self) -> DatasetConfig:
        if len(self.domains) == 1 or len(set(self.domains)) < len(self.domains):
            raise ValueError(f"domains: expected two different names (or none), got {self.domains}")
        if any(domain.endswith("_ema") for domain in self.domains):
            raise ValueError(f"domains: expected names without the suffix _ema (moving averages), got {self.domains}")
        if self.load_size is not None and self.size is not None and self.load_size < self.size:
            raise ValueError(f"load_size: expected at least size, {self.size}, got {self.load_size}")
        return self

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape: `(H, W, C)` of images, `(columns,)` of points and table rows, `(length, columns)` of sequences."""
        if self.kind == "image":
            return self.image_shape
        return tuple(getattr(self, key) for key in SHAPE_KEYS[self.kind])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape `(H, W, C)`, for kind image only."""
        assert self.size is not None and self.channels is not None, f"{self.name} has no images"  # noqa: PT018
        return (self.size, self.size, self.channels)


def choose_domain(name: str, to: str | None, made: Sequence[str]) -> str:
    """Return the requested target domain of a model.

    Args:
      name: name of the model.
      to: requested domain; None for the first.
      made: domains that the model can make.

    Raises:
      UsageError: if the model cannot make it.
    """
    if to is None:
        return made[0]
    if to not in made:
        raise UsageError(f"to: {name} cannot make '{to}' (it makes: {', '.join(made)})")
    return to


def other_domain(domains: Sequence[str], domain: str) -> str:
    """Return the other one of two domains."""
    first, second = domains
    return second if domain == first else first
