"""Mutants of a module: its source with one thing changed, for tests to find out.

What is changed: comparisons, `and` and `or` and their operands, `not`, plus and minus, numbers,
texts and truth values, what a function returns, what a lambda answers, members of a display.
Left alone are docstrings, annotations and decorators: they decide nothing.
"""

import ast
import copy
from collections.abc import Iterator
from types import ModuleType
from typing import Final

_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COUNTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield each mutant: what was changed in which line, and its whole source."""
    tree = ast.parse(source)
    for at, node in enumerate(_nodes(tree)):
        for nth, changed in enumerate(_changed(node)):
            twin = copy.deepcopy(tree)
            target = list(_nodes(twin))[at]
            _put(twin, target, changed)
            ast.fix_missing_locations(twin)
            line = getattr(node, "lineno", 0)
            yield f"line {line}, {type(node).__name__} #{at}.{nth}", ast.unparse(twin)


def module_of(source: str, name: str) -> ModuleType:
    """Return a module of this source, known to nobody but the caller."""
    module = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), module.__dict__)  # noqa: S102  our own module
    return module


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what may be changed, in one order."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop(0)
        yield node
        for field, value in ast.iter_fields(node):
            if field in {"decorator_list", "annotation", "returns", "args"} and not isinstance(
                node, ast.Call
            ):
                continue
            children = value if isinstance(value, list) else [value]
            todo += [
                child
                for child in children
                if isinstance(child, ast.AST) and not _is_docstring(child)
            ]


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _changed(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901, PLR0912  a case per kind of node
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in _COMPARED[type(op)]:
                    twin = copy.deepcopy(node)
                    twin.ops[at] = other()
                    yield twin
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for at in range(len(values)):
                left = [*values[:at], *values[at + 1 :]]
                yield left[0] if len(left) == 1 else ast.BoolOp(op, left)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=op) if type(op) in _COUNTED:
            twin_of = copy.deepcopy(node)
            twin_of.op = _COUNTED[type(op)]()
            yield twin_of
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"{value}x")
        case ast.Lambda(args=args):
            yield ast.Lambda(args, ast.Constant(True))  # noqa: FBT003  the answer itself
            yield ast.Lambda(args, ast.Constant(False))  # noqa: FBT003  the answer itself
        case ast.Return(value=ast.expr() as value):
            yield ast.Return(ast.UnaryOp(ast.Not(), value))
            if not isinstance(value, ast.Constant) or value.value:  # no is no, however said
                yield ast.Return(ast.Constant(None))
        case ast.Set(elts=elts) | ast.Tuple(elts=elts, ctx=ast.Load()) if len(elts) > 1:
            for at in range(len(elts)):
                twin_set = copy.deepcopy(node)
                del twin_set.elts[at]
                yield twin_set
        case ast.If():
            yield ast.Pass()
        case _:
            return


def _put(tree: ast.AST, target: ast.AST, changed: ast.AST) -> None:
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if value is target:
                setattr(node, field, changed)
                return
            if isinstance(value, list):
                for at, child in enumerate(value):
                    if child is target:
                        value[at] = changed
                        return
    raise AssertionError(target)
