"""Makes and looks at objects of an S3 server, with boto3. The server and the keys are those of the environment.

objects.py bucket NAME            makes a bucket
objects.py user                   makes a user who may do all in S3, and prints its keys as JSON
objects.py put BUCKET KEY FILE    writes an object
objects.py show BUCKET KEY        prints what is known of an object, and the digest of its bytes, as JSON
objects.py keys BUCKET            prints the keys of a bucket, as JSON
"""

import hashlib
import json
import sys

import boto3


def show(s3, bucket, key):
    head = s3.head_object(Bucket=bucket, Key=key)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    print(json.dumps({
        "sha256": hashlib.sha256(body).hexdigest(),
        "size": len(body),
        "etag": head["ETag"],
        "type": head["ContentType"],
        "sse": head.get("ServerSideEncryption"),
        "kms": head.get("SSEKMSKeyId"),
        "class": head.get("StorageClass"),
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }))


def keys(s3, bucket):
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        found += [item["Key"] for item in page.get("Contents", [])]
    print(json.dumps(sorted(found)))


def user():
    iam = boto3.client("iam")
    iam.create_user(UserName="pipeline")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="pipeline", PolicyName="all", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="pipeline")["AccessKey"]
    print(json.dumps({"id": made["AccessKeyId"], "secret": made["SecretAccessKey"]}))


def main():
    action, *rest = sys.argv[1:]
    s3 = boto3.client("s3")
    if action == "bucket":
        s3.create_bucket(Bucket=rest[0])
    elif action == "put":
        with open(rest[2], "rb") as file:
            s3.put_object(Bucket=rest[0], Key=rest[1], Body=file.read())
    elif action == "user":
        user()
    elif action == "show":
        show(s3, *rest)
    else:
        keys(s3, *rest)


main()
