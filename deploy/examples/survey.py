# A survey of three questions in Flask. The answers are in flask.session, which is a signed cookie. To run it:
# SECRET_KEY=... TWILIO_AUTH_TOKEN=... flask --app survey run --port 5000        (needs Flask and Twilio's library)
# APP_URL=http://127.0.0.1:5000/sms smsession serve
import os

from flask import Flask, abort, request, session
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


@app.post("/sms")
def sms():
    if not validator.validate(request.url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)
    answers = session.get("answers", []) + [request.form["Body"]]  # the first message answers no question
    session["answers"] = answers
    texts = [
        "What is your name?",
        "How many stars, 1 to 5?",
        "What can be better?",
        "Thank you for your answers: " + ", ".join(answers[1:]),
    ]
    if len(answers) == len(texts):
        session.clear()  # the next message begins again
    response = MessagingResponse()
    response.message(texts[len(answers) - 1])
    return str(response)
