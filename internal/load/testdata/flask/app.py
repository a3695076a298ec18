"""The SMS conversation of Twilio's tutorial, in Python, with the texts of the tutorial.

The count is kept in Flask's session, which is a signed cookie. The server does not check Twilio's signature and does not
detect repeats. It counts correctly for one sender who waits for every reply.

    python3 app.py [PORT]

The server listens on loopback. If no port is given, it listens on a free port. It prints the port.
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
