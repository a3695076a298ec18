package appcheck

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"smsession/internal/config"
)

// checkJSON checks an app that speaks JSON. answer gets the body of a message and the app's data.
func checkJSON(t *testing.T, answer func(body string, data map[string]any) string) (*recorder, error) {
	t.Helper()
	o := optionsFor(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			Message struct{ Body string }
			Session struct{ Data map[string]any }
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil || r.Header.Get("Webhook-Signature") == "" {
			http.Error(w, "Bad request.", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer(call.Message.Body, call.Session.Data))
	}))
	o.App.Protocol, o.App.Secrets = config.AppJSON, config.AppSecrets{[]byte("0123456789abcdef01234567")}
	return checkWith(t, o)
}

func TestJSONApps(t *testing.T) {
	step := func(data map[string]any) int {
		n, _ := data["step"].(float64)
		return int(n) + 1
	}
	t.Run("an app with data is safe to call again", func(t *testing.T) {
		t.Parallel()
		r, err := checkJSON(t, func(_ string, data map[string]any) string {
			return fmt.Sprintf(`{"reply":"This is step %[1]d.","data":{"step":%[1]d}}`, step(data))
		})
		if err != nil || r.summary.Warned > 0 || r.summary.SafeToCallAgain != SafeYes {
			t.Fatalf("%v, %+v\n%s", err, r.summary, r.findings())
		}
		second := r.scenario(t, "second message").Messages[1]
		if string(second.Calls[0].Data) != `{"step":2}` || second.Replies[0].Body != "This is step 2." {
			t.Errorf("the second message is %+v", second)
		}
	})
	t.Run("an app that ends each conversation loses no state", func(t *testing.T) {
		t.Parallel()
		r, err := checkJSON(t, func(_ string, data map[string]any) string {
			return fmt.Sprintf(`{"reply":"Step %[1]d, bye.","data":{"step":%[1]d},"end":true}`, step(data))
		})
		if err != nil {
			t.Errorf("%v\n%s", err, r.findings())
		}
	})
	t.Run("an app whose data changes with each call is not safe", func(t *testing.T) {
		t.Parallel()
		n := 0
		r, err := checkJSON(t, func(string, map[string]any) string {
			n++
			return fmt.Sprintf(`{"reply":"Thank you.","data":{"n":%d}}`, n)
		})
		if err != nil || r.summary.SafeToCallAgain != SafeNo {
			t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
		}
	})
	for _, row := range []struct{ name, answer, fault string }{
		{"a type that is wrong", `{"reply":1}`, "not_json"},
		{"a field that is unknown", `{"text":"hi"}`, "not_json"},
		{"text that is not JSON", `hi`, "not_json"},
		{"data that is not an object", `{"reply":"hi","data":[1]}`, "data"},
		{"reply together with replies", `{"reply":"hi","replies":[{"body":"hi"}]}`, "replies"},
		{"eleven replies", `{"replies":[` + strings.Repeat(`{"body":"hi"},`, 10) + `{"body":"hi"}]}`, "replies"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := checkJSON(t, func(string, map[string]any) string { return row.answer })
			m := r.results[0].Messages[0]
			if err == nil || r.summary.OK || m.Calls[0].Fault != row.fault || !hasError(m.Findings) ||
				m.Findings[0].Code != 0 {
				t.Errorf("%v, %+v\n%s", err, m.Calls, r.findings())
			}
		})
	}
}
