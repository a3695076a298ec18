"""An SMS conversation as Twilio's tutorial has it, in Python, with the texts of the tutorial.

The count stands in Flask's own session, which is signed and lives in the cookie. There is no check of the signature, and
nothing to know a message again by. It works for one sender who waits for every reply.

    python3 app.py [PORT]

It listens on loopback, on a free port if none is given, and prints the port.
"""

import logging
import sys

from flask import Flask, Response, session
from werkzeug.serving import make_server

app = Flask(__name__)
app.secret_key = "a secret key"


@app.route("/sms", methods=["POST"])
def hello():
    counter = session.get("counter", 0) + 1
    session["counter"] = counter
    if counter == 1:
        text = "Hello, thanks for the new message."
    else:
        text = f"Hello, thanks for message number {counter}"
    twiml = f'<?xml version="1.0" encoding="UTF-8"?><Response><Message>{text}</Message></Response>'
    return Response(twiml, mimetype="text/xml")


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0, app, threaded=True)
    print(server.port, flush=True)
    server.serve_forever()
