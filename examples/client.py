"""A client of the input API in plain Python 3 (standard library only).

    REMESSA_URL=http://127.0.0.1:8080 REMESSA_TOKEN=rk_... python3 examples/client.py debts.csv

Sends a file (streamed from disk, with a checksum), waits for its batch, prints the totals and the rejected lines, then
registers one debt as a submission.
"""
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("REMESSA_URL", "http://127.0.0.1:8080")
TOKEN = os.environ["REMESSA_TOKEN"]
FINAL = {"completed", "failed", "cancelled"}
TRIES = 5


def ask(method, path, body=None, headers=None):
    """One request; `body` makes the body anew for each try. The same key goes with each, so trying again is safe."""
    own = {"Authorization": "Bearer " + TOKEN, **(headers or {})}
    if method == "POST":
        own["Idempotency-Key"] = str(uuid.uuid4())
    for tries in range(1, TRIES + 1):
        request = urllib.request.Request(URL + path, method=method, headers=own, data=body() if body else None)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            problem = json.loads(error.read())
            wait = error.headers.get("Retry-After")
            if wait is None or tries == TRIES:
                raise SystemExit(problem["detail"])
            time.sleep(int(wait))


def ask_json(method, path, value=None):
    body = None if value is None else lambda: json.dumps(value).encode()
    return json.loads(ask(method, path, body, {"Content-Type": "application/json"} if body else None))


def send_file(path):
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else sha256(file)
    headers = {
        "Content-Type": "text/csv",
        "Content-Length": str(os.path.getsize(path)),
        "X-Checksum-SHA256": digest,
    }
    return json.loads(ask("POST", "/v1/files?file=debts.csv", lambda: open(path, "rb"), headers))


def sha256(file):
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()


def finished(batch):
    while batch["state"] not in FINAL:
        time.sleep(0.2)
        batch = ask_json("GET", "/v1/batches/" + batch["id"])
    return batch


def main():
    sent = finished(send_file(sys.argv[1]))
    print("file", sent["state"], json.dumps(sent["receipt"]["lines"]))
    print(ask("GET", "/v1/batches/%s/rejects" % sent["id"]))
    submission = ask_json("POST", "/v1/submissions", {"file": "lines.csv"})["id"]
    line = {
        "external_ref": "CT-9003",
        "debtor_name": "Ana Lima",
        "cpf": "390.533.447-05",
        "amount": "10.00",
        "due_date": "2026-01-20",
    }
    ask_json("POST", "/v1/submissions/%s/lines" % submission, {"lines": [line]})
    submitted = finished(ask_json("POST", "/v1/submissions/%s/submit" % submission))
    print("submission", submitted["state"], json.dumps(submitted["receipt"]["lines"]))


main()
