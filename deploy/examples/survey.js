// A survey of three questions in Express. The answers are in the cookies of cookie-session. To run it:
// npm install express cookie-session twilio && SECRET_KEY=... TWILIO_AUTH_TOKEN=... PORT=5000 node survey.js
// APP_URL=http://127.0.0.1:5000/sms smsession serve
const express = require("express");
const cookieSession = require("cookie-session");
const twilio = require("twilio");

const app = express();
app.set("trust proxy", true); // so that the signature is also right if APP_PUBLIC_URL is the URL that Twilio calls
app.use(express.urlencoded({ extended: false }));
app.use(cookieSession({ name: "survey", secret: process.env.SECRET_KEY }));

// twilio.webhook() answers 403 if the request is not signed with TWILIO_AUTH_TOKEN.
app.post("/sms", twilio.webhook(), (req, res) => {
  const answers = [...(req.session.answers ?? []), req.body.Body]; // the first message answers no question
  const texts = [
    "What is your name?",
    "How many stars, 1 to 5?",
    "What can be better?",
    "Thank you for your answers: " + answers.slice(1).join(", "),
  ];
  req.session = answers.length < texts.length ? { answers } : null; // after the last one, the next message begins again
  const response = new twilio.twiml.MessagingResponse();
  response.message(texts[answers.length - 1]);
  res.type("text/xml").send(response.toString());
});

app.listen(process.env.PORT, "127.0.0.1");
