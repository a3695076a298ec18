# The counter of Twilio's tutorial in Sinatra. The count is in the cookie of Rack::Session::Cookie. To run it:
# SECRET_KEY=... TWILIO_AUTH_TOKEN=... ruby counter.rb -p 5000                                (needs Sinatra and Puma)
# APP_URL=http://127.0.0.1:5000/sms smsession serve
require "openssl"
require "sinatra"

use Rack::Session::Cookie, secret: ENV.fetch("SECRET_KEY") # newer versions of Rack require 64 bytes

# Twilio signs the URL and the sorted parameters with the auth token.
before do
  signed = request.url + request.POST.sort.join
  signature = [OpenSSL::HMAC.digest("SHA1", ENV.fetch("TWILIO_AUTH_TOKEN"), signed)].pack("m0")
  halt 403 unless Rack::Utils.secure_compare(signature, request.env["HTTP_X_TWILIO_SIGNATURE"].to_s)
end

post "/sms" do
  count = session[:count] = session.fetch(:count, 0) + 1
  content_type "text/xml"
  text = count == 1 ? "Hello, thanks for the new message." : "Hello, thanks for message number #{count}"
  "<Response><Message>#{text}</Message></Response>"
end
