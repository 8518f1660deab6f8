"""Data sources that need no cloud: they only render what they are given, and so are answered truly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from spendgate.errors import InputError

Arguments = Mapping[str, Any]


def iam_policy_document(arguments: Arguments) -> Mapping[str, Any]:
    """``aws:iam/getPolicyDocument``: statements as the JSON of an IAM policy.

    Sources come first; statements of the same ``Sid`` are replaced by later ones, as the provider does.
    """
    statements: list[dict[str, Any]] = []
    version = arguments.get("version") or "2012-10-17"
    policy_id = arguments.get("policyId")
    sources = [arguments.get("sourceJson"), *(arguments.get("sourcePolicyDocuments") or [])]
    overrides = [arguments.get("overrideJson"), *(arguments.get("overridePolicyDocuments") or [])]
    for text in filter(None, sources):
        statements += _statements_of(text, "a source document")
    own = [_statement(statement) for statement in arguments.get("statements") or []]
    _merge(statements, own)
    for text in filter(None, overrides):
        _merge(statements, _statements_of(text, "an override document"))
    document = {"Version": version, **({"Id": policy_id} if policy_id else {}), "Statement": statements}
    text = json.dumps(document, indent=2)
    return {
        **{key: value for key, value in arguments.items() if value is not None},
        "version": version,
        "id": "assumed",
        "json": text,
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }


def gcp_iam_policy(arguments: Arguments) -> Mapping[str, Any]:
    """``gcp:organizations/getIAMPolicy``: bindings as the JSON of a policy."""
    bindings = [
        {
            "role": binding["role"],
            "members": sorted(binding.get("members", [])),
            **({"condition": binding["condition"]} if binding.get("condition") else {}),
        }
        for binding in arguments.get("bindings") or []
    ]
    policy: dict[str, Any] = {"bindings": sorted(bindings, key=lambda binding: str(binding["role"]))}
    if arguments.get("auditConfigs"):
        policy["auditConfigs"] = arguments["auditConfigs"]
    return {**arguments, "id": "assumed", "policyData": json.dumps(policy, separators=(",", ":"))}


def kubernetes_decode_yaml(arguments: Arguments) -> Mapping[str, Any]:
    """``kubernetes:yaml:decode``: the objects of a multi-document text; lists of objects are opened."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        documents = list(YAML(typ="safe", pure=True).load_all(str(arguments.get("text", ""))))
    except YAMLError as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"a Kubernetes manifest of the program is not valid YAML: {reason}") from None
    return {"result": list(_objects(documents))}


FUNCTIONS: Final[Mapping[str, Callable[[Arguments], Mapping[str, Any]]]] = {
    "aws:iam/getPolicyDocument:getPolicyDocument": iam_policy_document,
    "gcp:organizations/getIAMPolicy:getIAMPolicy": gcp_iam_policy,
    "kubernetes:yaml:decode": kubernetes_decode_yaml,
}


def _objects(documents: Iterable[Any]) -> Iterable[Any]:
    for document in documents:
        if not isinstance(document, Mapping):
            continue
        plain = json.loads(json.dumps(document, default=str))
        if str(plain.get("kind", "")).endswith("List") and isinstance(plain.get("items"), list):
            yield from _objects(plain["items"])
        else:
            yield plain


def _statements_of(text: Any, what: str) -> list[dict[str, Any]]:
    try:
        statements = json.loads(str(text)).get("Statement", [])
    except (ValueError, AttributeError):
        raise InputError(f"{what} of an IAM policy is not the JSON of one") from None
    return list(statements) if isinstance(statements, list) else [statements]


def _merge(statements: list[dict[str, Any]], added: Iterable[dict[str, Any]]) -> None:
    for statement in added:
        sid = statement.get("Sid")
        same = next((at for at, old in enumerate(statements) if sid and old.get("Sid") == sid), None)
        if same is None:
            statements.append(statement)
        else:
            statements[same] = statement


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {}
    if given.get("sid"):
        statement["Sid"] = given["sid"]
    statement["Effect"] = given.get("effect") or "Allow"
    for name, target in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if given.get(name):
            # The provider sorts and then reverses; order carries no meaning in a policy.
            statement[target] = _one_or_many(sorted(given[name], reverse=True))
    for name, target in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(name):
            statement[target] = _principals(given[name])
    if given.get("conditions"):
        statement["Condition"] = _conditions(given["conditions"])
    return statement


def _principals(given: Iterable[Mapping[str, Any]]) -> Any:
    principals: dict[str, list[str]] = {}
    for principal in given:
        principals.setdefault(str(principal["type"]), []).extend(principal.get("identifiers", []))
    if principals == {"*": ["*"]}:
        return "*"
    return {kind: _one_or_many(sorted(set(names), reverse=True)) for kind, names in principals.items()}


def _conditions(given: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    conditions: dict[str, dict[str, Any]] = {}
    for condition in given:
        values = list(condition.get("values", []))
        conditions.setdefault(str(condition["test"]), {})[str(condition["variable"])] = _one_or_many(values)
    return conditions


def _one_or_many(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
