"""The stand-in of AWS, with what it lacks of what is deployed here: `stand_in.py PORT`.

Terraform reads back what it wrote, waits until it is there, and compares. The stand-in forgets who may use a queue for
dead letters (Terraform would wait three minutes and fail), writes redrive policies with other white space than it was
given, forgets where a function logs to, keeps quiet that a bucket tells EventBridge, and sends its events to schedules,
too.
"""

import json
import re
import sys

from moto.awslambda.models import LambdaFunction
from moto.events.models import Rule
from moto.s3.responses import S3Response
from moto.server import main
from moto.sqs.models import Queue


def with_dead_letters_as_given():
    Queue.BASE_ATTRIBUTES.append("RedriveAllowPolicy")
    Queue.redrive_allow_policy = None
    attributes = Queue.attributes.fget

    def as_given(queue):
        found = attributes(queue)
        if found.get("RedrivePolicy"):
            found["RedrivePolicy"] = json.dumps(json.loads(found["RedrivePolicy"]), separators=(",", ":"))
        return found

    Queue.attributes = property(as_given)


def with_log_groups():
    made, configuration = LambdaFunction.__init__, LambdaFunction.get_configuration

    def make(function, account_id, spec, *arguments, **more):
        made(function, account_id, spec, *arguments, **more)
        function.logging_config = spec.get("LoggingConfig")

    def get_configuration(function, *arguments, **more):
        return configuration(function, *arguments, **more) | {"LoggingConfig": function.logging_config}

    LambdaFunction.__init__, LambdaFunction.get_configuration = make, get_configuration


def with_event_bridge():
    without = S3Response.get_bucket_notification

    def get_bucket_notification(response):
        status, headers, body = without(response)
        told = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if told and told.event_bridge is not None:
            # Without any other notification its element is empty.
            body = re.sub(r"(<NotificationConfiguration[^>]*?)/>", r"\1></NotificationConfiguration>", body)
            body = body.replace("</NotificationConfiguration>", "<EventBridgeConfiguration/></NotificationConfiguration>")
        return status, headers, body

    S3Response.get_bucket_notification = get_bucket_notification
    to_all = Rule.send_to_targets

    def send_to_targets(rule, *arguments, **more):
        if rule.event_pattern.get_pattern():
            to_all(rule, *arguments, **more)

    Rule.send_to_targets = send_to_targets


if __name__ == "__main__":
    with_dead_letters_as_given()
    with_log_groups()
    with_event_bridge()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
