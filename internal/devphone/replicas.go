package devphone

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"smsession/internal/fleet"
	"smsession/internal/outage"
	"smsession/internal/phone"
)

// pauseTime is for how long the button pauses Redis. It is longer than a command to Redis may take, and shorter than a
// message may wait.
const pauseTime = 3 * time.Second

// replicaRoutes adds the routes that exist only if there are several replicas.
func (p *Page) replicaRoutes(r chi.Router) {
	if p.Fleet != nil {
		r.Post("/dev/kill", answer(p.kill))
		r.Post("/dev/redis", answer(p.disturb))
	}
}

// addReplicas adds the states of the replicas and of their Redis to a response. Without several replicas, it does
// nothing.
func (p *Page) addReplicas(view map[string]any) map[string]any {
	if p.Fleet != nil {
		view["replicas"], view["redis"] = p.Fleet.State(), p.Outages.State()
	}
	return view
}

// kill kills a replica.
func (p *Page) kill(_ context.Context, in request) (any, error) {
	switch p.Fleet.Kill(in.Replica) {
	case fleet.ErrUnknown:
		return nil, noSuchReplica
	case fleet.ErrDown:
		return nil, replicaDown
	}
	return p.addReplicas(map[string]any{}), nil
}

// disturb restarts or pauses the Redis.
func (p *Page) disturb(_ context.Context, in request) (any, error) {
	var err error
	switch in.Do {
	case "restart":
		err = p.Outages.Restart()
	case "pause":
		err = p.Outages.Pause(pauseTime)
	default:
		return nil, noSuchOutage
	}
	if err != nil {
		return nil, redisBusy
	}
	return p.addReplicas(map[string]any{}), nil
}

// trace returns the replica that has answered last, and sentences about what happened on the way. They are 0 and "" if
// nothing is known or nothing happened. The delivery has taken this long and has just ended.
func (p *Page) trace(all []phone.Exchange, took time.Duration) (replica int, way string) {
	if p.Fleet == nil {
		return 0, ""
	}
	now := time.Now()
	return journey(all, p.Outages.During(now.Add(-took), now))
}

// journey describes the requests of a delivery, during which Redis had an outage unless during is outage.Up.
func journey(all []phone.Exchange, during outage.State) (replica int, way string) {
	all = slices.DeleteFunc(slices.Clone(all), func(x phone.Exchange) bool {
		return x.Reason != phone.Primary && x.Reason != phone.Fallback
	})
	var sentences []string
	switch during {
	case outage.Paused:
		sentences = append(sentences, "Redis was paused.")
	case outage.Restarting:
		sentences = append(sentences, "Redis was restarted.")
	}
	isSmooth := during == outage.Up
	for i, x := range all {
		replica, _ = strconv.Atoi(x.ResponseHeader.Get(fleet.Header)) // 0 if there is no header
		isSmooth = isSmooth && x.Status != 0 && x.Status < http.StatusInternalServerError
		attempt := ""
		if len(all) > 1 {
			attempt = fmt.Sprintf("Attempt %d: ", i+1)
		}
		if x.Reason == phone.Fallback {
			attempt = fmt.Sprintf("Attempt %d, at the fallback URL: ", i+1)
		}
		sentences = append(sentences, attempt+passage(x, replica))
	}
	if isSmooth {
		return replica, ""
	}
	return replica, strings.Join(sentences, " ")
}

// passage describes one request. A replica of 0 is not known.
func passage(x phone.Exchange, replica int) string {
	took := fmt.Sprintf("%d\u00a0ms", x.Took.Milliseconds())
	switch {
	case replica == 0 && x.Status == fleet.StatusNone:
		return "No replica was up."
	case replica == 0:
		return fmt.Sprintf("There was no answer within %s.", took)
	case x.Status == fleet.StatusKilled:
		return fmt.Sprintf("Replica %d was killed after %s.", replica, took)
	case x.Status != http.StatusOK:
		return fmt.Sprintf("Replica %d answered %d after %s.", replica, x.Status, took)
	}
	return fmt.Sprintf("Replica %d answered after %s.", replica, took)
}
