// The survey as a new app: JSON instead of TwiML. It keeps no session, because smsession stores its data. To run it:
// APP_SECRET=whsec_... PORT=5000 go run survey.go                     (a secret: echo whsec_$(openssl rand -base64 24))
// APP_SECRET=whsec_... APP_PROTOCOL=json APP_URL=http://127.0.0.1:5000/sms smsession serve
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() { panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(sms))) }

func sms(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Message struct{ Body string }
		Session struct{ Data struct{ Answers []string } }
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || !isSigned(r.Header, body) || json.Unmarshal(body, &in) != nil {
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	answers := append(in.Session.Data.Answers, in.Message.Body) // the first message answers no question
	texts := []string{"What is your name?", "How many stars, 1 to 5?", "What can be better?",
		"Thank you for your answers: " + strings.Join(answers[1:], ", ")}
	_ = json.NewEncoder(w).Encode(map[string]any{"reply": texts[len(answers)-1],
		"data": map[string]any{"answers": answers}, "end": len(answers) == len(texts)})
}

func isSigned(h http.Header, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("APP_SECRET"), "whsec_"))
	sent, _ := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "." + string(body)))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return err == nil && len(key) >= 24 && time.Since(time.Unix(sent, 0)).Abs() < 5*time.Minute &&
		slices.ContainsFunc(strings.Split(h.Get("webhook-signature"), " "),
			func(one string) bool { return hmac.Equal([]byte(one), []byte(want)) })
}
