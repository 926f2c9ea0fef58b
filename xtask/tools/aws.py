"""One call of the AWS API: `aws.py SERVICE OPERATION JSON` prints the answer as JSON."""

import json
import sys

import boto3


def plain(value):
    """What JSON cannot hold: bodies that are streams, and times."""
    return value.read().decode() if hasattr(value, "read") else str(value)


service, operation, arguments = sys.argv[1:]
answer = getattr(boto3.client(service), operation)(**json.loads(arguments))
answer.pop("ResponseMetadata", None)
json.dump(answer, sys.stdout, default=plain)
