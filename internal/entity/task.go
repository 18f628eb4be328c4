package entity

import (
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// TaskKind is a kind of work on all leads of an entity.
type TaskKind string

// The kinds of task.
const (
	Rebuild TaskKind = "rebuild" // of what is stored beside the values: index, search, encryption, missing statuses
	Purge   TaskKind = "purge"   // of the values of a deleted field, or the statuses of a deleted pipeline
	Move    TaskKind = "move"    // of the leads of a deleted status to another one
)

// TaskState is how far a task is.
type TaskState string

// The states of a task.
const (
	Waiting TaskState = "waiting"
	Running TaskState = "running"
	Done    TaskState = "done"
	Failed  TaskState = "failed"
)

// Task is work on all leads of an entity that goes on beside requests. It is written
// with the change that needs it; the room of leads carries it out, slice by slice, and
// ends it with Finish.
type Task struct {
	ID        id.ID
	AccountID id.ID
	EntityID  id.ID
	Kind      TaskKind
	ObjectID  id.ID // purge: a field or pipeline; move: a status
	TargetID  id.ID // move: the status that takes the leads
	State     TaskState
	Done      int64 // leads
	Total     int64 // leads; 0 until it is known
	Problem   string
	CreatedAt time.Time
	UpdatedAt time.Time

	Object, To string // the names of object and target, while they are known

	Place string // where the next slice begins; whoever carries the task out says what it means
	lease int64  // as this node took it
}
