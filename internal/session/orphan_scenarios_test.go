package session

// orphanScenarios are the scenarios in which a request could make more than one record.
func orphanScenarios() []scenario {
	return []scenario{
		{"a first message and three faults", 3, 1, func(w *world) {
			w.deliver("SMa", "", false)
		}},
		{"two first messages and two faults", 2, 1, func(w *world) {
			w.deliver("SMa", "", false)
			w.deliver("SMb", "", false)
		}},
		{"a first message whose pointer leads nowhere, and two faults", 2, everyOrder, func(w *world) {
			w.model.keys["sms:conversation:+15005550006:+12025550143"] = orphan
			w.deliver("SMa", "", false)
		}},
		{"a first message that is given up, and two faults", 2, everyOrder, func(w *world) {
			w.deliver("SMa", "", false, impatient)
		}},
		{"a first message that is given up, its repeat and two faults", 2, 1, func(w *world) {
			w.deliver("SMa", "", false, impatient)
			w.deliver("SMa", "", false)
		}},
		{"a first message that is given up, another one and two faults", 2, 1, func(w *world) {
			w.deliver("SMa", "", false, impatient)
			w.deliver("SMb", "", false)
		}},
	}
}
