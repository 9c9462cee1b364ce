"""Makes and judges attestations with other people's libraries: securesystemslib, in-toto-attestation, cryptography, PyNaCl.

attest.py image URL REPOSITORY TAG            pushes a small image, and prints its digest as JSON
attest.py judge URL REPOSITORY DIGEST PUBLIC  verifies every envelope beside an image, and prints their statements
attest.py sign URL REPOSITORY DIGEST KEY TIME WORD [SUBJECT]
                                              lays an attestation with this verdict under the tag of an image
attest.py cosign-key FILE PASSWORD            writes a key as cosign encrypts it, and FILE.pub
"""

import base64
import hashlib
import io
import json
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from nacl.secret import SecretBox
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
PREDICATE = "https://cosign.sigstore.dev/attestation/vuln/v1"


def ask(method, url, body=None, kind=None):
    headers = {"Accept": f"{MANIFEST}, {INDEX}"}
    if kind:
        headers["Content-Type"] = kind
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as answer:
        return answer.headers, answer.read()


def digest_of(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def push_blob(url, repository, body):
    headers, _ = ask("POST", f"{url}/v2/{repository}/blobs/uploads/", b"")
    place = urllib.parse.urljoin(url, headers["Location"])
    mark = "&" if "?" in place else "?"
    ask("PUT", f"{place}{mark}digest={digest_of(body)}", body, "application/octet-stream")
    return {"digest": digest_of(body), "size": len(body)}


def push_image(url, repository, tag, layers, config):
    config = push_blob(url, repository, json.dumps(config).encode())
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": layers,
    }).encode()
    ask("PUT", f"{url}/v2/{repository}/manifests/{tag}", manifest, MANIFEST)
    return digest_of(manifest)


def image(url, repository, tag):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        text = f'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="{tag}"\n'.encode()
        entry = tarfile.TarInfo("etc/os-release")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    layer = data.getvalue()
    config = {
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
    }
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **push_blob(url, repository, layer)}]
    print(json.dumps(push_image(url, repository, tag, layers, config)))


def manifest_of(url, repository, name):
    try:
        return json.loads(ask("GET", f"{url}/v2/{repository}/manifests/{name}")[1])
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def envelopes(url, repository, digest):
    """Those of the image of attestations, and of the manifests that the tag of the digest lists."""
    tag = digest.replace(":", "-")
    found = []
    holders = [("tag", manifest_of(url, repository, f"{tag}.att"))]
    index = manifest_of(url, repository, tag) or {"manifests": []}
    for entry in index["manifests"]:
        manifest = manifest_of(url, repository, entry["digest"])
        assert manifest["subject"]["digest"] == digest, manifest
        holders.append(("referrer", manifest))
    for kind, manifest in holders:
        for layer in (manifest or {"layers": []})["layers"]:
            _, blob = ask("GET", f"{url}/v2/{repository}/blobs/{layer['digest']}")
            found.append((kind, layer, json.loads(blob)))
    return found


def judge(url, repository, digest, public):
    with open(public, "rb") as file:
        key = serialization.load_pem_public_key(file.read())
    key = SSlibKey.from_crypto(key)
    # It compares names of keys before signatures; ours bear none, as cosign's.
    key.keyid = ""
    answers = []
    for kind, layer, envelope in envelopes(url, repository, digest):
        envelope = Envelope.from_dict(envelope)
        try:
            envelope.verify([key], 1)
            verified = True
        except Exception:  # whatever it is, it is not verified
            verified = False
        proto = json_format.Parse(envelope.payload, statement_pb2.Statement(), ignore_unknown_fields=False)
        Statement.copy_from_pb(proto).validate()
        answers.append({
            "kind": kind, "verified": verified, "media_type": layer["mediaType"],
            "payload_type": envelope.payload_type, "statement": json.loads(envelope.payload),
        })
    print(json.dumps(answers))


def sign(url, repository, digest, key, time, word, subject=None):
    with open(key, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    predicate = {
        "invocation": {"parameters": [], "uri": "", "event_id": "elsewhere-1", "builder.id": "elsewhere"},
        "scanner": {
            "uri": "", "version": "1", "db": {"uri": "", "version": ""},
            "result": {"Plimsoll": {"Verdict": word, "Rules": ["fail on HIGH or worse"]}},
        },
        "metadata": {"scanStartedOn": time, "scanFinishedOn": time},
    }
    subject = ResourceDescriptor(name="app", digest={"sha256": (subject or digest).split(":")[1]}).pb
    statement = Statement([subject], PREDICATE, predicate)
    statement.validate()
    payload = json_format.MessageToJson(statement.pb).encode()
    envelope = Envelope(payload, "application/vnd.in-toto+json", {})
    envelope.sign(CryptoSigner(key))
    body = json.dumps(envelope.to_dict()).encode()
    layer = {
        "mediaType": ENVELOPE, **push_blob(url, repository, body),
        "annotations": {"dev.cosignproject.cosign/signature": "", "predicateType": PREDICATE},
    }
    config = {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    tag = digest.replace(":", "-") + ".att"
    print(json.dumps(push_image(url, repository, tag, [layer], config)))


def cosign_key(path, password):
    key = ec.generate_private_key(ec.SECP256R1())
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, nonce = hashlib.sha256(b"salt").digest(), hashlib.sha256(b"nonce").digest()[:24]
    secret = hashlib.scrypt(password.encode(), salt=salt, n=65536, r=8, p=1, dklen=32, maxmem=128 << 20)
    text = lambda data: base64.b64encode(data).decode()
    sealed = json.dumps({
        "kdf": {"name": "scrypt", "params": {"N": 65536, "r": 8, "p": 1}, "salt": text(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": text(nonce)},
        "ciphertext": text(SecretBox(secret).encrypt(plain, nonce).ciphertext),
    }).encode()
    body = text(sealed)
    lines = "\n".join(body[at:at + 64] for at in range(0, len(body), 64))
    label = "ENCRYPTED SIGSTORE PRIVATE KEY"
    with open(path, "w") as file:
        file.write(f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
    with open(path + ".pub", "wb") as file:
        file.write(key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ))
    print("null")


ACTIONS = {"image": image, "judge": judge, "sign": sign, "cosign-key": cosign_key}

if __name__ == "__main__":
    ACTIONS[sys.argv[1]](*sys.argv[2:])
