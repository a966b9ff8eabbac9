"""The template, read, and resolved as CloudFormation would resolve it in a stack of a given name and parameters."""

import copy
import functools
import re
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
INFRA = REPOSITORY / "infra"

# What the stand-in of AWS says it is.
ACCOUNT = "123456789012"
REGION = "us-east-1"


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as their long ones."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _short_form)


@functools.cache
def _parsed():
    return yaml.load((INFRA / "template.yml").read_text(), Loader)


def load():
    """The template, to be changed at will."""
    return copy.deepcopy(_parsed())


def snake_case(logical_id):
    """The name in Terraform of a resource, parameter or output of the template."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", logical_id).lower()


def kebab_case(logical_id):
    """The name of a function's zip, log group and policy."""
    return snake_case(logical_id).replace("_", "-")


def every(node, path=()):
    """All mappings below a node, each with where it is."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from every(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from every(value, (*path, index))


NO_VALUE = object()


class Stack:
    """The template's resources with values in place of references. What AWS would make up (the ARN of a role without a
    name) is `<logical id>`."""

    def __init__(self, template, parameters=None, name="fluo-test"):
        self.template = template
        self.name = name
        declared = template["Parameters"]
        unknown = set(parameters or {}) - set(declared)
        assert not unknown, f"no such parameters: {unknown}"
        self.parameters = {key: parameter["Default"] for key, parameter in declared.items()} | (parameters or {})
        self.pseudo = {
            "AWS::StackName": name,
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
        }
        self.resources = {
            logical_id: resource
            for logical_id, resource in template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }

    def properties(self, logical_id):
        return self.value(self.resources[logical_id].get("Properties", {}))

    def of_type(self, kind):
        return {
            logical_id: self.properties(logical_id)
            for logical_id, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def outputs(self):
        """The outputs that there are."""
        return {
            name: self.value(output["Value"])
            for name, output in self.template["Outputs"].items()
            if "Condition" not in output or self.condition(output["Condition"])
        }

    def refused(self):
        """What the template's rules say against the parameters."""
        return [
            assertion["AssertDescription"]
            for rule in self.template["Rules"].values()
            if "RuleCondition" not in rule or self.test(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self.test(assertion["Assert"])
        ]

    def condition(self, name):
        return self.test(self.template["Conditions"][name])

    def test(self, node):
        (function, argument), = node.items()
        match function:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                one, other = (str(self.value(side)) for side in argument)
                return one == other
            case "Fn::Not":
                return not self.test(argument[0])
            case "Fn::And":
                return all(map(self.test, argument))
            case "Fn::Or":
                return any(map(self.test, argument))
        raise AssertionError(f"no condition: {node}")

    def value(self, node):
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, argument), = node.items()
            match function:
                case "Ref":
                    return self.ref(argument)
                case "Fn::GetAtt":
                    return self.attribute(*argument)
                case "Fn::If":
                    return self.value(argument[1 if self.condition(argument[0]) else 2])
                case "Fn::FindInMap":
                    table, first, second = (self.value(part) for part in argument)
                    return self.template["Mappings"][table][str(first)][second]
                case "Fn::Join":
                    return argument[0].join(map(str, self.value(argument[1])))
                case "Fn::Split":
                    return self.value(argument[1]).split(argument[0])
                case "Fn::Sub":
                    text, own = argument if isinstance(argument, list) else (argument, {})
                    known = {name: self.value(value) for name, value in own.items()}
                    return re.sub(
                        r"\$\{([^}]+)\}", lambda found: str(known.get(found[1]) or self.placeholder(found[1])), text
                    )
        assert not any(key.startswith("Fn::") for key in node), f"not resolved: {node}"
        values = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NO_VALUE}

    def placeholder(self, name):
        return str(self.attribute(*name.split(".", 1)) if "." in name else self.ref(name))

    def ref(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        resource = self.template["Resources"][name]
        own_name = {
            "AWS::S3::Bucket": "BucketName",
            "AWS::Lambda::Function": "FunctionName",
            "AWS::Logs::LogGroup": "LogGroupName",
        }
        if resource["Type"] in own_name:
            return self.value(resource["Properties"][own_name[resource["Type"]]])
        if resource["Type"] == "AWS::SNS::Topic":
            return f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.value(resource['Properties']['TopicName'])}"
        return f"<{name}>"

    def attribute(self, name, attribute):
        properties = self.template["Resources"][name].get("Properties", {})
        kind = self.template["Resources"][name]["Type"]
        match kind, attribute:
            case "AWS::S3::Bucket", "Arn":
                return f"arn:aws:s3:::{self.value(properties['BucketName'])}"
            case "AWS::SQS::Queue", "Arn":
                return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.value(properties['QueueName'])}"
            case "AWS::SNS::Topic", "TopicName":
                return self.value(properties["TopicName"])
            case "AWS::SQS::Queue", "QueueName":
                return self.value(properties["QueueName"])
            case "AWS::Lambda::Function", "Arn":
                return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.value(properties['FunctionName'])}"
            case "AWS::Logs::LogGroup", "Arn":
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.value(properties['LogGroupName'])}:*"
            case "AWS::Events::Rule", "Arn":
                return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{self.value(properties['Name'])}"
            case "AWS::IAM::Role", "Arn":
                return f"<{name}>"
        raise AssertionError(f"no attribute {attribute} of {name} ({kind})")


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(document):
    """The statements of a policy in one form, whoever wrote it and in whatever order."""
    result = []
    for statement in as_list(document["Statement"]):
        shaped = {
            "Sid": statement.get("Sid", ""),
            "Effect": statement["Effect"],
            "Action": sorted(as_list(statement["Action"])),
            "Resource": sorted(as_list(statement.get("Resource", []))),
            "Condition": {
                operator: {key: sorted(map(str, as_list(values))) for key, values in tests.items()}
                for operator, tests in statement.get("Condition", {}).items()
            },
        }
        principal = statement.get("Principal", "nobody else")
        shaped["Principal"] = (
            {kind: sorted(as_list(who)) for kind, who in principal.items()} if isinstance(principal, dict) else principal
        )
        result.append(shaped)
    return sorted(result, key=lambda statement: (statement["Sid"], statement["Action"]))
