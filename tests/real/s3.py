"""Holds an S3 endpoint to what Amazon's own tools expect of one.

usage: s3.py cli|select|keys|writers ENDPOINT FOLDER
       s3.py shape ENDPOINT OTHER_ENDPOINT

`cli` drives the AWS CLI, the others boto3. `keys` expects the keys `ci`/`ci-secret` and, for reading alone, `viewer`/
`viewer-secret`. `shape` makes the same calls to another server (moto) and compares the answers; where that server is known
to answer otherwise than Amazon documents, the call is in DEVIATIONS.
"""

import base64
import datetime
import gzip
import bz2
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zlib

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.credentials
from botocore.config import Config


def client(endpoint, access_key="any", secret_key="thing", **config):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(retries={"max_attempts": 1}, **config),
    )


def code(call, **parameters):
    """Amazon's code of a call that is refused; the status where a HEAD has no code."""
    try:
        call(**parameters)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return None


def equal(found, expected, what=""):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


# The AWS CLI.


def cli(endpoint, folder):
    folder = pathlib.Path(folder)
    aws = pathlib.Path(sys.executable).parent / "aws"
    environment = dict(
        os.environ,
        AWS_ACCESS_KEY_ID="any",
        AWS_SECRET_ACCESS_KEY="thing",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=endpoint,
        HOME=str(folder),
    )

    def run(*words, status=0):
        done = subprocess.run([str(aws), *words], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == status, f"aws {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    report = [
        {"Target": "app", "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "Severity": "HIGH"},
                                               {"VulnerabilityID": "CVE-2", "Severity": "LOW"}]}
    ]
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    # The pipelines' own words.
    run("s3", "cp", "report.json", "s3://bucket")
    run(
        "s3api", "select-object-content", "--bucket", "bucket", "--key", "report.json",
        "--expression", "select * from s3object", "--expression-type", "SQL",
        "--input-serialization", '{"JSON": {"Type": "Document"}, "CompressionType": "None"}',
        "--output-serialization", '{"JSON": {"RecordDelimiter": "-"}}', "out.json",
    )
    text = (folder / "out.json").read_text()
    assert text.startswith('{"_1":['), text
    assert text.endswith("-"), text
    # jq reads what stands before the delimiter, and says so.
    with open(folder / "out.json") as out:
        done = subprocess.run(["jq", "-r", "._1[0].Vulnerabilities[].Severity"], stdin=out, capture_output=True, text=True)
    equal(done.stdout.split(), ["HIGH", "LOW"], "jq")

    run("s3", "mb", "s3://made")
    assert "BucketAlreadyOwnedByYou" in run("s3", "mb", "s3://made", status=1)
    tree = folder / "tree"
    for name in ("a.json", "b/c.txt", "b/d e/ü.json", "noext", "b/noext/deep"):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "tree/b/noext.json").write_text("x")
    out = run("s3", "sync", "tree", "s3://made/tree")
    equal(out.count("upload:"), 6, "sync")
    equal(run("s3", "sync", "tree", "s3://made/tree").count("upload:"), 0, "sync again")
    run("s3", "sync", "s3://made/tree", "back")
    for path in tree.rglob("*"):
        if path.is_file():
            equal((folder / "back" / path.relative_to(tree)).read_bytes(), path.read_bytes(), str(path))
    listed = run("s3", "ls", "s3://made/tree/")
    assert "PRE b/" in listed and "a.json" in listed and "noext" in listed, listed
    run("s3", "cp", "s3://made/tree/a.json", "s3://made/copied.json")
    run("s3", "mv", "s3://made/copied.json", "s3://bucket/moved.json")
    assert "moved.json" in run("s3", "ls", "s3://bucket")
    # In parts, of 8 MiB.
    large = os.urandom(1 << 20) * 20
    (folder / "large").write_bytes(large)
    run("s3", "cp", "large", "s3://bucket/large")
    head = json.loads(run("s3api", "head-object", "--bucket", "bucket", "--key", "large"))
    assert head["ETag"].endswith('-3"'), head
    run("s3", "cp", "s3://bucket/large", "large.back")
    assert (folder / "large.back").read_bytes() == large
    run("s3", "cp", "s3://bucket/large", "s3://made/large")
    # Without a secret, over plain HTTP.
    address = run("s3", "presign", "s3://bucket/report.json", "--expires-in", "60").strip()
    equal(json.loads(urllib.request.urlopen(address).read()), report, "presigned")
    assert "BucketNotEmpty" in run("s3", "rb", "s3://made", status=1)
    run("s3", "rb", "--force", "s3://made")
    assert "made" not in run("s3", "ls")


# S3 Select.


def records(answer):
    parts, names = [], []
    for event in answer["Payload"]:
        (name,) = event
        names.append(name)
        if name == "Records":
            parts.append(event["Records"]["Payload"])
    return b"".join(parts).decode(), names


def select(endpoint, folder):
    s3 = client(endpoint)
    lines = "".join(json.dumps({"id": number, "severity": "HIGH" if number % 3 == 0 else "LOW"}) + "\n" for number in range(3000))
    people = 'name,age\n"Doe, J",41\nAda,36\n'
    objects = {
        "lines.jsonl": lines.encode(),
        "lines.jsonl.gz": gzip.compress(lines.encode()),
        "lines.jsonl.bz2": bz2.compress(lines.encode()),
        "people.csv": people.encode(),
        "broken.jsonl": b'{"id": 1}\n{nonsense\n',
        "report.json": json.dumps([{"Vulnerabilities": [{"ID": "a", "Score": 9.5}, {"ID": "b", "Score": 2}]}]).encode(),
    }
    for key, content in objects.items():
        s3.put_object(Bucket="box", Key=key, Body=content)

    def ask(key, expression, source, out=None, **more):
        return s3.select_object_content(
            Bucket="box", Key=key, Expression=expression, ExpressionType="SQL", InputSerialization=source,
            OutputSerialization=out or {"JSON": {}}, **more,
        )

    json_lines = {"JSON": {"Type": "LINES"}}
    for key, kind in (("lines.jsonl", "NONE"), ("lines.jsonl.gz", "GZIP"), ("lines.jsonl.bz2", "BZIP2")):
        source = {**json_lines, "CompressionType": kind}
        found, names = records(ask(key, "SELECT COUNT(*) AS n FROM S3Object s WHERE s.severity = 'HIGH'", source))
        equal(json.loads(found), {"n": 1000}, key)
        equal(names[-2:], ["Stats", "End"], "events")
    found, _ = records(ask("report.json", "SELECT v.ID FROM S3Object[*][*].Vulnerabilities[*] v WHERE v.Score > 9", {"JSON": {"Type": "DOCUMENT"}}))
    equal(found, '{"ID":"a"}\n', "path")
    csv = {"CSV": {"FileHeaderInfo": "USE"}}
    found, _ = records(ask("people.csv", "SELECT s.name, s.age FROM S3Object s WHERE CAST(s.age AS INT) > 40", csv, {"CSV": {}}))
    equal(found, '"Doe, J",41\n', "csv")
    out = {"CSV": {"QuoteFields": "ALWAYS", "FieldDelimiter": ";", "RecordDelimiter": "|", "QuoteCharacter": "'"}}
    found, _ = records(ask("people.csv", "SELECT * FROM S3Object", {"CSV": {"FileHeaderInfo": "IGNORE"}}, out))
    equal(found, "'Doe, J';'41'|'Ada';'36'|", "csv out")
    # Two ranges have each record once.
    half = len(lines) // 2
    counts = [
        json.loads(records(ask("lines.jsonl", "SELECT COUNT(*) AS n FROM S3Object", json_lines, ScanRange=scan))[0])["n"]
        for scan in ({"Start": 0, "End": half}, {"Start": half + 1, "End": len(lines)})
    ]
    equal(sum(counts), 3000, "ranges")
    assert all(counts), counts
    # Many records in several messages, and progress.
    s3.put_object(Bucket="box", Key="many.jsonl", Body=(lines * 400).encode())
    found, names = records(ask("many.jsonl", "SELECT * FROM S3Object", json_lines, RequestProgress={"Enabled": True}))
    equal(found.count("\n"), 1_200_000, "many")
    assert names.count("Records") > 10 and "Progress" in names, names[:5]

    equal(code(ask, key="none", expression="SELECT * FROM S3Object", source=json_lines), "NoSuchKey")
    equal(code(ask, key="lines.jsonl", expression="SELECT * FORM S3Object", source=json_lines)[:5], "Parse", "statement")
    equal(code(ask, key="lines.jsonl", expression="SELECT * FROM S3Object", source={"JSON": {"Type": "NONE"}}), "InvalidJsonType")
    equal(code(ask, key="lines.jsonl", expression="SELECT * FROM S3Object", source={**json_lines, "CompressionType": "LZ4"}), "InvalidCompressionFormat")
    equal(code(ask, key="people.csv", expression="SELECT * FROM S3Object", source={"CSV": {"FileHeaderInfo": "MAYBE"}}), "InvalidFileHeaderInfo")
    equal(code(ask, key="lines.jsonl.gz", expression="SELECT * FROM S3Object", source={**json_lines, "CompressionType": "BZIP2"}), "TruncatedInput")
    # What was found before the error comes before it.
    answer = ask("broken.jsonl", "SELECT s.id FROM S3Object s", json_lines)
    seen = b""
    try:
        for event in answer["Payload"]:
            seen += event.get("Records", {}).get("Payload", b"")
        raise AssertionError("expected an error within the answer")
    except botocore.exceptions.EventStreamError as error:
        equal(error.response["Error"]["Code"], "JSONParsingError", "within")
    equal(seen, b'{"id":1}\n', "before the error")
    # Clients that stop listening leave the server as it was.
    for _ in range(20):
        answer = ask("many.jsonl", "SELECT * FROM S3Object", json_lines)
        next(iter(answer["Payload"]))
        answer["Payload"].close()
    found, _ = records(ask("lines.jsonl", "SELECT COUNT(*) AS n FROM S3Object", json_lines))
    equal(json.loads(found), {"n": 3000}, "after clients that went away")


# Keys.


def signed(endpoint, method, path, headers, body, secret="ci-secret", access="ci", moment=None):
    """A request signed as botocore signs it, at another time if wanted."""
    request = botocore.awsrequest.AWSRequest(method=method, url=endpoint + path, headers=dict(headers), data=body)
    auth = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(access, secret), "s3", "us-east-1")
    real = botocore.auth.get_current_datetime if hasattr(botocore.auth, "get_current_datetime") else None
    if moment is not None:
        botocore.auth.get_current_datetime = lambda remove_tzinfo=True: moment
    try:
        auth.add_auth(request)
    finally:
        if real is not None:
            botocore.auth.get_current_datetime = real
    return dict(request.headers.items())


def send(endpoint, method, path, headers, body):
    request = urllib.request.Request(endpoint + path, data=body or None, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, text.split("<Code>")[1].split("<")[0] if "<Code>" in text else ""


def chunks(endpoint):
    """Bodies in chunks, each signed, as Amazon's older tools send them; and with a signed checksum behind them."""
    content = os.urandom(100_000)
    checksum = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()

    def put(trailer=None, break_chunk=None, last=True, sign_trailer=True, announced=True):
        kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        head = {"x-amz-content-sha256": kind, "x-amz-decoded-content-length": str(len(content)), "Content-Encoding": "aws-chunked"}
        if trailer and announced:
            head["x-amz-trailer"] = "x-amz-checksum-crc32"
        request = botocore.awsrequest.AWSRequest(method="PUT", url=endpoint + "/box/signed-chunks", headers=head, data=b"")
        auth = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("ci", "ci-secret"), "s3", "us-east-1")
        auth.payload = lambda _: kind
        auth._should_sha256_sign_payload = lambda _: True
        auth.add_auth(request)
        headers = dict(request.headers.items())
        before, moment = headers["Authorization"].split("Signature=")[1], headers["X-Amz-Date"]
        scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
        key = b"AWS4ci-secret"
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        sha256 = lambda text: hashlib.sha256(text).hexdigest()

        def sign(what, *hashes):
            text = "\n".join(("AWS4-HMAC-SHA256-" + what, moment, scope, before, *hashes))
            return hmac.new(key, text.encode(), "sha256").hexdigest()

        body = b""
        for number, piece in enumerate((content[:65536], content[65536:], b"")):
            if not piece and not last:
                break
            before = sign("PAYLOAD", sha256(b""), sha256(piece))
            shown = "0" * 64 if number == break_chunk else before
            body += f"{len(piece):x};chunk-signature={shown}\r\n".encode() + piece + (b"\r\n" if piece else b"")
        if trailer:
            line = f"x-amz-checksum-crc32:{trailer}"
            signature = sign("TRAILER", sha256(line.encode() + b"\n"))
            body += line.encode() + b"\r\n"
            if sign_trailer:
                body += f"x-amz-trailer-signature:{signature}\r\n".encode()
        return send(endpoint, "PUT", "/box/signed-chunks", headers, body + b"\r\n")

    s3 = client(endpoint, "ci", "ci-secret")
    for wrong, expected in (
        ({"break_chunk": 0}, "SignatureDoesNotMatch"),
        ({"break_chunk": 1}, "SignatureDoesNotMatch"),
        ({"break_chunk": 2}, "SignatureDoesNotMatch"),
        ({"last": False}, None),
        ({"trailer": "AAAAAA=="}, "BadDigest"),
        ({"trailer": checksum, "sign_trailer": False}, None),
        ({"trailer": checksum, "announced": False}, None),
    ):
        status, name = put(**wrong)
        assert status in (400, 403) and name and (expected is None or name == expected), f"{wrong}: {status} {name}"
        equal(code(s3.head_object, Bucket="box", Key="signed-chunks"), "404", f"nothing is left of {wrong}")
    for right in ({}, {"trailer": checksum}):
        equal(put(**right), (200, ""), str(right))
        answer = s3.get_object(Bucket="box", Key="signed-chunks")
        equal(answer["Body"].read(), content, str(right))
        assert "ContentEncoding" not in answer, answer["ContentEncoding"]
        s3.delete_object(Bucket="box", Key="signed-chunks")


def keys(endpoint, folder):
    s3 = client(endpoint, "ci", "ci-secret")
    s3.put_object(Bucket="box", Key="a.json", Body=b"{}")
    s3.put_object(Bucket="box", Key="odd key+ü&=?.json", Body=b"odd")
    equal(s3.get_object(Bucket="box", Key="odd key+ü&=?.json")["Body"].read(), b"odd", "odd key")
    equal(len(s3.list_objects_v2(Bucket="box", Prefix="odd key+")["Contents"]), 1, "odd prefix")
    equal(code(client(endpoint, "ci", "wrong").get_object, Bucket="box", Key="a.json"), "SignatureDoesNotMatch")
    equal(code(client(endpoint, "nobody", "x").get_object, Bucket="box", Key="a.json"), "InvalidAccessKeyId")
    anonymous = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=Config(signature_version=botocore.UNSIGNED))
    equal(code(anonymous.get_object, Bucket="box", Key="a.json"), "AccessDenied")
    viewer = client(endpoint, "viewer", "viewer-secret")
    equal(viewer.get_object(Bucket="box", Key="a.json")["Body"].read(), b"{}", "viewer")
    for call, parameters in (
        (viewer.put_object, {"Key": "b", "Body": b""}),
        (viewer.delete_object, {"Key": "a.json"}),
        (viewer.copy_object, {"Key": "c", "CopySource": "box/a.json"}),
        (viewer.put_object_tagging, {"Key": "a.json", "Tagging": {"TagSet": []}}),
        (viewer.create_multipart_upload, {"Key": "d"}),
        (viewer.delete_objects, {"Delete": {"Objects": [{"Key": "a.json"}]}}),
    ):
        equal(code(call, Bucket="box", **parameters), "AccessDenied", str(parameters))
    answer = viewer.select_object_content(
        Bucket="box", Key="a.json", Expression="SELECT * FROM S3Object", ExpressionType="SQL",
        InputSerialization={"JSON": {"Type": "DOCUMENT"}}, OutputSerialization={"JSON": {}},
    )
    equal(records(answer)[0], "{}\n", "viewer's statement")

    # A signature that was seen, sent again with something else.
    headers = signed(endpoint, "PUT", "/box/seen.json", {}, b"mine")
    equal(send(endpoint, "PUT", "/box/seen.json", headers, b"mine"), (200, ""), "as signed")
    equal(send(endpoint, "PUT", "/box/seen.json", headers, b"evil"), (400, "XAmzContentSHA256Mismatch"), "another body")
    equal(send(endpoint, "PUT", "/box/other.json", headers, b"mine"), (403, "SignatureDoesNotMatch"), "another path")
    equal(send(endpoint, "DELETE", "/box/seen.json", headers, b""), (403, "SignatureDoesNotMatch"), "another method")
    equal(send(endpoint, "PUT", "/box/seen.json?tagging", headers, b"mine"), (403, "SignatureDoesNotMatch"), "another query")
    more = {**headers, "x-amz-copy-source": "/box/a.json"}
    equal(send(endpoint, "PUT", "/box/seen.json", more, b"mine"), (403, "AccessDenied"), "another header")
    equal(s3.get_object(Bucket="box", Key="seen.json")["Body"].read(), b"mine", "what is there")
    # Another clock.
    now = datetime.datetime.now(datetime.timezone.utc)
    for minutes, expected in ((-20, "RequestTimeTooSkewed"), (20, "RequestTimeTooSkewed"), (-10, ""), (10, "")):
        if not hasattr(botocore.auth, "get_current_datetime"):
            break
        moment = (now + datetime.timedelta(minutes=minutes)).replace(tzinfo=None)
        headers = signed(endpoint, "GET", "/box/a.json", {}, b"", moment=moment)
        equal(send(endpoint, "GET", "/box/a.json", headers, b"")[1], expected, f"{minutes} minutes")
    # Presigned, as tools do it today and as they did.
    for version in ("s3v4", "s3"):
        signing = client(endpoint, "ci", "ci-secret", signature_version=version)
        address = signing.generate_presigned_url("get_object", {"Bucket": "box", "Key": "a.json"}, ExpiresIn=60)
        equal(urllib.request.urlopen(address).read(), b"{}", version)
        path = address[len(endpoint):]
        other = path.replace("a.json", "seen.json")
        equal(send(endpoint, "GET", other, {}, b"")[1], "SignatureDoesNotMatch", "other key")
        equal(send(endpoint, "DELETE", path, {}, b"")[1], "SignatureDoesNotMatch", "other method")
        longer = path.replace("Expires=", "Expires=1")
        equal(send(endpoint, "GET", longer, {}, b"")[1], "SignatureDoesNotMatch", "longer")
        added = send(endpoint, "GET", path, {"x-amz-copy-source": "/box/a.json"}, b"")[0]
        equal(added, 403, "another header")
        put = signing.generate_presigned_url("put_object", {"Bucket": "box", "Key": "up.json"}, ExpiresIn=60)
        # What `urllib` adds by itself is part of what version 2 signs.
        equal(send(endpoint, "PUT", put[len(endpoint):], {"Content-Type": ""}, b"up")[0], 200, f"upload {version}")
        short = signing.generate_presigned_url("get_object", {"Bucket": "box", "Key": "a.json"}, ExpiresIn=1)
        threading.Event().wait(2.5)
        equal(send(endpoint, "GET", short[len(endpoint):], {}, b""), (403, "AccessDenied"), "expired")
    # An address that was handed out, with something added that its signature does not cover.
    s3.put_object(Bucket="other", Key="secret", Body=b"secret")
    signing = client(endpoint, "ci", "ci-secret", signature_version="s3v4")
    path = signing.generate_presigned_url("put_object", {"Bucket": "box", "Key": "handed.json"}, ExpiresIn=60)[len(endpoint):]
    copy = {"x-amz-copy-source": "/other/secret"}
    claim = "AWS4-HMAC-SHA256 Credential=a/20260101/r/s3/aws4_request, SignedHeaders=host;x-amz-copy-source, Signature=" + "0" * 64
    spelled = path.replace("X-Amz-Signature", "X-Amz-Signatur%65").replace("X-Amz-SignedHeaders", "X-Amz-Signed%48eaders")
    for added, headers in ((path, copy), (spelled, copy), (path, {**copy, "Authorization": claim})):
        assert send(endpoint, "PUT", added, headers, b"")[0] in (400, 403), added
    equal(code(s3.head_object, Bucket="box", Key="handed.json"), "404", "nothing was copied")
    equal(send(endpoint, "PUT", spelled, {}, b"up")[0], 200, "spelled otherwise")
    week = signing.generate_presigned_url("get_object", {"Bucket": "box", "Key": "a.json"}, ExpiresIn=604801)
    equal(send(endpoint, "GET", week[len(endpoint):], {}, b""), (400, "AuthorizationQueryParametersError"), "a week and more")
    chunks(endpoint)
    # Signed payloads, and unsigned ones with a checksum behind them.
    for signing in ({}, {"request_checksum_calculation": "when_required"}):
        large = os.urandom(3 << 20)
        other = client(endpoint, "ci", "ci-secret", **signing)
        other.put_object(Bucket="box", Key="chunks", Body=large)
        assert other.get_object(Bucket="box", Key="chunks")["Body"].read() == large
    # Buckets as names of the server.
    host = endpoint.split("//")[1]
    named = client(f"http://localhost:{host.split(':')[1]}", "ci", "ci-secret", s3={"addressing_style": "path"})
    equal(named.get_object(Bucket="box", Key="a.json")["Body"].read(), b"{}", "by name")


# Two writers.


def writers(endpoint, folder):
    s3 = client(endpoint, max_pool_connections=32)
    bodies = [bytes([65 + number]) * (300_000 + number) for number in range(12)]
    outcomes = []

    def put(body, **more):
        outcomes.append(code(s3.put_object, Bucket="box", Key="one.json", Body=body, **more))

    def together(**more):
        outcomes.clear()
        threads = [threading.Thread(target=put, args=(body,), kwargs=more) for body in bodies]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        answer = s3.get_object(Bucket="box", Key="one.json")
        content = answer["Body"].read()
        assert content in bodies, "whole, of one of them"
        equal(answer["ETag"], '"' + hashlib.md5(content).hexdigest() + '"', "the tag is of the bytes")
        return sorted(str(outcome) for outcome in outcomes)

    equal(together(IfNoneMatch="*"), sorted(["None"] + ["PreconditionFailed"] * 11), "create")
    equal(together(), ["None"] * 12, "overwrite")
    tag = s3.head_object(Bucket="box", Key="one.json")["ETag"]
    # One changes the tag for all others, unless it puts the same bytes again.
    outcome = together(IfMatch=tag)
    assert outcome.count("None") in (1, 2), outcome
    # Readers see whole objects while writers replace them.
    stop = threading.Event()

    def rewrite():
        while not stop.is_set():
            s3.put_object(Bucket="box", Key="one.json", Body=bodies[hash(threading.get_ident()) % 12])

    threads = [threading.Thread(target=rewrite) for _ in range(3)]
    [thread.start() for thread in threads]
    for _ in range(100):
        answer = s3.get_object(Bucket="box", Key="one.json")
        content = answer["Body"].read()
        assert content in bodies
        equal(answer["ETag"], '"' + hashlib.md5(content).hexdigest() + '"', "while it is replaced")
    stop.set()
    [thread.join() for thread in threads]


# The same calls to two servers.

# Values that differ between servers by nature are shown by their names alone.
BY_NATURE = {
    "UploadId", "Initiated", "LastModified", "CreationDate", "Owner", "Initiator", "Location", "NextContinuationToken",
    "ContinuationToken", "NextUploadIdMarker", "ExpiresString",
}
# What one server says and the other leaves out, and Amazon may do either: a checksum that nobody asked for, and its type;
# versions and encryption, which we have not; empty markers.
OPTIONAL = {
    "ResponseMetadata", "ServerSideEncryption", "RequestCharged", "BucketKeyEnabled", "ChecksumType", "ChecksumCRC64NVME",
    "VersionId", "BucketRegion", "AccessPointAlias", "Prefix", "TagCount", "ChecksumAlgorithm", "BucketArn", "Marker",
}
# Calls that moto answers otherwise than Amazon's documentation says.
DEVIATIONS = {
    "tag twice": "takes a tag twice",
    "override": "leaves response-* out",
    "head unless tag": "answers 200 to HEAD with If-None-Match",
    "wrong checksum": "does not compare",
    "wrong md5": "does not compare",
    "wrong is not there": "follows from the two above",
    "copy if tag": "does not look at x-amz-copy-source-if-match",
    "delete quietly": "is not quiet",
    "wrong order": "looks at sizes first",
    "large part": "does not know partNumber",
    "list marker": "names another next marker, though there is no delimiter",
    "part of none": "fails within",
    "complete none": "fails within",
}


def plain(value, name=None):
    if name in BY_NATURE:
        return f"<{name}>"
    if isinstance(value, dict):
        return {key: plain(item, key) for key, item in sorted(value.items()) if key not in OPTIONAL}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return "<time>"
    if hasattr(value, "read"):
        content = value.read()
        return content.decode("latin-1") if len(content) < 200 else hashlib.md5(content).hexdigest()
    return value


def calls(endpoint):
    """Makes the calls, and gives what each was answered by its label."""
    s3 = client(endpoint, s3={"addressing_style": "path"})
    found = {}

    def call(label, operation, **parameters):
        parameters = {"Bucket": "shape-box", **parameters}
        try:
            answer = getattr(s3, operation)(**parameters)
            found[label] = [answer["ResponseMetadata"]["HTTPStatusCode"], plain(answer)]
            return answer
        except botocore.exceptions.ClientError as error:
            answer = error.response
            found[label] = [answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]]
            return {}

    def etag(content):
        return '"' + hashlib.md5(content).hexdigest() + '"'

    past, future = datetime.datetime(2001, 1, 1), datetime.datetime(2040, 1, 1)
    call("no bucket yet", "head_bucket")
    call("make", "create_bucket")
    call("made", "head_bucket")
    call("where", "get_bucket_location")
    call("versions", "get_bucket_versioning")
    call("put", "put_object", Key="a.json", Body=b"{}", ContentType="application/json", Metadata={"team": "red", "n": "1"},
         CacheControl="max-age=1", ContentDisposition="attachment", ContentEncoding="identity", ContentLanguage="en",
         Tagging="a=1&b=2")
    call("get", "get_object", Key="a.json")
    call("head", "head_object", Key="a.json")
    call("get none", "get_object", Key="none")
    call("head none", "head_object", Key="none")
    call("no bucket", "get_object", Bucket="no-such-box", Key="none")
    call("list no bucket", "list_objects_v2", Bucket="no-such-box")
    call("tags", "get_object_tagging", Key="a.json")
    call("tag", "put_object_tagging", Key="a.json", Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    call("tagged", "get_object_tagging", Key="a.json")
    call("untag", "delete_object_tagging", Key="a.json")
    call("untagged", "get_object_tagging", Key="a.json")
    call("tag twice", "put_object_tagging", Key="a.json",
         Tagging={"TagSet": [{"Key": "c", "Value": "3"}, {"Key": "c", "Value": "4"}]})
    call("untag again", "delete_object_tagging", Key="a.json")
    call("digits", "put_object", Key="digits", Body=b"0123456789")
    for span in ("0-3", "4-", "-3", "0-100", "9-9", "10-12", "-0"):
        call(f"range {span}", "get_object", Key="digits", Range=f"bytes={span}")
    call("range of head", "head_object", Key="digits", Range="bytes=0-3")
    tag = etag(b"0123456789")
    call("get if tag", "get_object", Key="digits", IfMatch=tag)
    call("get if other", "get_object", Key="digits", IfMatch="0" * 32)
    call("get unless tag", "get_object", Key="digits", IfNoneMatch=tag)
    call("head unless tag", "head_object", Key="digits", IfNoneMatch=tag)
    call("modified since past", "get_object", Key="digits", IfModifiedSince=past)
    call("unmodified since past", "get_object", Key="digits", IfUnmodifiedSince=past)
    call("unmodified since future", "get_object", Key="digits", IfUnmodifiedSince=future)
    call("override", "get_object", Key="digits", ResponseContentType="text/x", ResponseContentDisposition="inline",
         ResponseCacheControl="no-store", ResponseContentLanguage="de", ResponseExpires=future)
    call("create there", "put_object", Key="digits", Body=b"x", IfNoneMatch="*")
    call("create new", "put_object", Key="new", Body=b"x", IfNoneMatch="*")
    call("replace if tag", "put_object", Key="new", Body=b"y", IfMatch=etag(b"x"))
    call("replace if other", "put_object", Key="new", Body=b"z", IfMatch=etag(b"x"))
    for name in ("CRC32", "SHA1", "SHA256"):
        call(f"put {name}", "put_object", Key=f"sum-{name}", Body=b"123456789", ChecksumAlgorithm=name)
        call(f"head {name}", "head_object", Key=f"sum-{name}", ChecksumMode="ENABLED")
    call("attributes", "get_object_attributes", Key="sum-SHA256",
         ObjectAttributes=["Checksum", "ObjectSize", "StorageClass"])
    zeros = base64.b64encode(bytes(32)).decode()
    call("wrong checksum", "put_object", Key="wrong", Body=b"123456789", ChecksumSHA256=zeros)
    call("wrong md5", "put_object", Key="wrong", Body=b"123456789", ContentMD5=zeros[:22] + "==")
    call("wrong is not there", "head_object", Key="wrong")
    call("forget wrong", "delete_object", Key="wrong")
    for key in ("p/a", "p/b", "p/c/d", "p/c/e", "p", "q r/ü.json", "z&<>\"'+%41", "p//x", "../up", "./here"):
        call(f"put {key}", "put_object", Key=key, Body=key.encode())
        call(f"get {key}", "get_object", Key=key)
    call("list", "list_objects_v2")
    call("list of old", "list_objects")
    call("list folder", "list_objects_v2", Prefix="p/", Delimiter="/")
    call("list folder of old", "list_objects", Prefix="p/", Delimiter="/")
    call("list after", "list_objects_v2", StartAfter="p/a", MaxKeys=2, FetchOwner=True)
    call("list nothing", "list_objects_v2", Prefix="nothing")
    call("list marker", "list_objects", Marker="p/b", MaxKeys=2)
    names, token = [], {}
    while True:
        answer = s3.list_objects_v2(Bucket="shape-box", MaxKeys=3, **token)
        names += [item["Key"] for item in answer.get("Contents", [])]
        if not answer["IsTruncated"]:
            break
        token = {"ContinuationToken": answer["NextContinuationToken"]}
    found["pages"] = names
    source = {"Bucket": "shape-box", "Key": "a.json"}
    call("copy", "copy_object", Key="copy.json", CopySource=source)
    call("copied", "head_object", Key="copy.json")
    call("copy anew", "copy_object", Key="copy.json", CopySource=source, MetadataDirective="REPLACE", Metadata={"x": "y"},
         ContentType="text/plain")
    call("copied anew", "head_object", Key="copy.json")
    call("copy to itself", "copy_object", Key="a.json", CopySource=source)
    call("copy to itself anew", "copy_object", Key="a.json", CopySource=source, MetadataDirective="REPLACE", Metadata={"k": "v"})
    call("copied to itself", "head_object", Key="a.json")
    call("copy if tag", "copy_object", Key="c2", CopySource={**source, "Key": "digits"}, CopySourceIfMatch="0" * 32)
    call("copy none", "copy_object", Key="c2", CopySource={**source, "Key": "nothing"})
    call("copy odd", "copy_object", Key="c2", CopySource={**source, "Key": "q r/ü.json"})
    call("delete", "delete_object", Key="c2")
    call("delete again", "delete_object", Key="c2")
    call("delete many", "delete_objects", Delete={"Objects": [{"Key": "p/a"}, {"Key": "p/b"}, {"Key": "nothing"}]})
    call("delete quietly", "delete_objects", Delete={"Objects": [{"Key": "p/c/d"}], "Quiet": True})
    call("list rest", "list_objects_v2", Prefix="p")
    upload = call("begin", "create_multipart_upload", Key="large", ContentType="text/large", Metadata={"m": "1"})["UploadId"]
    part = {"Key": "large", "UploadId": upload}
    call("uploads", "list_multipart_uploads")
    five, rest = b"5" * (5 << 20), b"rest"
    call("part 1", "upload_part", PartNumber=1, Body=five, **part)
    call("part 2", "upload_part", PartNumber=2, Body=rest, **part)
    call("part 3", "upload_part_copy", PartNumber=3, CopySource={**source, "Key": "digits"}, CopySourceRange="bytes=2-4", **part)
    call("parts", "list_parts", **part)
    call("parts, one", "list_parts", MaxParts=1, **part)

    def complete(label, *parts, **more):
        listed = [{"ETag": etag(content), "PartNumber": number} for number, content in parts]
        call(label, "complete_multipart_upload", MultipartUpload={"Parts": listed}, **{**part, **more})

    complete("wrong order", (2, rest), (1, five))
    complete("wrong part", (1, rest))
    complete("small part", (2, rest), (3, b"234"))
    complete("complete", (1, five), (2, rest))
    call("large head", "head_object", Key="large")
    call("large", "get_object", Key="large")
    call("large part", "get_object", Key="large", PartNumber=2)
    call("parts of none", "list_parts", **part)
    upload = call("begin another", "create_multipart_upload", Key="large2")["UploadId"]
    call("abort", "abort_multipart_upload", Key="large2", UploadId=upload)
    call("part of none", "upload_part", Key="large2", UploadId=upload, PartNumber=1, Body=b"x")
    complete("complete none", (1, five), UploadId="nothing")
    call("drop what is full", "delete_bucket")
    for item in s3.list_objects_v2(Bucket="shape-box")["Contents"]:
        s3.delete_object(Bucket="shape-box", Key=item["Key"])
    call("drop", "delete_bucket")
    call("dropped", "head_bucket")
    call("drop again", "delete_bucket")
    return found


def shape(endpoint, other):
    ours, theirs = calls(endpoint), calls(other)
    equal(list(ours), list(theirs), "calls")
    wrong = [
        f"{label}:\n  ours   {ours[label]}\n  theirs {theirs[label]}"
        for label in ours
        if ours[label] != theirs[label] and label not in DEVIATIONS
    ]
    assert not wrong, "\n".join(wrong)
    assert len(ours) - len(DEVIATIONS) > 80, len(ours)


if __name__ == "__main__":
    {"cli": cli, "select": select, "keys": keys, "writers": writers, "shape": shape}[sys.argv[1]](*sys.argv[2:])
