"""Graph search: the shortest way between two nodes of a directed graph."""

import re
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from random import Random
from string import ascii_uppercase
from typing import Annotated

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_text
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict

MAX_EDGES = 2_000
MAX_TRIES = 500

Node = Annotated[str, Field(pattern=r"^\w{1,40}$")]
Graph = Mapping[str, Mapping[str, int]]

_BETWEEN = re.compile(r"\s*(?:->|→|-->|=>|,|\s)\s*")


class Edge(Task):
    """From one node to another, and how long it is."""

    start: Node
    end: Node
    length: Annotated[int, Field(ge=1, le=10**6)]


class GraphSearchTask(GameTask):
    """`edges`, each usable in its direction only; the way leads from `start` to `goal`."""

    edges: Annotated[list[Edge], Field(min_length=1, max_length=MAX_EDGES)]
    start: Node
    goal: Node

    @model_validator(mode="after")
    def _reachable(self) -> "GraphSearchTask":
        if len({(edge.start, edge.end) for edge in self.edges}) < len(self.edges):
            raise ValueError("two edges lead from one node to one other")
        if self.start == self.goal or self.goal not in _distances(_graph(self.edges), self.start)[0]:
            raise ValueError("no way leads from start to goal")
        return self


@verifier("logic.graph_search", version=1, task=GraphSearchTask)
def graph_search(response: str, task: GraphSearchTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of nodes; it is a way along edges from the start to the goal, and none is shorter.

    `A -> B -> C` and `["A", "B", "C"]` say the same. Any shortest way counts; how long it is, is computed.
    """
    return judged(lambda: _read(response), lambda told: _broken_rule(told, task))


def _read(response: str) -> list[str]:
    text = last_text(response).strip("[]() .")
    nodes = [node.strip("\"'") for node in _BETWEEN.split(text)]
    if not all(re.fullmatch(r"\w+", node) for node in nodes):
        raise Unread("it is no list of nodes", text)
    return nodes


def _broken_rule(told: Sequence[str], task: GraphSearchTask) -> str | None:
    if told[0] != task.start or told[-1] != task.goal:
        return f"it does not lead from {task.start} to {task.goal}"
    graph = _graph(task.edges)
    total = 0
    for one, other in pairwise(told):
        if other not in graph.get(one, {}):
            return f"no edge leads from {one} to {other}"[:120]
        total += graph[one][other]
    shortest = _distances(graph, task.start)[0][task.goal]
    return None if total == shortest else f"it is {total} long, the shortest {shortest}"


def _graph(edges: Sequence[Edge]) -> Graph:
    graph: dict[str, dict[str, int]] = {}
    for edge in edges:
        graph.setdefault(edge.start, {})[edge.end] = edge.length
    return graph


def _distances(graph: Graph, start: str) -> tuple[dict[str, int], dict[str, int], dict[str, str]]:
    """Of each node that can be reached its distance, how many ways are so short, and the node before it on one."""
    distance, ways, before = {start: 0}, {start: 1}, {}
    queue = [(0, start)]
    done = set()
    while queue:
        length, node = heappop(queue)
        if node in done:
            continue
        done.add(node)
        for other, step in graph.get(node, {}).items():
            reached = distance.get(other)
            if reached is None or length + step < reached:
                distance[other], ways[other], before[other] = length + step, ways[node], node
                heappush(queue, (length + step, other))
            elif length + step == reached:
                ways[other] += ways[node]
    return distance, ways, before


class GraphSearchParameters(Parameters):
    """How large the graph is, how long its edges are, and how many edges the shortest way has at least."""

    nodes: int = dial(5, 20, ge=4, le=26, about="how many nodes")
    degree: float = dial(1.8, 2.6, ge=1.2, le=5.0, about="edges that leave a node, on average")
    longest_edge: int = dial(1, 20, ge=1, le=1000, about="1 counts edges alone")
    least_edges: int = dial(2, 5, ge=1, le=8, about="edges of the shortest way, at least")


PROMPT = """A directed graph has these edges; each may be used in its direction only:

{edges}

Find the shortest way from {start} to {goal}: {shortest}.

Give its nodes at the end, in a fenced block:
```
[first node, second node, …]
```"""


@generator("logic.graph_search", version=1, parameters=GraphSearchParameters, unique=True)
def generate(rng: Random, parameters: GraphSearchParameters, /) -> Generated:
    """Random edges until some way between two nodes is long enough and the only shortest one: all ways are counted."""
    nodes = ascii_uppercase[: parameters.nodes]
    for _ in range(MAX_TRIES):
        pairs = [(one, other) for one in nodes for other in nodes if one != other]
        count = min(len(pairs), round(parameters.degree * len(nodes)))
        edges = [
            Edge(start=one, end=other, length=rng.randint(1, parameters.longest_edge))
            for one, other in rng.sample(pairs, count)
        ]
        start = rng.choice(nodes)
        _, ways, before = _distances(_graph(edges), start)
        goals = []
        for goal in sorted(before):
            path = [goal]
            while path[-1] != start:
                path.append(before[path[-1]])
            if ways[goal] == 1 and len(path) > parameters.least_edges:
                goals.append(path[::-1])
        if goals:
            break
    else:
        raise NoTask(f"no way of {parameters.least_edges} edges among {parameters.nodes} nodes")
    path = rng.choice(goals)
    weighed = parameters.longest_edge > 1
    prompt = PROMPT.format(
        edges="\n".join(f"{edge.start} -> {edge.end}" + f" (length {edge.length})" * weighed for edge in edges),
        start=start,
        goal=path[-1],
        shortest="the sum of the lengths of its edges is as small as possible"
        if weighed
        else "it has as few edges as possible",
    )
    task = GraphSearchTask(edges=edges, start=start, goal=path[-1])
    return Generated(prompt=prompt, task=task, reference=f"```\n[{', '.join(path)}]\n```")
