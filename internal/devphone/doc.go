// Package devphone is the page of `smsession dev`: phones in the browser, with what just happened on the wire and the
// live record in Redis beside them. The phones are internal/phone's, and stay in this process with the auth token: the
// browser shows them and presses their buttons.
//
// It is no part of the service, and decides nothing about messages.
package devphone
