"""What the server says of its verifiers and of itself."""

import json
import re

import httpx

from veriward.server.app import create_app
from veriward.server.settings import Settings
from veriward.wire import VerifierInfo, VerifierList


async def test_verifiers_are_listed_with_their_summaries(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/verifiers")
    told = VerifierList.model_validate_json(answer.content).verifiers
    assert [info.name for info in told] == ["math", "pairs", "turns", "broken", "stern"]
    assert told[1].version == 3
    assert told[0].summary == "Take a response that ends with the answer."
    assert "description" not in answer.json()["verifiers"][0]


async def test_one_verifier_is_told_with_schema_and_text(client: httpx.AsyncClient) -> None:
    info = VerifierInfo.model_validate_json((await client.get("/v1/verifiers/math")).content)
    assert info.task_schema is not None
    assert info.task_schema["required"] == ["answer"]
    assert info.description is not None
    assert info.description.endswith("Format: the tests' own.")
    assert info.example is None  # this one has no cases


async def test_an_example_is_a_task_of_the_verifiers_own_cases() -> None:
    app = create_app(Settings(log_level="error"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        example = (await client.get("/v1/verifiers/math.gsm8k")).json()["example"]
    assert example["verifier"] == "math.gsm8k"
    assert example["answer"]


async def test_openapi_names_every_route_and_resolves_every_reference(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert {f"{method} {path}" for path, methods in schema["paths"].items() for method in methods} >= {
        "post /v1/grade",
        "post /v1/execute",
        "put /v1/tasks",
        "get /v1/tasks/{ref}",
        "get /v1/verifiers",
        "get /v1/verifiers/{name}",
        "get /v1/recipes",
        "get /v1/recipes/{name}",
        "get /healthz",
        "get /readyz",
        "get /metrics",
    }
    for reference in re.findall(r'"#/([^"]+)"', json.dumps(schema)):
        found = schema
        for step in reference.split("/"):
            found = found[step]
    body = schema["paths"]["/v1/grade"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/GradeRequest"}
    assert schema["components"]["schemas"]["GradeRequest"]["additionalProperties"] is False
