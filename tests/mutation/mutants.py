"""Mutants of Python modules: one small fault each, made in the syntax tree.

None is made in docstrings and other text, annotations, messages of errors and logs, assertions and representations.
"""

from __future__ import annotations

import ast
import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SWAPS = (
    "Add Sub, Sub Add, Mult Div, Div Mult, FloorDiv Div, Mod Mult, Pow Mult, And Or, Or And, Eq NotEq, NotEq Eq, "
    "Lt LtE, Lt GtE, LtE Lt, LtE Gt, Gt GtE, Gt LtE, GtE Gt, GtE Lt, Is IsNot, IsNot Is, In NotIn, NotIn In"
)
OPERATORS: dict[type, list[type]] = {}
for old, new in map(str.split, SWAPS.split(", ")):
    OPERATORS.setdefault(getattr(ast, old), []).append(getattr(ast, new))
# Keywords that state what holds anyway, or how fast it goes: without them the same is computed.
WITHOUT_EFFECT = {"autograph", "frozen", "parallel_iterations", "reduce_retracing", "strict"}
COMMUTATIVE = {"logical_and", "logical_or", "max", "maximum", "min", "minimum"}
FIELDS_LEFT_OUT = {"annotation", "returns", "type_params"}
BLOCKS = (ast.FunctionDef, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.ExceptHandler)
NODES_LEFT_OUT = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)


class Mutant(NamedTuple):
    """One fault in one module.

    Attributes:
      path: module, relative to the package.
      name: path, function and fault; the same whatever is edited elsewhere.
      line: where the fault is.
      lines: first and last line of the code that runs it.
      swap: node, its field and index there, and what comes in its place.
      tree: syntax tree of the module.
    """

    path: str
    name: str
    line: int
    lines: tuple[int, int]
    swap: tuple[ast.AST, str, int | None, ast.AST | None]
    tree: ast.Module

    def make(self) -> ast.Module:
        """Put the fault into the tree, for good."""
        node, field, index, new = self.swap
        if index is None:
            setattr(node, field, new)
        else:
            values = getattr(node, field)
            values[index : index + 1] = [] if new is None else [new]
        return ast.fix_missing_locations(self.tree)


def mutants_of(package: Path, rooms: list[str]) -> list[Mutant]:
    """Return all mutants of the modules in these folders."""
    made = []
    for path in sorted(path for room in rooms for path in (package / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        here, times = str(path.relative_to(package)), Counter()
        for where, line, lines, swap, said in _swaps(tree, "", (1, math.inf)):
            name = f"{here}: {where or 'module'}: {said}"
            times[name] += 1
            name += f" ({times[name]})" if times[name] > 1 else ""
            made.append(Mutant(here, name, line, lines, swap, tree))
    return made


def sample(mutants: list[Mutant], number: int, seed: int) -> list[Mutant]:
    """Draw mutants; an edit elsewhere leaves the choice as it is."""
    return sorted(mutants, key=lambda one: hashlib.sha256(f"{seed} {one.name}".encode()).digest())[:number]


def _swaps(node: ast.AST, where: str, lines: tuple[int, Any]) -> Iterator[Any]:
    """Yield function, line, lines that run it, swap and description of all faults below a node."""
    for field, value in ast.iter_fields(node):
        if field in FIELDS_LEFT_OUT or (field == "args" and _is_log(node)):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_left_out(child):
                continue
            inner, span = where, lines
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner, span = f"{where}.{child.name}".lstrip("."), (child.lineno, child.end_lineno)
            elif isinstance(node, BLOCKS) and hasattr(child, "lineno") and field != "decorator_list":
                span = (child.lineno, child.end_lineno)
            for new in _faults(node, field, child):
                said = f"`{_text(child)}` -> `{_text(new)}`"
                yield inner, child.lineno, span, (node, field, index, new), said
            if not isinstance(child, ast.Raise):
                yield from _swaps(child, inner, span)


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return "repr" in node.name
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base) == "Protocol" for base in node.bases)
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):  # names of types
        name = node.targets[0].id
        return name == "__all__" or (name[0].isupper() and not name.isupper())
    return isinstance(node, NODES_LEFT_OUT) or (isinstance(node, ast.keyword) and node.arg in WITHOUT_EFFECT)


def _is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("_log.", "warnings."))


def _faults(parent: ast.AST, field: str, node: ast.AST) -> Iterator[ast.AST | None]:
    """Yield what may come in a node's place; None to leave it out."""
    if field == "test" and isinstance(parent, ast.If | ast.IfExp):
        yield from (ast.Constant(True), ast.Constant(False))
    elif field == "ifs":
        yield ast.Constant(True)
    match node:
        case ast.Compare(left, [operator], comparators):
            yield from (ast.Compare(left, [new()], comparators) for new in OPERATORS[type(operator)])
        case ast.BinOp(left, ast.BitOr(), right):
            yield from (left, right)
        case ast.BinOp(left, operator, right):
            yield from (ast.BinOp(left, new(), right) for new in OPERATORS.get(type(operator), []))
        case ast.BoolOp(operator, values):
            yield from (ast.BoolOp(new(), values) for new in OPERATORS[type(operator)])
            yield from (ast.BoolOp(operator, values[:i] + values[i + 1 :]) for i in range(len(values)) if values[2:])
            yield from () if values[2:] else values
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(float() as value):
            yield ast.Constant(2.0 * value or 1.0)
        case ast.Call(function, arguments, keywords):
            for i in range(len(arguments) - 1):
                first, second = arguments[i : i + 2]
                same = ast.dump(first) == ast.dump(second) or ast.unparse(function).split(".")[-1] in COMMUTATIVE
                starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
                if not (same or starred or _is_log(node)):
                    yield ast.Call(function, [*arguments[:i], second, first, *arguments[i + 2 :]], keywords)
            for i, keyword in enumerate(keywords):
                if keyword.arg and keyword.arg not in WITHOUT_EFFECT:
                    yield ast.Call(function, arguments, keywords[:i] + keywords[i + 1 :])
        case ast.Slice(lower, upper, step):
            if lower is not None:
                yield ast.Slice(None, upper, step)
            if upper is not None:
                yield ast.Slice(lower, None, step)
        case ast.AugAssign(target, operator, value):
            yield ast.Pass()
            yield from (ast.AugAssign(target, new(), value) for new in OPERATORS.get(type(operator), []))
        case ast.Assign([ast.Attribute() | ast.Subscript()]) | ast.Expr(ast.Call()) | ast.Raise():
            yield ast.Pass()
        case ast.Return(value) if value is not None:
            yield ast.Return(ast.Constant(None))
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _text(node: ast.AST | None) -> str:
    """Return the first line of a node's source."""
    return ast.unparse(node).splitlines()[0] if node is not None else ""
