// Package cookies keeps cookies as Twilio keeps them for a conversation. Parse reads a Set-Cookie header, a List holds
// the cookies of one server, and a Jar holds those of one pair of phone numbers.
//
// It does not use net/http's cookies, because net/http drops values that frameworks write and that browsers accept.
package cookies
