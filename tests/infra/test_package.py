"""`aws cloudformation package` takes the template as it is."""

import os
import re
import shutil
import subprocess
import sys

import boto3
import yaml

from cloudformation import INFRA, REGION, Loader, load


def test_it_is_packaged(aws, zips, tmp_path):
    shutil.copy(INFRA / "template.yml", tmp_path)
    shutil.copytree(zips, tmp_path / "dist")
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_DEFAULT_REGION": REGION}
    s3 = boto3.client(
        "s3", endpoint_url=aws, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="testtest"
    )
    s3.create_bucket(Bucket="artefacts")
    command = [sys.executable, "-m", "awscli", "cloudformation", "package", "--template-file", tmp_path / "template.yml"]
    command += ["--s3-bucket", "artefacts", "--output-template-file", tmp_path / "packaged.yml"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": aws, **credentials}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # CloudFormation takes templates of a megabyte by way of a bucket, as `deploy --s3-bucket` hands them over; on the
    # command line alone it takes 51,200 bytes, and this one has more. What is left is for what will be added.
    assert (tmp_path / "packaged.yml").stat().st_size < 500_000
    resources = yaml.load((tmp_path / "packaged.yml").read_text(), Loader)["Resources"]
    uploaded = {key["Key"] for key in s3.list_objects_v2(Bucket="artefacts")["Contents"]}
    for function in ("IngestSpans", "EvaluateRules", "CompactSpans", "NotifyChat"):
        code = resources[function]["Properties"]["Code"]
        assert code["S3Bucket"] == "artefacts"
        assert code["S3Key"] in uploaded
    assert len(uploaded) == 4


def test_every_deployment_of_the_manual_goes_by_way_of_a_bucket():
    commands = re.findall(r"^ *aws cloudformation (?:deploy|create-\S+)(?:.*\\\n)*.*$", (INFRA / "README.md").read_text(), re.M)
    assert len(commands) > 3
    assert [command for command in commands if "--s3-bucket" not in command] == []


def test_the_template_keeps_within_the_quotas_of_cloudformation():
    # Parameters, resources, outputs; the longest description of a parameter; an environment of 4 KB is the users'.
    template = load()
    assert len(template["Parameters"]) <= 200
    assert len(template["Resources"]) <= 500
    assert len(template["Outputs"]) <= 200
    assert max(len(parameter["Description"]) for parameter in template["Parameters"].values()) <= 4000
    assert len(template["Description"]) <= 1024
