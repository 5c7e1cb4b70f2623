"""The worker that many people have today: boto3 and smtplib, a thread for each domain, one mail after another in each.

It keeps its connections to AWS and to the mail server. For each mail it gets the object, looks up the rule and the blocklist
of the recipient, delivers, marks the object by a copy onto itself, and deletes the entry. It has no ledger, no auto-reply,
no forward, and no retry beyond the queue's own.
"""

import email
import fnmatch
import json
import os
import signal
import smtplib
import sys
import threading
import time

import boto3
from botocore.config import Config

settings = Config(max_pool_connections=64, s3={"addressing_style": "path"})
where = {"endpoint_url": os.environ.get("AWS_ENDPOINT_URL"), "region_name": os.environ.get("AWS_REGION"), "config": settings}
sqs, s3, dynamo = (boto3.client(name, **where) for name in ("sqs", "s3", "dynamodb"))


def poll(domain):
    queue = sqs.get_queue_url(QueueName=domain.replace(".", "-") + "-queue")["QueueUrl"]
    server = Server()
    while True:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20, VisibilityTimeout=120)
        for entry in answer.get("Messages", []):
            try:
                handle(json.loads(json.loads(entry["Body"])["Message"]), server)
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=entry["ReceiptHandle"])
            except Exception as error:  # the entry becomes visible again
                print(domain, error, file=sys.stderr)


def handle(notice, server):
    action = notice["receipt"]["action"]
    place = {"Bucket": action["bucketName"], "Key": action["objectKey"]}
    answer = s3.get_object(**place)
    raw = answer["Body"].read()
    sender = email.message_from_bytes(raw.split(b"\r\n\r\n", 1)[0])["From"] or ""
    source = notice["mail"]["source"]
    recipients = []
    for recipient in notice["receipt"]["recipients"]:
        row("email-rules", recipient)
        patterns = [pattern["S"] for pattern in row("email-blocked-senders", recipient).get("blocked_patterns", {}).get("L", [])]
        if not any(fnmatch.fnmatch(address.lower(), pattern) for pattern in patterns for address in (source, sender)):
            recipients.append(recipient)
    status = "blocked"
    if recipients:
        server.deliver(source, recipients, raw)
        status = "delivered"
    marks = {**answer["Metadata"], "processed": "true", "processed_at": str(int(time.time())), "status": status}
    s3.copy_object(**place, CopySource=place, MetadataDirective="REPLACE", Metadata=marks, ContentType=answer["ContentType"])


def row(table, recipient):
    return dynamo.get_item(TableName=table, Key={"email_address": {"S": recipient}}).get("Item", {})


class Server:
    """One session with the mail server, which is kept."""

    def __init__(self):
        self.session = None

    def deliver(self, source, recipients, raw):
        if self.session is None:
            self.session = smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), local_hostname="worker.example.com")
        try:
            self.session.sendmail(source, recipients, raw)
        except smtplib.SMTPException:
            self.session = None
            raise


for each in os.environ["DOMAINS"].split(","):
    threading.Thread(target=poll, args=(each,), daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    signal.pause()
