"""Sends mails over one kept session with smtplib, and prints how long they took.

Arguments: port, mails, recipients of each mail, octets of each mail.
"""

import json
import smtplib
import sys
import time

port, mails, recipients, size = map(int, sys.argv[1:])
raw = b"Subject: bench\r\n\r\n" + (b"0123456789" * 7 + b"\r\n") * (size // 72)
names = ["user-%d@example.com" % n for n in range(recipients)]
session = smtplib.SMTP("127.0.0.1", port, local_hostname="worker.example.com")


def send(count):
    for _ in range(count):
        session.sendmail("carol@remote.test", names, raw)


send(mails // 10)
began, cpu = time.perf_counter(), time.process_time()
send(mails)
print(json.dumps({"ms": (time.perf_counter() - began) * 1000 / mails, "cpuMs": (time.process_time() - cpu) * 1000 / mails}))
session.quit()
