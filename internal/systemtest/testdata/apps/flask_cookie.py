"""The tutorial's counter in Flask. Its state is in a cookie. It appends the MessageSid of each call to LEDGER."""

import logging
import os

from flask import Flask, request, session
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

app = Flask(__name__)
app.secret_key = "a secret key"
logging.getLogger("werkzeug").setLevel(logging.ERROR)
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


@app.post("/sms")
def sms():
    if not validator.validate(request.url, request.form, request.headers.get("X-Twilio-Signature", "")):
        return "The signature is wrong.", 403
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(request.form["MessageSid"] + "\n")
    count = session["count"] = session.get("count", 0) + 1
    response = MessagingResponse()
    response.message(f"Hello, thanks for message number {count}" if count > 1 else "Hello, thanks for the new message.")
    return str(response)


app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
