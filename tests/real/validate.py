"""Holds the document on stdin against a published schema, and prints what violates it, a line each.

`validate.py KIND PUBLISHED OURS`: PUBLISHED is the folder of the schemas that `setup.sh` fetched, OURS that of those
that are written here because no package carries them.
"""

import importlib.util
import json
import re
import sys
from pathlib import Path

MAX_VIOLATIONS = 20


def of_package(name, *parts):
    """A file of an installed package, which need not be one that can be imported."""
    folder = importlib.util.find_spec(name).submodule_search_locations[0]
    return Path(folder).joinpath(*parts)


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def by_json_schema(document, schema, others=()):
    """Violations of a JSON schema, formats such as dates and addresses among them."""
    from jsonschema.validators import validator_for
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    resources = [Resource.from_contents(other, default_specification=DRAFT7) for other in others]
    names = [other.get("$id") or other["id"] for other in others]
    registry = Registry().with_resources(
        pair for name, resource in zip(names, resources) for pair in ((name, resource), (name.rstrip("#?"), resource))
    )
    kind = validator_for(schema)
    validator = kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)
    for error in validator.iter_errors(json.loads(document)):
        yield f"{error.json_path}: {error.message}"


def cyclonedx(document):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = json.loads(document)["specVersion"]
    error = JsonStrictValidator(SchemaVersion.from_version(version)).validate_str(document)
    if error is not None:
        yield str(error)


def junit(document, published):
    import xmlschema

    for error in xmlschema.XMLSchema(str(published / "junit.xsd")).iter_errors(document):
        yield f"{error.path}: {error.reason}"


def csaf(document):
    folder = of_package("csaf_lib", "verification", "schemas")
    others = [read_json(folder / f"cvss_v{version}.json") for version in ("2_0", "3_0", "3_1")]
    return by_json_schema(document, read_json(folder / "csaf_2_0.json"), others)


def asff(document):
    """AWS's own model of the call: names, types, lengths; and, which its validator leaves out, words and patterns."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator

    model = ServiceModel(Loader().load_service_model("securityhub", "service-2"))
    shape = model.operation_model("BatchImportFindings").input_shape
    call = json.loads(document)
    # The model's instants are texts, and so are all of its enumerations.
    yield from ParamValidator().validate(call, shape).generate_report().splitlines()
    yield from words(call, shape, "$")


def words(value, shape, at):
    if shape.type_name == "structure":
        for name, inner in value.items():
            if name in shape.members:
                yield from words(inner, shape.members[name], f"{at}.{name}")
    elif shape.type_name == "list":
        for index, inner in enumerate(value):
            yield from words(inner, shape.member, f"{at}[{index}]")
    elif shape.type_name == "map":
        for name, inner in value.items():
            yield from words(inner, shape.value, f"{at}.{name}")
    elif shape.type_name == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{at}: expected one of {shape.enum}, found `{value}`"
        pattern = shape.metadata.get("pattern")
        if pattern and not re.search(pattern, value):
            yield f"{at}: expected `{pattern}`, found `{value}`"


def violations(kind, document, published, ours):
    match kind:
        case "cyclonedx":
            return cyclonedx(document)
        case "junit":
            return junit(document, published)
        case "csaf":
            return csaf(document)
        case "asff":
            return asff(document)
        case "sarif":
            return by_json_schema(document, read_json(published / "sarif.json"))
        case "spdx":
            return by_json_schema(document, read_json(of_package("lib4sbom", "schemas", "spdx", "2.3-schema.json")))
        case "gitlab" | "openvex":
            return by_json_schema(document, read_json(ours / f"{kind}.json"))
    sys.exit(f"expected the name of a schema, found `{kind}`")


def main():
    kind, published, ours = sys.argv[1:]
    document = sys.stdin.buffer.read().decode("utf-8")
    for number, violation in enumerate(violations(kind, document, Path(published), Path(ours))):
        if number == MAX_VIOLATIONS:
            print("and more")
            return
        print(violation.replace("\n", " ")[:1000])


main()
