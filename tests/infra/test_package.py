"""`aws cloudformation package` takes the template as it is."""

import os
import shutil
import subprocess
import sys

import boto3
import yaml

from cloudformation import INFRA, REGION, Loader


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
    # Above this size a template must be deployed by way of a bucket, and the commands of the README would not do.
    assert (tmp_path / "packaged.yml").stat().st_size < 51_200
    resources = yaml.load((tmp_path / "packaged.yml").read_text(), Loader)["Resources"]
    uploaded = {key["Key"] for key in s3.list_objects_v2(Bucket="artefacts")["Contents"]}
    for function in ("IngestSpans", "EvaluateRules", "NotifyChat"):
        code = resources[function]["Properties"]["Code"]
        assert code["S3Bucket"] == "artefacts"
        assert code["S3Key"] in uploaded
    assert len(uploaded) == 3
