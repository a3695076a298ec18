// The tutorial's counter as an app that speaks JSON, verified by the library of Standard Webhooks. It keeps no state.
// It appends the ID of each call to LEDGER.
const fs = require("fs");
const http = require("http");
const { Webhook } = require("standardwebhooks");

const { APP_SECRET, LEDGER, PORT } = process.env;
const webhook = new Webhook(APP_SECRET);

http.createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  let event;
  try {
    event = webhook.verify(Buffer.concat(chunks).toString(), req.headers);
  } catch (error) {
    res.writeHead(403).end(error.message);
    return;
  }
  fs.appendFileSync(LEDGER, req.headers["webhook-id"] + "\n");
  const count = (event.session.data.count ?? 0) + 1;
  const reply = count > 1 ? `Hello, thanks for message number ${count}` : "Hello, thanks for the new message.";
  res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ reply, data: { count } }));
}).listen(PORT, "127.0.0.1");
