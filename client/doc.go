// Package client calls the REST API of a Leadflip instance from Go. It needs the
// standard library alone.
//
//	c, err := client.New("https://leads.example.com", os.Getenv("LEADFLIP_KEY"))
//	…
//	r, err := c.Leads.Intake(ctx, client.NewLead{Entity: "leads", Fields: map[string]any{"email": "ada@example.com"}}, nil)
//
// What it guarantees:
//
//   - A refusal is a *Problem: errors.As and errors.AsType find it, with its code, the wrong values and
//     the request id.
//   - A call is repeated when its outcome is not known (the network failed) or the
//     server asks for it (429, 503, the same call still in flight), after as long as
//     Retry-After says, and never for any other reason. Calls that change something
//     carry an Idempotency-Key of their own, so that a repeat never does it twice.
//   - Every call ends when its context does.
//   - The key is sent in the Authorization header to the instance and nowhere else:
//     redirects are not followed, and no error, log line or formatted value has it.
//   - Numbers in values are json.Number, with the digits that were sent.
//
// A Client may be used by many goroutines at once.
package client
