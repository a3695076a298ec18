// The tutorial's counter in Express. SESSION says where its state is: cookie-session keeps it in cookies, and
// express-session in this process. It appends the MessageSid of each call to LEDGER. VERIFY says how it verifies
// signatures: "called" and "proxy" compare with the URL of the request, and any other value is the URL itself.
const fs = require("fs");
const express = require("express");
const twilio = require("twilio");

const { LEDGER, PORT, SESSION, VERIFY } = process.env;
const sessions = {
  "cookie-session": () => require("cookie-session")({ secret: "a secret key" }),
  "express-session": () =>
    require("express-session")({ secret: "a secret key", resave: false, saveUninitialized: false }),
};

const app = express();
app.set("trust proxy", VERIFY === "proxy");
app.use(express.urlencoded({ extended: false }));
app.use(sessions[SESSION]());
app.post("/sms", twilio.webhook(["called", "proxy"].includes(VERIFY) ? {} : { url: VERIFY }), (req, res) => {
  fs.appendFileSync(LEDGER, req.body.MessageSid + "\n");
  req.session.count = (req.session.count ?? 0) + 1;
  const count = req.session.count;
  const response = new twilio.twiml.MessagingResponse();
  response.message(count > 1 ? `Hello, thanks for message number ${count}` : "Hello, thanks for the new message.");
  res.type("text/xml").send(response.toString());
});
app.listen(PORT, "127.0.0.1");
