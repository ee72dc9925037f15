"""Finds every small mistake that can be made in a module's text."""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COUNTERPARTS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
}
OF_TIME = re.compile(r"monotonic|time\(\)|deadline|remaining|\bnow\b|\buntil\b|_S\b|age\b")
WORD = re.compile(r"[\w./:=-]+")  # a word of a protocol; a sentence for people is no such word
NO_BEHAVIOUR = ("__doc__", "__all__", "TYPE_CHECKING")


class Mutant(NamedTuple):
    """One mistake: in which module and definition, the text there, the text in its place.

    `start` and `end` are offsets in bytes. Of several alike in one definition `nth` tells which.
    """

    path: str
    scope: str
    kind: str
    before: str
    after: str
    nth: int
    line: int
    start: int
    end: int

    @property
    def key(self) -> str:
        """A name that stays when lines move."""
        nth = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.path}::{self.scope}: {self.before} => {self.after}{nth}"

    def put_in(self, text: str) -> str:
        """Give the module's text with the mistake in it."""
        source = text.encode()
        return (source[: self.start] + self.after.encode() + source[self.end :]).decode()


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, text: str) -> None:
        self._path, self._source = path, text.encode()
        lines = self._source.splitlines(keepends=True)
        self._offsets = [sum(map(len, lines[:number])) for number in range(len(lines))]
        self._scope: list[str] = []
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self.found: list[Mutant] = []

    def _add(self, node: ast.expr | ast.stmt, kind: str, after: str) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._offsets[node.lineno - 1] + node.col_offset
        end = self._offsets[node.end_lineno - 1] + node.end_col_offset
        text = self._source[start:end].decode()
        before = " ".join(text.split())
        scope = ".".join(self._scope) or "module"
        if text == after:
            return
        self._seen[scope, before, after] += 1
        nth = self._seen[scope, before, after]
        self.found.append(
            Mutant(self._path, scope, kind, before, after, nth, node.lineno, start, end)
        )

    def _swap(
        self, node: ast.expr | ast.stmt, kind: str, change: Callable[[ast.AST], None]
    ) -> None:
        changed = copy.deepcopy(node)
        change(changed)
        text = ast.unparse(changed)
        self._add(node, kind, f"({text})" if isinstance(node, ast.expr) else text)

    # What is no behaviour.

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._scope.append(node.name)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self._body(node.body)
        self._scope.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases):
            return
        self._scope.append(node.name)
        self._body(node.body)
        self._scope.pop()

    def visit_Module(self, node: ast.Module) -> None:
        self._body(node.body)

    def _body(self, body: list[ast.stmt]) -> None:
        for number, statement in enumerate(body):
            is_doc = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not (number == 0 and is_doc):
                self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, _: ast.Assert) -> None:
        return

    def visit_JoinedStr(self, _: ast.JoinedStr) -> None:
        return

    def visit_Import(self, _: ast.Import) -> None:
        return

    def visit_ImportFrom(self, _: ast.ImportFrom) -> None:
        return

    # Expressions.

    def visit_Compare(self, node: ast.Compare) -> None:
        if type(node.ops[0]) in SWAPPED:
            of_time = OF_TIME.search(ast.unparse(node)) is not None

            def change(changed: ast.AST) -> None:
                assert isinstance(changed, ast.Compare)
                op = type(changed.ops[0])
                # No clock hits the very moment by which `<` and `<=` differ.
                changed.ops[0] = NEGATED.get(op, SWAPPED[op])() if of_time else SWAPPED[op]()

            self._swap(node, "comparison", change)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        def change(changed: ast.AST) -> None:
            assert isinstance(changed, ast.BoolOp)
            changed.op = ast.Or() if isinstance(changed.op, ast.And) else ast.And()

        self._swap(node, "and/or", change)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._add(node, "negation", f"({ast.unparse(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        counterpart = COUNTERPARTS.get(type(node.op))
        texts = any(isinstance(side, ast.Constant | ast.JoinedStr)
                    and not isinstance(getattr(side, "value", ""), int | float)
                    for side in (node.left, node.right))  # fmt: skip
        if counterpart is not None and not texts:

            def change(changed: ast.AST) -> None:
                assert isinstance(changed, ast.BinOp)
                changed.op = counterpart()

            self._swap(node, "arithmetic", change)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add(node, "constant", str(not value))
        elif isinstance(value, int | float):
            self._add(node, "constant", repr(value + 1))
        elif isinstance(value, str) and WORD.fullmatch(value):
            self._add(node, "word", repr(f"{value}x"))
        elif isinstance(value, bytes) and WORD.fullmatch(value.decode("latin-1")):
            self._add(node, "word", repr(value + b"x"))

    def visit_Call(self, node: ast.Call) -> None:
        args = node.args
        alike = isinstance(node.func, ast.Name) and node.func.id in ("min", "max")
        in_any_order = ast.unparse(node.func).endswith("suppress")
        plain = not (alike or in_any_order) and not any(
            isinstance(arg, ast.Starred) for arg in args[:2]
        )
        if len(args) >= 2 and plain and ast.dump(args[0]) != ast.dump(args[1]):

            def change(changed: ast.AST) -> None:
                assert isinstance(changed, ast.Call)
                changed.args[0], changed.args[1] = changed.args[1], changed.args[0]

            self._swap(node, "arguments", change)
        if isinstance(node.func, ast.Name) and alike:
            other = "max" if node.func.id == "min" else "min"
            self._add(node.func, "min/max", other)
        self.generic_visit(node)

    # Statements.

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._condition(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        if not isinstance(node.test, ast.Constant):
            self._condition(node.test)
            self.visit(node.test)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def _condition(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Compare) and not isinstance(test, ast.UnaryOp):
            self._add(test, "negation", f"(not ({ast.unparse(test)}))")

    def visit_Return(self, node: ast.Return) -> None:
        value = node.value
        if value is not None and not isinstance(value, ast.Constant):
            self._add(value, "returned", "None")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        called = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(called, ast.Call):
            self._add(node, "left out", "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.targets[0], ast.Attribute | ast.Subscript) and self._scope[-1:] != [
            "__init__"
        ]:
            self._add(node, "left out", "pass")
        if isinstance(node.targets[0], ast.Name) and node.targets[0].id in NO_BEHAVIOUR:
            return
        named = not self._scope and isinstance(node.targets[0], ast.Name)
        self._scope += [ast.unparse(node.targets[0])] * named
        self.visit(node.value)
        self._scope = self._scope[: -1 if named else None]

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add(node, "left out", "pass")
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._add(node, "left out", "pass")

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            self._add(node, "left out", "pass")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._add(node, "break/continue", "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._add(node, "break/continue", "break")

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        caught = node.type  # to catch more is no mistake that a test could see: nobody raises it
        if isinstance(caught, ast.Tuple) and len(caught.elts) > 1:
            rest = ", ".join(ast.unparse(one) for one in caught.elts[1:])
            self._add(caught, "caught too little", f"({rest},)")
        elif caught is not None:
            self._add(caught, "caught too little", "()")
        for statement in node.body:
            self.visit(statement)


def mutants_of(path: str, text: str) -> list[Mutant]:
    """Give every mutant of a module."""
    finder = _Finder(path, text)
    finder.visit(ast.parse(text))
    return finder.found
