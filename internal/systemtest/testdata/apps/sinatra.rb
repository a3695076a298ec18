# The tutorial's counter in Sinatra. Its state is in a cookie. It appends the MessageSid of each call to LEDGER.
require "sinatra"

set :bind, "127.0.0.1"
set :port, ENV.fetch("PORT")
set :server, :puma
set :logging, false
use Rack::Session::Cookie, secret: "a secret key" * 8

post "/sms" do
  File.write(ENV.fetch("LEDGER"), params[:MessageSid] + "\n", mode: "a")
  count = session[:count] = session.fetch(:count, 0) + 1
  content_type "text/xml"
  text = count > 1 ? "Hello, thanks for message number #{count}" : "Hello, thanks for the new message."
  "<Response><Message>#{text}</Message></Response>"
end
