r"""Applied functions: `\sin^2 x`, `\log_2 8`, `\sqrt[3]{5}`, `max(1, 2)`."""

from veriward.verifiers.math.bounds import NotUnderstood
from veriward.verifiers.math.cursor import SUM, Cursor
from veriward.verifiers.math.names import FUNCTIONS
from veriward.verifiers.math.tree import HALF, Constant, Group, Op, Tree, children, negative, number, reciprocal

_SAME = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_INVERTIBLE = frozenset(["sin", "cos", "tan", "sinh", "cosh", "tanh"])
_MANY_ARGUMENTS = frozenset(["gcd", "lcm", "max", "min"])


class Functions(Cursor):
    def function(self, name: str) -> Tree:
        self.enter(0.5)
        tree = self.root(3 if name == "cbrt" else 2) if name in ("sqrt", "cbrt") else self.applied(name)
        self.leave(0.5)
        return tree

    def applied(self, name: str) -> Tree:
        name = _SAME.get(name, name)
        power: Tree | None = None
        base: Tree | None = None
        while self.is_sign("^", "_"):
            if self.take("^"):
                power = self.script()
            elif self.take("_"):
                base = self.script()
        args = self.function_arguments(name)
        if power == number(-1) and name in _INVERTIBLE:
            name, power = f"arc{name}", None
        if name == "exp":
            tree: Tree = Op("pow", (Constant("e"), *args))
        elif name in ("log", "lg", "ln") and base is not None:
            tree = Op("mul", (Op("ln", args), reciprocal(Op("ln", (base,)))))
        elif base is not None:
            raise NotUnderstood(f"a subscript on {name}")
        else:
            tree = Op("lg" if name == "lg" else name, args)
        tree = self.node(tree)
        return tree if power is None else self.node(Op("pow", (tree, power)))

    def function_arguments(self, name: str) -> tuple[Tree, ...]:
        if self.is_sign("(", "{", "[", "\\{"):
            argument = self.bracket(self.expect("(", "{", "[", "\\{"))
            many = isinstance(argument, Group) and name in _MANY_ARGUMENTS
            args = children(argument) if many else (argument,)
            if len(args) != 1 and not many:
                raise NotUnderstood(f"{name} of several values")
            return args
        if name in _MANY_ARGUMENTS:
            raise NotUnderstood(f"{name} without brackets")
        minus = False
        while self.take("-"):
            minus = not minus
        argument = self.postfix(self.primary())
        while self.starts_factor() and not self.is_sign("(", "|") and self.token.text not in FUNCTIONS:
            argument = self.joined("mul", argument, self.postfix(self.primary()))
        return (negative(argument) if minus else argument,)

    def root(self, index: int) -> Tree:
        degree: Tree = number(index)
        if self.take("["):
            degree = self.expression(SUM)
            self.expect("]")
        if self.take("("):
            radicand = self.expression(SUM)
            self.expect(")")
        else:
            radicand = self.argument() if not self.is_sign("-") else self.script()
        return self.node(Op("pow", (radicand, HALF if degree == number(2) else reciprocal(degree))))
